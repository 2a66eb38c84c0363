"""Examine the cluster from every host and say, for each finding, what to do."""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime

from provisioning.backups import catalogue
from provisioning.backups.store import store_at
from provisioning.cluster import Cluster, snapshot
from provisioning.doctor import probes
from provisioning.doctor.alert import Alert
from provisioning.doctor.checks import OF_HOSTS, TITLES, examine
from provisioning.doctor.findings import Examination, Finding
from provisioning.doctor.watch import Watch
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.release.certificate import Certificate
from provisioning.release.outside import Answer, Outside
from provisioning.release.rendering import hide_secrets, read_secrets
from provisioning.saying import sayer
from provisioning.setup.facts import Facts
from provisioning.setup.host import HostFacts, read_host
from provisioning.setup.swarm import read_swarm
from provisioning.ssh.transport import Connection
from swarm.model import Service

AGAIN = 20.0  # seconds until what is new is looked at again: only what lasts is told
PROBE_PATIENCE = 60.0  # seconds for a probe to run on every host


def report(cluster: Cluster, args: argparse.Namespace) -> int:
    """Print what was examined and found; give 1 when something is wrong."""
    if args.watch:
        return watch(cluster, args)
    say = (lambda text: None) if args.json else (lambda text: print(text, flush=True))
    seen = look(cluster, say)
    examined = list(examine(cluster.inventory, seen, datetime.now(UTC)))
    findings = [finding for _, found in examined for finding in found]
    if args.json:
        print(cluster.redact(json.dumps([asdict(f) for f in findings], indent=2)))
        return 1 if any(f.bad or f.unknown for f in findings) else 0
    for key, found in examined:
        lost = ", ".join(sorted(seen.lost)) if key in OF_HOSTS else ""
        where = f" (not examined: {lost})" if lost else ""
        print(f"{_sign(found, bool(lost))} {TITLES[key]}{where}")
        for finding in found:
            print(cluster.redact(f"      {finding.where}: {finding.what}"))
            print(cluster.redact(f"        -> {finding.advice}"))
    bad, unknown = sum(f.bad for f in findings), sum(f.unknown for f in findings)
    if not findings:
        print("\nAll is well.")
    else:
        hints = len(findings) - bad - unknown
        print(f"\n{bad} to put right, {unknown} not examined, {hints} to know about.")
    return 1 if bad or unknown else 0


def watch(cluster: Cluster, args: argparse.Namespace) -> int:
    """Examine again and again until stopped, and tell whom [alert] names what is new."""
    alert = Alert(cluster)
    for stop in (signal.SIGINT, signal.SIGTERM):  # a service manager's stop is like Ctrl-C
        signal.signal(stop, signal.default_int_handler)

    say = sayer(cluster.redact, timed=True)

    def findings() -> list[Finding]:
        seen = look(cluster, lambda text: None)
        examined = examine(cluster.inventory, seen, datetime.now(UTC))
        return [finding for _, found in examined for finding in found]

    alert.send("watched from now on", f"The doctor looks each {args.every:g} s.")
    say("Watching.")
    watching = Watch(findings, lambda *words: alert.send(*map(cluster.redact, words)), say)
    while True:
        watching.round()
        time.sleep(AGAIN if watching.suspects else args.every)


def _sign(found: list[Finding], partly: bool) -> str:
    if any(f.bad for f in found):
        return "!!"
    if partly or any(f.unknown for f in found):
        return "??"
    return "i " if found else "ok"


def look(cluster: Cluster, say: Callable[[str], None]) -> Examination:
    """Collect everything the checks judge. A host that does not answer is a finding, no failure."""
    hide_secrets(cluster)
    unseen: dict[str, dict[str, str]] = {}

    def seen_by[T](answers: Mapping[str, T | OperatorError], *checks: str) -> dict[str, T]:
        """Keep what was seen, and note what was not."""
        for host, answer in answers.items():
            for check in checks if isinstance(answer, OperatorError) else ():
                unseen.setdefault(check, {})[host] = str(answer)
        return {n: a for n, a in answers.items() if not isinstance(a, OperatorError)}

    say("Reading the hosts' facts …")
    answers = cluster.fleet.each(cluster.hosts, lambda c: read_host(cluster.inventory, c))
    hosts = {n: a for n, a in answers.items() if isinstance(a, HostFacts)}
    lost = {n: str(a) for n, a in answers.items() if isinstance(a, OperatorError)}
    up = [h for h in cluster.hosts if h.name in hosts]
    swarm, manager = None, None
    services: tuple[Service, ...] = ()
    for host in up:
        if hosts[host.name].membership.manager and swarm is None:
            swarm = read_swarm(cluster.to(host))
            if swarm:
                manager = cluster.to(host)
                services = snapshot(manager).services
    if swarm is None:
        blind = {"swarm": "no manager tells"}
        unseen |= {key: dict(blind) for key in ("versions", "overlay", "services")}
    say("Testing the ways between the hosts (5 s) …")
    packets = cluster.fleet.each(up, lambda c: probes.wire(c, _address(up, c), _others(up, c)))
    wires = seen_by(packets, "ports", "mtu")
    doors = seen_by(cluster.fleet.each(up, lambda c: _doors(up, c)), "ports")
    overlay: dict[str, dict[str, str]] = {}
    if swarm and manager and services:
        say("Testing the overlay network, task to task …")
        overlay = seen_by(_overlay(cluster, manager, Facts(hosts, swarm), up), "overlay")
    say("Asking for the certificate and the database …\n")
    edges = [h for h in up if h.is_edge]
    certificates = {
        name: _seen(answer)
        for name, answer in Outside(cluster).look().items()
        if name in {h.name for h in edges}
    }
    workers = [h for h in up if h.role == "worker"] or up
    backup = seen_by(newest_backup(cluster), "backup")
    return Examination(
        facts=Facts(hosts, swarm),
        lost=lost,
        services=services,
        wires=wires,
        doors=doors,
        overlay=overlay,
        certificates=certificates,
        database=seen_by(_database(cluster, workers), "database"),
        backup=next(iter(backup.values()), None),
        unseen=unseen,
    )


def _seen(answer: Answer | OperatorError) -> Certificate | str:
    """Return an edge's certificate, or what keeps readers from believing it."""
    if isinstance(answer, OperatorError):
        return str(answer)
    told_by_itself = "expired" in answer.trouble or "mismatch" in answer.trouble
    return answer.words if answer.trouble and not told_by_itself else answer.certificate


def _database(cluster: Cluster, workers: list[Host]) -> Mapping[str, str | OperatorError]:
    """Say what each worker finds wrong with the database."""
    try:
        url = read_secrets(cluster)["database_url"].decode("utf-8", "replace")
    except OperatorError as error:
        return {"database": error}
    return cluster.fleet.each(workers, lambda c: probes.greeting(c, url))


def newest_backup(cluster: Cluster) -> Mapping[str, datetime | OperatorError | None]:
    """Say when the newest backup was begun, by where it is; None where there is none."""
    if cluster.inventory.backup is None:
        return {}
    place = cluster.inventory.backup.to
    try:
        kept = catalogue.whole(store_at(place).names())
    except OperatorError as error:
        return {place: error}
    return {place: catalogue.moment(kept[-1]) if kept else None}


def _address(up: list[Host], connection: Connection) -> str:
    return next(h.swarm_address for h in up if h.name == connection.name)


def _others(up: list[Host], connection: Connection) -> list[str]:
    return [h.swarm_address for h in up if h.name != connection.name]


def _doors(up: list[Host], connection: Connection) -> dict[tuple[str, int], str]:
    """Knock at the swarm's TCP ports of all other hosts."""
    targets = [
        (host, port)
        for host in up
        if host.name != connection.name
        for port in ((7946, 2377) if host.role == "manager" else (7946,))
    ]
    said = probes.knock(connection, [(h.swarm_address, port) for h, port in targets])
    return {(h.name, port): answer for (h, port), answer in zip(targets, said, strict=True)}


def _overlay(
    cluster: Cluster, manager: Connection, facts: Facts, up: list[Host]
) -> Mapping[str, dict[str, str] | OperatorError]:
    """From a task on each host, knock at the tasks of all others on the shop's network.

    Gives, by host, what each other host's tasks answered. Where a host has no task of ours on that
    network, a probe runs there for as long as this takes.
    """
    network = f"{cluster.name}_public"
    names = {n.id: h.name for h in up for n in [facts.node_of(h.name)] if n}
    name = f"{cluster.name}-doctor"
    places = _places(snapshot(manager).services, network, names)
    try:
        if set(names.values()) - places.keys():
            places = _probe(cluster, manager, name, network, names) or places
        # One task on each host is enough: the way to it is the same for all of them.
        targets = {host: tasks[0][1] for host, tasks in places.items()}

        def test(connection: Connection) -> dict[str, str]:
            if connection.name not in places:
                return {}
            others = [h for h in targets if h != connection.name]
            container = places[connection.name][0][0]
            said = probes.knock(
                connection, [(targets[h], 9) for h in others], container=container, tries=3
            )
            return dict(zip(others, said, strict=True))

        return cluster.fleet.each([h for h in up if h.name in places], test)
    finally:
        manager.run(f"docker service rm {name} >/dev/null 2>&1", sudo=True, check=False)


def _places(
    services: tuple[Service, ...], network: str, names: Mapping[str, str]
) -> dict[str, list[tuple[str, str]]]:
    """Give, by host, container and address of each running task on the network."""
    places: dict[str, list[tuple[str, str]]] = {}
    for service in services:
        for task in service.running:
            address = task.addresses.get(network)
            if address and task.container and task.node in names:
                places.setdefault(names[task.node], []).append((task.container, address))
    return places


def _probe(
    cluster: Cluster,
    manager: Connection,
    name: str,
    network: str,
    names: Mapping[str, str],
) -> dict[str, list[tuple[str, str]]] | None:
    """Run a task on every host that does nothing; give where they are once they run."""
    image = next(
        (
            s.image
            for s in snapshot(manager).services
            if "bookstore.migrate" in (s.spec.get("Labels") or {})
        ),
        None,
    )
    if image is None:
        return None
    manager.run(
        f"docker service create --detach --quiet --name {name} --mode global --no-healthcheck "
        f"--network {network} --no-resolve-image --with-registry-auth --restart-condition none "
        f"--stop-grace-period 1s --entrypoint sleep {shlex.quote(image)} 600",
        sudo=True,
        shown="start a probe on every host",
    )
    deadline = time.monotonic() + PROBE_PATIENCE
    while True:
        services = snapshot(manager).services
        probe = tuple(s for s in services if s.name == name)
        places = _places(probe, network, names)
        if len(places) == len(names) or time.monotonic() > deadline:
            # Tasks that were there before come first: they tell what the shop's requests meet.
            return _places((*(s for s in services if s.name != name), *probe), network, names)
        time.sleep(1)
