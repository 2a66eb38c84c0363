"""Whether the edges route to the replicas that are to serve readers.

The swarm calls a replica running when it is healthy. An edge sends readers there when it has asked
the swarm again and has then reached the replica itself: seconds later, or never where the overlay
network is broken. Who stops others before that leaves an edge nothing but replicas that stop.
"""

from __future__ import annotations

import math
import shlex
from collections.abc import Callable, Collection, Mapping
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from provisioning.care import waiting
from provisioning.cluster import Cluster, is_node
from provisioning.errors import OperatorError
from provisioning.release.edges import ROLL
from provisioning.ssh.transport import Connection
from swarm.autoscaler.metrics import UP
from swarm.model import Snapshot

# Runs in the network of an edge, whose metrics are published nowhere else.
LOOK = """
import sys, urllib.request
with urllib.request.urlopen("http://127.0.0.1:8083/metrics", timeout=5) as answer:
    for line in answer.read().decode().splitlines():
        if line.startswith(sys.argv[1]):
            print(line)
"""
CHECKED = ".loadbalancer.healthcheck.path"  # ends a label: the edges ask its replicas how they are
SILENT = 3  # looks at an edge that cannot be asked
LEAVING = 15  # looks at an edge that goes itself, perhaps because it reaches nobody

Say = Callable[[str], None]


def reached(metrics: str) -> set[str]:
    """Read the addresses that an edge has reached, from its metrics. Pure."""
    return {
        urlsplit(sample.labels["url"]).hostname or ""
        for family in text_string_to_metric_families(metrics)
        for sample in family.samples
        if sample.name == UP and sample.value == 1
    }


def wanted(seen: Snapshot, names: Collection[str], network: str, leaving: str) -> dict[str, str]:
    """Name the replicas that edges are to route to, by address, but those of one node. Pure."""
    hosts = {n.id: n.hostname for n in seen.nodes}
    return {
        task.addresses[network]: f"{service.name} on {hosts.get(task.node, task.node)}"
        for service in seen.services
        if service.name in names and any(label.endswith(CHECKED) for label in service.labels)
        for task in service.running
        if task.node != leaving and network in task.addresses
    }


def until_routed(cluster: Cluster, names: Collection[str], say: Say, leaving: str = "") -> None:
    """Wait until every edge routes to all replicas of services, but those of a node that leaves."""
    looks: dict[str, int] = {}
    lacking: dict[str, str] = {}

    def routed() -> bool:
        lacking.clear()
        seen = cluster.snapshot()
        asked = wanted(seen, names, f"{cluster.name}_public", leaving)
        nodes = [n for n in seen.nodes if n.id == leaving]
        going = {h.name for h in cluster.hosts for n in nodes if is_node(cluster.inventory, n, h)}
        for host, answer in (_ask(cluster, seen) if asked else {}).items():
            if isinstance(answer, OperatorError):
                why, patience = str(answer), float(SILENT)
            else:
                missing = sorted(where for address, where in asked.items() if address not in answer)
                why = f"the edge on {host} does not reach {', '.join(missing)}" if missing else ""
                patience = LEAVING if host in going else math.inf
            looks[host] = looks.get(host, 0) + 1 if why else 0
            if looks[host] == patience:
                say(f"  not waited for any more: {why}")
            elif why and looks[host] < patience:
                lacking[host] = why
        return not lacking

    waiting.until(routed, lambda: "; ".join(lacking.values()))


def _ask(cluster: Cluster, seen: Snapshot) -> Mapping[str, set[str] | OperatorError]:
    """Ask every edge that runs which addresses it reaches."""
    edges = {
        task.node: task.container
        for service in seen.services
        if service.labels.get(ROLL) == "one-by-one"
        for task in service.running
    }
    containers = {
        host.name: edges[node.id]
        for node in seen.nodes
        for host in cluster.hosts
        if node.id in edges and node.state == "ready" and is_node(cluster.inventory, node, host)
    }

    def look(connection: Connection) -> set[str]:
        pid = f"$(docker inspect --format '{{{{.State.Pid}}}}' {containers[connection.name]})"
        said = connection.run(
            f"nsenter --target {pid} --net python3 -c {shlex.quote(LOOK)} {UP}",
            sudo=True,
            timeout=20,
            shown="ask the edge which replicas it reaches",
            fenced=False,  # it changes nothing
        )
        return reached(said.stdout)

    return cluster.fleet.each([h for h in cluster.hosts if h.name in containers], look)
