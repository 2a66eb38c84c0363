"""The cluster on one screen: hosts, services, tasks, release and certificate."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

from provisioning.cluster import Cluster, host_at, snapshot
from provisioning.errors import OperatorError
from provisioning.inventory import Inventory
from provisioning.release import history
from provisioning.release.certificate import Certificate
from provisioning.release.outside import Answer, Outside, words_of
from swarm.model import Node, Service

PATIENCE = 4.0  # seconds for a host to answer

Seen = Mapping[str, Answer | OperatorError]  # what each edge said


@dataclass(frozen=True)
class Overview:
    """What `status` shows."""

    nodes: tuple[Node, ...]
    services: tuple[Service, ...]
    release: history.Release | None
    certificate: Certificate | None
    edges: Mapping[str, str] = field(default_factory=dict)  # those that serve no reader, and why


def status(cluster: Cluster, args: argparse.Namespace) -> int:
    """Print the overview; return 1 when something is missing."""
    cluster.fleet.hurry(PATIENCE)
    with ThreadPoolExecutor(1) as pool:
        edges = pool.submit(Outside(cluster).look)
        try:
            overview = read(cluster, edges.result)
        except OperatorError as error:
            return _headless(cluster, args, str(error), edges.result())
    lines, healthy = show(cluster.inventory, overview, datetime.now(UTC))
    if args.json:
        print(json.dumps(as_json(overview, healthy), indent=2))
    else:
        print("\n".join(lines))
    return 0 if healthy else 1


def _headless(cluster: Cluster, args: argparse.Namespace, why: str, edges: Seen) -> int:
    """Say what can be said where no manager can be asked: why, what to do, and who is served."""
    wrong = {n: words for n, answer in edges.items() if (words := words_of(n, answer))}
    if args.json:
        print(json.dumps({"healthy": False, "managers": why, "edges": wrong}, indent=2))
        return 1
    print(f"Cluster {cluster.name}  https://{cluster.spec.domain}\n\n{cluster.redact(why)}\n")
    for host in cluster.edges:
        print(f"{host.name:<16} {wrong.get(host.name) or 'serves readers'}")
    return 1


def read(cluster: Cluster, look: Callable[[], Seen]) -> Overview:
    """Ask a manager about everything, and take from the edges what they say."""
    connection = cluster.manager(patience=1)
    releases = history.read(connection, cluster.name)
    seen_outside = look()
    answers = [a for a in seen_outside.values() if isinstance(a, Answer)]
    certificate = answers[0].certificate if answers else None
    wrong = {n: words_of(n, answer) for n, answer in seen_outside.items()}
    seen = snapshot(connection)
    edges = {name: words for name, words in wrong.items() if words}
    release = releases[-1] if releases else None
    return Overview(seen.nodes, seen.services, release, certificate, edges)


def show(inventory: Inventory, overview: Overview, now: datetime) -> tuple[list[str], bool]:
    """Return the screen's lines, and whether all is as it should be. Pure."""
    spec = inventory.cluster
    release = overview.release
    healthy = True
    lines = [f"Cluster {spec.name}  https://{spec.domain}"]
    lines.append(
        f"Release {release.number}, {release.at} by {release.who}: {release.image}{_ended(release)}"
        if release
        else "No release yet: ./run ops deploy"
    )
    lines.append(
        overview.certificate.words(now)
        if overview.certificate
        else "Certificate: no edge serves one yet"
    )
    for host_name, words in overview.edges.items() if release else ():
        healthy = False
        lines.append(f"{host_name} serves no reader: {words}")
    names = {
        node.id: (host.name if host else node.hostname)
        for node in overview.nodes
        for host in [host_at(inventory, node)]
    }
    tasks = [t for service in overview.services for t in service.running]
    lines += ["", f"{'host':<16} {'role':<18} {'state':<16} {'engine':<10} tasks"]
    for host in inventory.host:
        node = next((n for n in overview.nodes if names[n.id] == host.name), None)
        if node is None:
            healthy = False
            lines.append(f"{host.name:<16} {host.role:<18} not in the swarm")
            continue
        state = (
            node.state if node.availability == "active" else f"{node.state}, {node.availability}"
        )
        healthy &= node.state == "ready"
        role = f"{node.role}{', leader' if node.leader else ''}"
        here = sum(t.node == node.id for t in tasks)
        lines.append(f"{host.name:<16} {role:<18} {state:<16} {node.engine:<10} {here}")
    strangers = [n for n in overview.nodes if names[n.id] not in {h.name for h in inventory.host}]
    lines += [
        f"{n.hostname:<16} {n.role:<18} {n.state}; no host of the inventory" for n in strangers
    ]
    lines += ["", f"{'service':<24} {'running':<9} {'on':<40} update"]
    for service in overview.services:
        if not service.stack:
            continue
        spots: dict[str, int] = {}
        for task in service.running:
            spots[names.get(task.node, "?")] = spots.get(names.get(task.node, "?"), 0) + 1
        on = " ".join(f"{name}{f'×{n}' if n > 1 else ''}" for name, n in sorted(spots.items()))
        healthy &= len(service.running) == service.desired
        count = f"{len(service.running)}/{service.desired}"
        lines.append(f"{service.name:<24} {count:<9} {on:<40} {service.update}".rstrip())
    return lines, healthy


def _ended(release: history.Release) -> str:
    return "" if release.outcome == history.DONE else f" ({release.outcome})"


def as_json(overview: Overview, healthy: bool) -> dict[str, object]:
    """Return the overview for machines."""
    release, certificate = overview.release, overview.certificate
    return {
        "healthy": healthy,
        "release": release and {"number": release.number, "image": release.image, "at": release.at},
        "certificate": certificate and {"until": certificate.until.isoformat()},
        "hosts": [
            {"id": n.id, "name": n.hostname, "role": n.role, "state": n.state, "leader": n.leader}
            for n in overview.nodes
        ],
        "services": [
            {"name": s.name, "running": len(s.running), "desired": s.desired, "update": s.update}
            for s in overview.services
        ],
    }
