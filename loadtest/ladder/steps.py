"""The steps that can be rehearsed: one machine, and the swarm. The same faults, done to each."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol

import sqlalchemy as sa

from loadtest.drills.cluster import Cluster
from loadtest.drills.entrance import Entrance
from loadtest.drills.tunnel import forwarded
from loadtest.evidence.ledger.database import CONTEXTS
from provisioning import cluster as provisioned
from provisioning.cli.main import main as ops
from provisioning.errors import OperatorError
from provisioning.inventory import load
from provisioning.rehearsal import guests, lifecycle, machine
from provisioning.rehearsal.cloud import ACME_ROOT
from provisioning.rehearsal.layout import CLOUD, INVENTORY, MACHINE, SHOP, USER
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.transport import Connection

AWAY = 20.0  # seconds that a host is without power
MANAGERS, WORKERS = 3, 2
SERVICE = "app_web"
HERE = ("--inventory", str(INVENTORY))
OURS = "docker ps --quiet --filter label=com.docker.compose.service="


class Step(Protocol):
    """A shop that can be broken and mended."""

    hosts: str  # in words
    guests: Sequence[str]  # the hosts that it has, the managed database among them
    entrance: Entrance

    def trouble(self) -> str:
        """Say what is not well; "" when nothing is."""

    def steady(self) -> AbstractContextManager[None]:
        """Let nothing be scaled as long as this lasts."""

    def kill_process(self) -> None:
        """Kill one of the shop's processes."""

    def restart_database(self) -> None:
        """Restart the database."""

    def release(self, image: str) -> None:
        """Deploy another release as an operator does."""

    def lose_host(self) -> None:
        """Cut the power of a host that runs the shop, and give it back later."""

    def urls(self) -> AbstractContextManager[dict[str, str]]:
        """Open a way to the database for the ledger."""


class OneMachine:
    """docs/one-machine.md."""

    hosts = "1 machine"
    guests: Sequence[str] = (MACHINE.name,)
    entrance = Entrance(SHOP, MACHINE.address, ACME_ROOT)

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def trouble(self) -> str:
        """Say what is not well; "" when nothing is."""
        try:
            healthy = self._run("docker ps --quiet --filter name=shop --filter health=healthy")
        except OperatorError as error:
            return str(error)
        count = len(healthy.split())
        return machine.trouble() if count == 2 else f"{count} of 2 copies of the shop are healthy."

    def steady(self) -> AbstractContextManager[None]:
        """Do nothing: here nothing is scaled."""
        return nullcontext()

    def kill_process(self) -> None:
        """Kill one of the two."""
        self._run(f"kill -9 $(docker inspect --format '{{{{.State.Pid}}}}' $({OURS}shop1))")

    def restart_database(self) -> None:
        """Restart MySQL."""
        self._run(f"docker restart $({OURS}database)")

    def release(self, image: str) -> None:
        """Deploy by the guide."""
        machine.follow(self._fleet, "deploy", **{"registry.example.org/bookstore:1.1": image})

    def lose_host(self) -> None:
        """Cut the machine's power, and give it back."""
        lifecycle.crash(MACHINE.name)
        time.sleep(AWAY)
        lifecycle.boot(MACHINE.name)

    @contextmanager
    def urls(self) -> Iterator[dict[str, str]]:
        """Reach MySQL in its network of containers, through the machine."""
        password = self._run(f"sed -n 's/^DATABASE_PASSWORD=//p' ~{USER}/swarm/.env")
        form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        address = self._run(f"docker inspect --format '{form}' $({OURS}database)")
        url = f"mysql://bookstore:{password}@database:3306/bookstore"
        with _tunnel(self._fleet.to(machine.endpoint()), url, address) as urls:
            yield urls

    def restore(self) -> float:
        """Back up, lose the disk, restore on a bare machine; return the seconds that it took."""
        machine.follow(self._fleet, "backup")
        begin = time.monotonic()
        lifecycle.replace(MACHINE.name)
        self._fleet.forget(machine.endpoint())
        machine.copy_files(self._fleet)
        for block in ("packages", "restore"):
            machine.follow(self._fleet, block)
        machine.wait_for_readers()
        return time.monotonic() - begin

    def _run(self, script: str) -> str:
        connection = self._fleet.to(machine.endpoint())
        return connection.run(script, sudo=True, timeout=120).stdout.strip()


class Swarm:
    """A swarm behind a load balancer, with a managed database."""

    hosts = f"{MANAGERS} managers, {WORKERS} workers"

    def __init__(self, fleet: Fleet) -> None:
        self._cluster = Cluster(provisioned.Cluster(load(INVENTORY), fleet), True)
        self.guests: Sequence[str] = [*(host.name for host in self._cluster.inventory.host), CLOUD]
        self.entrance = self._cluster.entrance

    def trouble(self) -> str:
        """Say what is not well; "" when nothing is."""
        return self._cluster.trouble()

    @contextmanager
    def steady(self) -> Iterator[None]:
        """Hold the autoscaler: a replica cannot start where its host has less than its limit."""
        _need(ops(["autoscaler", "pause", SERVICE, *HERE]))
        try:
            yield
        finally:
            _need(ops(["autoscaler", "resume", SERVICE, *HERE]))

    def kill_process(self) -> None:
        """Kill a replica on the busiest worker."""
        label = f"label=com.docker.swarm.service.name={SERVICE}"
        replica = f"$(docker ps --quiet --filter {label} | head -1)"
        swarm, name = self._cluster.swarm, self._cluster.target("busiest")
        host = next(h for h in self._cluster.inventory.host if h.name == name)
        script = f"kill -9 $(docker inspect --format '{{{{.State.Pid}}}}' {replica})"
        swarm.to(host).run(script, sudo=True)

    def restart_database(self) -> None:
        """Restart the managed database."""
        subprocess.run(guests.shell(CLOUD, "systemctl restart mariadb"), check=True, timeout=60)

    def release(self, image: str) -> None:
        """Deploy as the operator's guide says."""
        _need(ops(["deploy", image, "--yes", *HERE]))

    def lose_host(self) -> None:
        """Cut the power of the worker with most replicas, and give it back."""
        lost = self._cluster.target("busiest")
        self._cluster.crash(lost)
        time.sleep(AWAY)
        self._cluster.boot(lost)

    @contextmanager
    def urls(self) -> Iterator[dict[str, str]]:
        """Reach the database through a manager."""
        url = self._cluster.inventory.cluster.database_url_file.read_text().strip()
        with _tunnel(self._cluster.swarm.manager(), url, sa.make_url(url).host or "") as urls:
            yield urls


@contextmanager
def _tunnel(connection: Connection, url: str, address: str) -> Iterator[dict[str, str]]:
    """Forward to a database; give the URLs at which the ledger finds it."""
    given = sa.make_url(url)
    with forwarded(connection, address, given.port or 3306) as port:
        here = given.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        yield dict.fromkeys(CONTEXTS, here)


def build(name: str) -> float:
    """Bring a step up from nothing, as its guide says; return the seconds that it took."""
    words = {
        "machine": ["--machine"],
        "swarm": ["--managers", str(MANAGERS), "--workers", str(WORKERS)],
    }[name]
    begin = time.monotonic()
    _need(ops(["rehearse", *words]))
    return time.monotonic() - begin


def _need(status: int) -> None:
    if status:
        raise OperatorError("An operator's command failed: see above.")


STEPS: Mapping[str, Callable[[Fleet], Step]] = {"machine": OneMachine, "swarm": Swarm}
