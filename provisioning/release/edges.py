"""Roll out a release with the edges last, strictly one by one, each behind an answer over HTTPS.

The swarm's own rolling update is not strict for a service that runs on every edge: whenever
anything about a node changes, its outdated task is replaced at once, whatever the others do just
then. A paused node's tasks are left alone. So the edges' nodes are paused before they are told of
the new release, and made active again one after the other. A label says that it was us who paused.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from provisioning.cluster import Cluster, is_node
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.release import differences
from provisioning.release.failures import last_words
from provisioning.release.gate import ENOUGH
from provisioning.release.outside import Outside
from provisioning.release.stacks import Document, as_mapping
from provisioning.release.waiting import deploy_stacks, swarm_time, until_healthy
from swarm.model import BROKEN, GONE, Node, Service

ROLL = "bookstore.roll"  # the label of a service whose tasks are replaced by us, one-by-one
HELD = "bookstore.held"  # the label of a node that a rollout has paused
PATIENCE = 180.0  # seconds for one edge
SETTLE = 4.0  # seconds until the load balancer sees that an edge is back
POLL = 1.0

Say = Callable[[str], None]
Stacks = Mapping[str, Document]


def roll_out(
    cluster: Cluster,
    outside: Outside,
    stacks: Stacks,
    known: Iterable[Stacks],
    tolerated: Collection[str],
    say: Say,
) -> None:
    """Deploy stacks and wait until all is healthy. `known` are those that may be running now.

    Edges that did not serve before (`tolerated`) need not serve for the next one to be touched.
    """
    connection = cluster.manager()
    since = swarm_time(connection)
    seen = cluster.snapshot()
    held = [n for n in seen.nodes if n.labels.get(HELD) == "true"]
    name = edge_service(stacks)
    running = seen.service(name) if name else None
    alone = len([n for n in seen.nodes if _is_edge(n)]) < 2
    if running is None or (not held and (alone or runs(stacks, running))):
        deploy_stacks(connection, stacks, say)
        until_healthy(cluster, stacks.keys(), since, say)
        return
    assert running is not None
    before = None if held else next((k for k in known if runs(k, running)), None)
    if before is not None:
        deploy_stacks(connection, with_edges_of(stacks, before, name), say)
        until_healthy(cluster, stacks.keys(), since, say)
    nodes = [n for n in seen.nodes if _is_edge(n) or n in held]
    _hold(cluster, nodes, say)
    deploy_stacks(cluster.manager(), stacks, say)
    # The leader last: each change of leaders costs the managers a moment.
    for node in sorted(nodes, key=lambda n: n.leader):
        _release(cluster, node)
        if node.state == "ready" and node.labels.get("edge") == "true":
            _until_renewed(cluster, outside, name, node, since, tolerated, say)
    until_healthy(cluster, stacks.keys(), since, say)


def edge_service(stacks: Stacks) -> str:
    """Name the service whose tasks are replaced one by one, "" where there is none. Pure."""
    for stack, document in stacks.items():
        for name, service in document["services"].items():
            labels = as_mapping((service.get("deploy") or {}).get("labels"))
            if labels.get(ROLL) == "one-by-one":
                return f"{stack}_{name}"
    return ""


def runs(stacks: Stacks, service: Service) -> bool:
    """Tell whether a service runs as these stacks have it, its labels apart. Pure."""
    wanted = {
        name: view
        for stack, document in stacks.items()
        for name, view in differences.of_stack(stack, document).items()
    }.get(service.name)
    found = differences.of_swarm([{"Spec": service.spec}])[service.name]
    return wanted is not None and _of_tasks(wanted) == _of_tasks(found)


def with_edges_of(stacks: Stacks, before: Stacks, name: str) -> dict[str, Document]:
    """Return the stacks with one service as it was before, and what it refers to. Pure."""
    made = {stack: copy.deepcopy(document) for stack, document in stacks.items()}
    stack, _, key = name.partition("_")
    old = before[stack]
    service: dict[str, Any] = copy.deepcopy(old["services"][key])
    for kind in ("secrets", "configs"):
        references = []
        for item in service.get(kind) or []:
            entry = dict(item) if isinstance(item, dict) else {"source": item}
            source = entry["source"]
            entry.setdefault("target", source)
            entry["source"] = f"{source}_before"
            made[stack].setdefault(kind, {})[f"{source}_before"] = old[kind][source]
            references.append(entry)
        if references:
            service[kind] = references
    made[stack]["services"][key] = service
    return made


def _of_tasks(view: Mapping[str, str]) -> dict[str, str]:
    """Leave out what changes no task."""
    return {k: v for k, v in view.items() if v and not k.startswith("label ") and k != "replicas"}


def _is_edge(node: Node) -> bool:
    return node.labels.get("edge") == "true" and node.usable


def _hold(cluster: Cluster, nodes: list[Node], say: Say) -> None:
    names = ", ".join(n.hostname for n in nodes)
    say(f"  the edges are held, and replaced one by one: {names}")
    for node in nodes:
        flags = f"--availability pause --label-add {HELD}=true"
        cluster.manager().run(f"docker node update {flags} {node.id} >/dev/null", sudo=True)


def _release(cluster: Cluster, node: Node) -> None:
    flags = f"--availability active --label-rm {HELD}"
    cluster.manager().run(f"docker node update {flags} {node.id} >/dev/null", sudo=True)


def _until_renewed(
    cluster: Cluster,
    outside: Outside,
    name: str,
    node: Node,
    since: str,
    tolerated: Collection[str],
    say: Say,
) -> None:
    """Wait until an edge runs the release and answers readers."""
    host = _host(cluster, node)
    deadline = time.monotonic() + PATIENCE
    why = "its task was not replaced"
    while time.monotonic() < deadline:
        service = cluster.snapshot().service(name)
        assert service is not None
        here = [t for t in service.tasks if t.node == node.id and t.created]
        live = [t for t in here if t.state not in GONE]
        broken = [t for t in here if t.state in BROKEN and t.created >= since]
        if len(broken) >= ENOUGH and not any(t.runs for t in live):
            words = last_words(cluster, [service], since)
            raise OperatorError("\n".join([f"{name} does not start on {node.hostname}", *words]))
        if live and all(t.runs and t.current for t in live):
            why = "" if host is None or host.name in tolerated else outside.trouble(host)
            if not why:
                say(f"  {node.hostname}: the edge runs the release, and serves")
                time.sleep(SETTLE)
                return
        time.sleep(POLL)
    raise OperatorError(f"After {PATIENCE:g} s {node.hostname} does not serve as an edge: {why}.")


def _host(cluster: Cluster, node: Node) -> Host | None:
    return next((h for h in cluster.hosts if is_node(cluster.inventory, node, h)), None)
