"""Judge what the doctor saw. Pure: each check turns observations into findings with advice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

from provisioning.doctor import network
from provisioning.doctor.findings import Check, Examination, Finding, unknown
from provisioning.inventory import Inventory
from provisioning.release.certificate import parse
from provisioning.setup.facts import Facts
from provisioning.setup.plan import NFS_OPTIONS, heartbeat
from provisioning.setup.preflight import NEEDED_DISK, mounted, problems
from swarm.model import Service

SKEW = 1.0  # seconds that clocks may differ
OURS = 30.0  # seconds by which all of them may differ from this machine's
CROWDED = 95  # percent of a file system's inodes
ROOM = 2**30  # bytes that covers should find on the shared storage
# Shares of a certificate's lifetime. It is renewed when a third is left, whether that is a month
# or two days.
SOON, URGENT = 0.25, 0.1

# These look at each host: where one is lost, they have not looked at all.
OF_HOSTS = {"hosts", "clocks", "trust", "ports", "mtu", "overlay", "storage", "database"}

TITLES = {
    "reach": "every host can be reached over SSH",
    "hosts": "hosts: system, disk, engine, ports",
    "clocks": "clocks agree",
    "swarm": "swarm: members, quorum, heartbeat",
    "trust": "the swarm's own certificates have time left",
    "versions": "engine and Traefik versions fit together",
    "ports": "swarm ports are open both ways between all hosts",
    "mtu": "full-size packets pass between all hosts",
    "overlay": "tasks reach each other on every pair of hosts",
    "storage": "shared storage is mounted everywhere with the right options",
    "services": "services run as many tasks as they should",
    "certificate": "certificate is served and has time left",
    "database": "database answers every worker",
    "backup": "a backup is there, and young enough",
}


def examine(
    inventory: Inventory, seen: Examination, now: datetime
) -> Iterator[tuple[str, list[Finding]]]:
    """Run all checks in order; give each one's findings."""
    checks: dict[str, Check] = {
        "reach": _reach,
        "hosts": _hosts,
        "clocks": _clocks,
        "swarm": _swarm,
        "trust": _trust,
        "versions": _versions,
        "ports": network.ports,
        "mtu": network.mtu,
        "overlay": network.overlay,
        "storage": _storage,
        "services": _services,
        "certificate": _certificate,
        "database": _database,
        "backup": _backup,
    }
    for key, check in checks.items():
        blind = seen.unseen.get(key, {}).items()
        yield key, [*check(inventory, seen, now), *(unknown(host, why) for host, why in blind)]


def _reach(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    for host, why in seen.lost.items():
        yield Finding(
            host, why.removeprefix(f"{host}: "), "Bring it back, or ./run ops replace it."
        )


def _hosts(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    for problem in problems(inventory, seen.facts):
        host, _, rest = problem.partition(": ")
        what, _, advice = rest.rpartition(". ")
        yield Finding(host, what or rest, advice or rest)
    for name, found in seen.facts.hosts.items():
        if found.engine is None:
            yield Finding(name, "Docker Engine does not run", "Run ./run ops apply.")
        for path, free in found.free.items():
            if NEEDED_DISK <= free < 2 * NEEDED_DISK:
                left = f"{free / 2**30:.1f} GiB left on {path}"
                advice = "Free some soon: apt-get clean, journalctl --vacuum-size=100M."
                yield Finding(name, left, advice, bad=False)
        for path, used in found.inodes.items():
            if used >= CROWDED:
                what = f"{used} % of the inodes on {path} are taken: soon no file can be made"
                advice = f"Find who makes so many: du --inodes -x {path} | sort -n | tail"
                yield Finding(name, what, advice)


def _clocks(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    ahead = sorted(f.clock for f in seen.facts.hosts.values())
    if not ahead:
        return
    # Of two halves that disagree the one nearer to ours is believed.
    middle = min(ahead[(len(ahead) - 1) // 2], ahead[len(ahead) // 2], key=abs)
    for name, found in seen.facts.hosts.items():
        off = found.clock - middle
        if abs(off) > SKEW + found.uncertainty:
            side = "ahead of" if off > 0 else "behind"
            what = f"its clock is {abs(off):.1f} s {side} the others"
            yield Finding(name, what, "Install chrony there, and allow it NTP (port 123/udp) out.")
    if abs(middle) > OURS + max(f.uncertainty for f in seen.facts.hosts.values()):
        side = "ahead of" if middle > 0 else "behind"
        yield Finding(
            "hosts",
            f"their clocks are {abs(middle):.0f} s {side} this machine's: one side is wrong",
            "Compare with another clock (date -u); install chrony where it is wrong.",
        )


def _swarm(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    swarm = seen.facts.swarm
    if swarm is None:
        yield Finding(
            "swarm",
            "no manager knows it, or the managers have lost their quorum",
            "For a new cluster ./run ops apply; else ./run ops status says how to recover it.",
        )
        return
    if swarm.heartbeat != (beat := heartbeat(inventory)):
        what = f"the heartbeat is {swarm.heartbeat / 1e9:g} s, not {beat / 1e9:g} s"
        cost = (
            "lost hosts are noticed late"
            if swarm.heartbeat > beat
            else "workers count as lost when their manager is"
        )
        yield Finding("swarm", f"{what}: {cost}", "Run ./run ops apply.")
    for node in swarm.nodes:
        host = seen.facts.host_of(inventory, node)
        if host is None:
            advice = f"Run docker node rm --force {node.id} on a manager if it is gone for good."
            yield Finding(node.hostname, f"is {node.state}, and no host of the inventory", advice)
        elif node.state != "ready":
            advice = "Boot it, or replace it: ./run ops replace " + host.name
            yield Finding(host.name, f"is {node.state} in the swarm", advice)
        elif node.availability != "active":
            what = f"is set to {node.availability} and runs nothing new"
            yield Finding(host.name, what, f"./run ops activate {host.name}", bad=False)
    managers = [n for n in swarm.nodes if n.role == "manager"]
    reachable = sum(n.reachability == "reachable" for n in managers)
    spare = reachable - (len(managers) // 2 + 1)
    if len(managers) > 1 and reachable < len(managers):
        what = f"{reachable} of {len(managers)} managers take part; {spare} more may be lost"
        yield Finding("swarm", what, "Bring the missing manager back or replace it.")
    elif len(managers) == 1:
        what = "there is one manager: while it is down nothing is repaired"
        advice = "For production make it three, and keep ./run ops backup."
        yield Finding("swarm", what, advice, bad=False)


def _trust(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    for name, found in seen.facts.hosts.items():
        if not found.certificate:
            if found.membership.state == "active":
                yield unknown(name, "its certificate cannot be read")
            continue
        node = parse(found.certificate)
        if node.left(now) < URGENT:
            what = f"its certificate in the swarm was not renewed: {node.time_left(now)}"
            advice = (
                f"./run ops restart {name}, while a manager leads and its clock is right. If it "
                "has run out: ./run ops apply lets it leave, and join again."
            )
            yield Finding(name, what, advice)


def _versions(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    engines = {name: found.engine for name, found in seen.facts.hosts.items() if found.engine}
    if len(set(engines.values())) > 1:
        what = ", ".join(f"{n} {v}" for n, v in sorted(engines.items()))
        yield Finding("engines", f"they differ: {what}", "Upgrade the older ones.", bad=False)
    newest = max((_version(v) for v in engines.values()), default=())
    for service in seen.services:
        found = re.search(r"traefik:v?(\d+(?:\.\d+)+)", service.image)
        if found and newest >= (29,) and _version(found[1]) < (3, 6, 1):
            what = f"Traefik {found[1]} cannot talk to Docker Engine 29 and newer"
            yield Finding(service.name, what, "Use Traefik 3.6.1 or newer in swarm/edge.yml.")


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text.partition("-")[0].partition("+")[0]))


def _storage(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    path = inventory.cluster.storage_path
    for name, found in seen.facts.hosts.items():
        if not mounted(inventory, found):
            what = f"{inventory.cluster.nfs_source} is not mounted at {path}"
            yield Finding(name, what, "Run ./run ops apply.")
        elif found.storage_marker is None:
            yield Finding(name, f"{path} is not the shared folder", "Run ./run ops apply.")
        elif found.room is not None and found.room < ROOM:
            what = f"only {found.room / 2**30:.1f} GiB are left on {path}, where covers go"
            yield Finding(name, what, "Enlarge the storage, or clean it up.")
        elif inventory.cluster.nfs_source and found.storage:
            wanted = {o for o in NFS_OPTIONS.split(",") if o in ("hard", "noresvport")}
            missing = wanted - found.storage.options
            if missing:
                what = f"{path} is mounted without {', '.join(sorted(missing))}"
                yield Finding(name, what, "Run ./run ops apply, then boot the host anew.")


def _services(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    for service in seen.services:
        if not service.stack:
            continue
        runs = len(service.running)
        if service.update in ("paused", "rollback_paused"):
            what = f"its update stopped half-way ({service.message})"
            yield Finding(service.name, what, "./run ops rollback, or deploy a good image.")
        elif runs < service.desired:
            errors = [t.error for t in service.tasks if t.error]
            why = f" ({errors[-1]})" if errors else ""
            what = f"{runs} of {service.desired} tasks run{why}"
            yield Finding(service.name, what, _advice(inventory, seen.facts, service, errors))


def _advice(inventory: Inventory, facts: Facts, service: Service, errors: list[str]) -> str:
    """Say where to look: a task that never had a container has no log."""
    last = errors[-1] if errors else ""
    if "vxlan" in last:
        ids = {t.node for t in service.tasks if "vxlan" in t.error}
        nodes = facts.swarm.nodes if facts.swarm else ()
        found = (facts.host_of(inventory, n) for n in nodes if n.id in ids)
        where = [host.name for host in found if host] or ["HOST, where that task was to run"]
        restarts = ", ".join(f"./run ops restart {name}" for name in where)
        return f"An engine before left a link there; a restart removes it: {restarts}"
    if "no suitable node" in last:
        return "No host fits: see ./run ops status, and what the service demands in swarm/."
    if "No such image" in last or "pull" in last:
        return f"Push the image {service.image} again, or ./run ops rollback."
    if "bind source path" in last or "invalid mount" in last:
        return "The shared storage is missing there: ./run ops apply mounts it."
    if not any(t.container for t in service.tasks):
        return "It has not started anywhere: see ./run ops status, and journalctl -u docker there."
    return f"./run ops logs {service.name}"


def _certificate(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    domain = inventory.cluster.domain
    for host, found in seen.certificates.items():
        if isinstance(found, str):
            if seen.services or seen.facts.swarm is None:
                what = found.removeprefix(f"{host}: ")
                yield Finding(host, what, "./run ops logs edge_traefik")
            continue
        left = found.left(now)
        if domain not in found.names:
            what = f"the edge serves a certificate of {found.issuer}, which is not for {domain}"
            advice = (
                f"Check that {domain} leads to the edges on port 80; ./run ops logs edge_traefik"
            )
            yield Finding(host, what, advice)
        elif left < SOON:
            what = f"the certificate should have been renewed: {found.time_left(now)}"
            yield Finding(host, what, "./run ops renew", bad=left < URGENT)


def _database(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    for host, said in seen.database.items():
        if said:
            advice = "Check that it runs, and that its firewall or security group lets the host in."
            yield Finding(host, f"the database {said}", advice)


def _backup(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    if inventory.backup is None:
        advice = 'Name a place in the inventory: docs/operators-guide.md, "Backups".'
        yield Finding("backup", "the inventory has no [backup]", advice, bad=False)
    elif "backup" not in seen.unseen:
        hours = (now - seen.backup).total_seconds() / 3600 if seen.backup else None
        advice = (
            "See whether ./run ops backup --watch runs, and what it says. Where it does on another "
            "machine, let it write to a place that this one reaches too."
        )
        if hours is None:
            yield Finding(inventory.backup.to, "there is no whole backup yet", advice)
        elif hours > inventory.backup.oldest_hours:
            what = (
                f"the newest backup is {hours:.0f} hours old, and oldest_hours of [backup] is "
                f"{inventory.backup.oldest_hours:g}"
            )
            yield Finding(inventory.backup.to, what, advice)
