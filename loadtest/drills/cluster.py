"""The cluster that drills run on: what it looks like, and the ways to break and mend it."""

from __future__ import annotations

import json
import shlex
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

from loadtest.drills.catalogue import REQUESTS_EACH
from loadtest.report import Sample
from provisioning import care
from provisioning.errors import OperatorError
from provisioning.facts import seat
from provisioning.fleet import Fleet
from provisioning.inventory import Host, Inventory
from provisioning.rehearsal import guests, lifecycle
from provisioning.rehearsal.layout import CLOUD
from provisioning.rehearsal.layout import INVENTORY as REHEARSED
from provisioning.transport import Connection
from swarm.autoscaler import swarm_api
from swarm.autoscaler.loop import ROLLING
from swarm.autoscaler.swarm_api import Service, Snapshot, Task

SHOP = "app_web"
AUTOSCALER = "autoscaler_autoscaler"
_FILTER = "%7B%22desired-state%22%3A%5B%22running%22%5D%7D"
_ASK = "; echo; ".join(
    f"curl -sf --max-time 4 --unix-socket /var/run/docker.sock http://docker{path}"
    for path in ("/services", f"/tasks?filters={_FILTER}", "/nodes")
)


class Cluster:
    """A cluster by its inventory. Actions take the name of a host, or ""."""

    def __init__(self, inventory: Inventory, fleet: Fleet, rehearsed: bool) -> None:
        self.inventory = inventory
        self.fleet = fleet
        self.rehearsed = rehearsed
        self.lost: list[str] = []  # hosts that actions have taken away
        self._seat: Connection | None = None

    # Looking

    def snapshot(self) -> Snapshot:
        """Read services, tasks and nodes from a manager that answers."""
        for attempt in (1, 2):
            try:
                if self._seat is None:
                    self._seat = seat(self.inventory, self.fleet)
                text = self._seat.run(_ASK, sudo=True, timeout=10).stdout
                services, tasks, nodes = map(json.loads, filter(None, text.splitlines()))
                return swarm_api.parse(services, tasks, nodes)
            except (OperatorError, ValueError) as error:
                self._seat = None
                if attempt == 2:
                    raise OperatorError(f"No manager tells how the swarm is: {error}") from None
        raise AssertionError("unreachable")

    def sample(self) -> Sample:
        """Describe the moment for the report."""
        snapshot = self.snapshot()
        names = {n.id: n.attributes["node.hostname"] for n in snapshot.nodes}
        running = Counter(names.get(t.node, "?") for t in self.replicas(snapshot))
        down = [names[n.id] for n in snapshot.nodes if not n.usable]
        return Sample(time.time(), running, self.service(snapshot).replicas or 0, down)

    @staticmethod
    def service(snapshot: Snapshot, name: str = SHOP) -> Service:
        """Find a service."""
        for service in snapshot.services:
            if service.name == name:
                return service
        raise OperatorError(f"The service {name} does not run here: ./run ops deploy")

    def replicas(self, snapshot: Snapshot) -> list[Task]:
        """List the shop's replicas that run on hosts that are there."""
        service = self.service(snapshot)
        usable = {node.id for node in snapshot.nodes if node.usable}
        return [
            task
            for task in snapshot.tasks
            if task.service == service.id and task.state == "running" and task.node in usable
        ]

    def trouble(self) -> str:
        """Say in a sentence what is not healthy; "" when all is well."""
        try:
            snapshot = self.snapshot()
            shop = self.service(snapshot)
        except OperatorError as error:
            return str(error)
        down = [n.attributes["node.hostname"] for n in snapshot.nodes if not n.usable]
        if down:
            return f"These hosts are not ready: {', '.join(down)}."
        if len(snapshot.nodes) < len(self.inventory.host):
            return "Not all hosts of the inventory are in the swarm: ./run ops apply"
        if shop.update_state in ROLLING:
            return f"{SHOP} cannot be drilled now: {ROLLING[shop.update_state]}."
        running, wanted = len(self.replicas(snapshot)), shop.replicas or 0
        if running < wanted:
            return f"{running} of {wanted} replicas of {SHOP} run."
        return ""

    def wait_until_well(self, seconds: float = 120) -> str:
        """Wait until nothing is wrong; give what still is."""
        deadline = time.monotonic() + seconds
        while (wrong := self.trouble()) and time.monotonic() < deadline:
            time.sleep(2)
        return wrong

    def target(self, text: str) -> str:
        """Find the host that a step means."""
        snapshot = self.snapshot()
        names = {n.id: n.attributes["node.hostname"] for n in snapshot.nodes}
        edges = {h.name for h in self.inventory.host if h.is_edge}
        if text == "busiest":
            counts = Counter(names[t.node] for t in self.replicas(snapshot))
            workers = [name for name, _ in counts.most_common() if name not in edges]
            if not workers:
                raise OperatorError("No worker runs a replica of the shop.")
            return workers[0]
        if text == "leader":
            return self._manager().run("hostname").stdout.strip()
        if text == "edge":
            leader = self._manager().run("hostname").stdout.strip()
            return max(edges - {leader}, default=leader)
        if text == "lost":
            return self.lost[-1]
        return text

    # Breaking and mending

    def crash(self, host: str) -> None:
        """Cut a host's power."""
        self._rehearsal_only("cut power")
        self.lost.append(host)
        lifecycle.crash(host)

    def boot(self, host: str) -> None:
        """Give a host its power back."""
        lifecycle.boot(host)
        self.lost.remove(host)

    def crash_all_but_one(self, _: str) -> None:
        """Cut the power of all workers but one."""
        workers = [h.name for h in self.inventory.host if h.role == "worker"]
        for name in workers[:-1]:
            self.crash(name)

    def boot_all(self, _: str) -> None:
        """Give all lost hosts their power back."""
        for name in list(self.lost):
            self.boot(name)

    def partition(self, host: str) -> None:
        """Pull a host's network cable."""
        self._rehearsal_only("pull a cable")
        self.lost.append(host)
        lifecycle.partition(host, apart=True)

    def heal(self, host: str) -> None:
        """Put a host's network cable back."""
        lifecycle.partition(host, apart=False)
        self.lost.remove(host)

    def drain(self, host: str) -> None:
        """Empty a host as an operator does."""
        self.lost.append(host)
        care.drain(self.inventory, self.fleet, self._host(host), _quiet)

    def activate(self, host: str) -> None:
        """Take a host back."""
        care.activate(self.inventory, self.fleet, self._host(host), _quiet)
        self.lost.remove(host)

    def stop_manager(self, host: str) -> None:
        """Cut the power of a manager."""
        self.crash(host)

    def start_manager(self, host: str) -> None:
        """Give a manager its power back."""
        self.boot(host)

    def rebalance(self, _: str) -> None:
        """Spread the replicas evenly, as an operator does."""
        care.rebalance(self.inventory, self.fleet, _quiet)

    def roll(self, _: str) -> None:
        """Replace every replica."""
        self._update("--force")

    def release_badly(self, _: str) -> None:
        """Roll out a release that cannot become healthy: its check always fails."""
        self._update("--health-cmd 'exit 1' --health-start-period 5s --health-retries 1")

    def release_well(self, _: str) -> None:
        """Wait for the rollback."""
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            if self.service(self.snapshot()).update_state not in ("updating", "rollback_started"):
                return
            time.sleep(2)

    def stop_database(self, _: str) -> None:
        """Stop the database."""
        self._rehearsal_only("stop the database")
        _in_cloud("systemctl stop mariadb")

    def start_database(self, _: str) -> None:
        """Start the database."""
        _in_cloud("systemctl start mariadb")

    def hide_metrics(self, _: str) -> None:
        """Drop what the autoscaler sends to the edges' metrics."""
        self._autoscaler_firewall("-I OUTPUT")

    def show_metrics(self, _: str) -> None:
        """Let the autoscaler read metrics again."""
        with suppress(OperatorError):  # nothing to take away when it was not there
            self._autoscaler_firewall("-D OUTPUT")

    def tune_autoscaler(self, _: str) -> None:
        """Scale by requests per second, and down soon, so that a drill shows both in minutes."""
        self._label(measure="requests", target=str(REQUESTS_EACH), **{"down.window": "40s"})
        self._manager().run(f"docker service scale --detach {SHOP}=2", sudo=True)

    def reset_autoscaler(self, _: str) -> None:
        """Scale as swarm/app.yml says."""
        self._label(measure="in_flight", target="4", **{"down.window": "300s"})

    def note_five_times_the_load(self, _: str) -> None:
        """Mark the moment; the load's shape does it."""

    def note_the_load_ends(self, _: str) -> None:
        """Mark the moment; the load's shape does it."""

    def _label(self, **labels: str) -> None:
        self._update(
            " ".join(f"--label-add bookstore.autoscale.{k}={v}" for k, v in labels.items())
        )

    def mend(self) -> None:
        """Undo whatever took hosts away."""
        if not self.rehearsed:
            for name in list(self.lost):
                self.activate(name)
            return
        for name in list(self.lost):
            with suppress(OperatorError):
                lifecycle.boot(name)
            with suppress(OperatorError):
                lifecycle.partition(name, apart=False)
            with suppress(OperatorError):
                care.activate(self.inventory, self.fleet, self._host(name), _quiet)
            self.lost.remove(name)

    def act(self, action: str, target: str) -> str:
        """Do what a step says; give it in words."""
        host = self.target(target) if target else ""
        method: Callable[[str], None] = getattr(self, action.replace("-", "_"))
        method(host)
        return f"{action.replace('-', ' ')} {host}".strip()

    def _update(self, options: str) -> None:
        self._manager().run(
            f"docker service update --quiet --detach {options} {SHOP}", sudo=True, timeout=30
        )

    def _autoscaler_firewall(self, rule: str) -> None:
        """Change the firewall inside the autoscaler's own network."""
        snapshot = self.snapshot()
        service = self.service(snapshot, AUTOSCALER)
        task = next(t for t in snapshot.tasks if t.service == service.id and t.state == "running")
        node = next(n for n in snapshot.nodes if n.id == task.node)
        host = self._host(node.attributes["node.hostname"])
        script = (
            f"pid=$(docker inspect -f '{{{{.State.Pid}}}}' "
            f"$(docker ps -q -f label=com.docker.swarm.task.id={shlex.quote(task.id)})); "
            f"nsenter -t $pid -n iptables {rule} -p tcp --dport 8083 -j DROP"
        )
        self.fleet.to(host).run(script, sudo=True)

    def _manager(self) -> Connection:
        return seat(self.inventory, self.fleet)

    def _host(self, name: str) -> Host:
        return next(host for host in self.inventory.host if host.name == name)

    def _rehearsal_only(self, what: str) -> None:
        if not self.rehearsed:
            raise OperatorError(
                f"A drill does not {what} on hosts other than a rehearsal's ({REHEARSED})."
            )


def _in_cloud(command: str) -> None:
    """Run a command in the guest that plays the database."""
    import subprocess

    subprocess.run(guests.shell(CLOUD, command), check=True, timeout=60)


def _quiet(_: str) -> None:
    """Take an operator's message, and show nothing: the drill tells the story."""
