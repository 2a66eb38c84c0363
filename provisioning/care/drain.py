"""Move all tasks off a host without an error for readers, and let it take tasks again."""

from __future__ import annotations

from collections.abc import Callable

from provisioning.care import routes, waiting
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from swarm.model import Node, Snapshot

Say = Callable[[str], None]


def drain(cluster: Cluster, host: Host, say: Say) -> None:
    """Move all tasks off a host without a moment of fewer replicas, and keep new ones away."""
    carry_out(cluster, host, prepare(cluster, host), say)


def prepare(cluster: Cluster, host: Host) -> Snapshot:
    """Return what runs before a host is drained; refuse where it cannot be. Changes nothing."""
    if in_the_way := hindrance(cluster, host):
        raise OperatorError(in_the_way)
    seen = cluster.snapshot()
    waiting.refuse_rollout(seen.services)
    return seen


def carry_out(cluster: Cluster, host: Host, seen: Snapshot, say: Say) -> None:
    """Drain a host of which `prepare` has said what runs; it takes no tasks from here on."""
    node = cluster.node_of(host)
    if node.state != "ready":
        _set_availability(cluster, node, "drain")
        say(
            f"{host.name} is {node.state}: its tasks have started elsewhere already, and it takes "
            "none when it comes back."
        )
        return
    # Replacements first: the host takes nothing new, the shop grows elsewhere, the edges learn of
    # that, then it is emptied. Replicas that stop say at once that they want no more requests.
    _set_availability(cluster, node, "pause")
    moved = [(s, sum(t.node == node.id for t in s.running)) for s in seen.services]
    grown = [(s, here) for s, here in moved if here and s.replicas and waiting.scales(s)]
    names = {service.name for service, _here in grown}
    with waiting.autoscaler_paused(cluster, [service for service, _here in grown]):
        try:
            for service, here in grown:
                say(f"  {service.name}: starting {here} more elsewhere")
                waiting.scale(cluster, service.name, (service.replicas or 0) + here)
            waiting.until_full(cluster, names)
            routes.until_routed(cluster, names, say, leaving=node.id)
            _set_availability(cluster, node, "drain")
        finally:
            for service, _here in grown:
                waiting.scale(cluster, service.name, service.replicas or 0)
    waiting.until_empty(cluster, node)
    waiting.until_full(cluster, names)
    say(
        f"{host.name} is drained and may be shut down. To use it again: "
        f"./run ops activate {host.name}"
    )


def hindrance(cluster: Cluster, host: Host) -> str:
    """Say why a host cannot be drained, "" when it can."""
    node = cluster.node_of(host)
    others = [n for n in cluster.nodes() if n.id != node.id and n.usable]
    if host.is_edge and not any(n.labels.get("edge") == "true" for n in others):
        return (
            f"{host.name} is the only edge that works: without it nobody reaches the shop. Make "
            "another host an edge first (edge = true, then ./run ops apply)."
        )
    if not any(n.labels.get("shop") == "true" for n in others):
        return f"{host.name} is the only host that can run the shop."
    return ""


def activate(cluster: Cluster, host: Host, say: Say) -> None:
    """Let a host take tasks again."""
    _set_availability(cluster, cluster.node_of(host), "active")
    say(f"{host.name} takes tasks again. To move some back to it: ./run ops rebalance")


def _set_availability(cluster: Cluster, node: Node, availability: str) -> None:
    cluster.manager().run(f"docker node update --availability {availability} {node.id}", sudo=True)
