"""Even out the spread of a service's tasks, where it is bad enough to move some."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from provisioning.care import routes, waiting
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from swarm.model import Snapshot

SKEW = 2  # tasks by which the fullest may exceed the emptiest before anything moves


def uneven(hosts: Mapping[str, int], zones: Mapping[str, str]) -> bool:
    """Tell whether tasks are unevenly spread over zones, or over the hosts of one zone.

    `hosts` counts tasks by host, `zones` names each host's zone. Zones come first, as in the
    placement rule: a zone with fewer hosts rightly has more tasks on each.
    """
    by_zone: dict[str, list[int]] = {}
    for host, count in hosts.items():
        by_zone.setdefault(zones.get(host, ""), []).append(count)
    return _skewed([sum(counts) for counts in by_zone.values()]) or any(
        _skewed(counts) for counts in by_zone.values()
    )


def moves(hosts: Mapping[str, int]) -> int:
    """Return the most tasks worth moving: those above an equal share, or lacking elsewhere."""
    share, rest = divmod(sum(hosts.values()), max(len(hosts), 1))
    above = sum(max(count - share - bool(rest), 0) for count in hosts.values())
    return max(above, sum(max(share - count, 0) for count in hosts.values()))


def rebalance(cluster: Cluster, say: Callable[[str], None]) -> int:
    """Even out the spread of each service, one task at a time; return the number moved.

    A new task starts on the emptiest host before one on the fullest is stopped: the swarm does
    both by itself when a service grows by one and shrinks again.
    """
    waiting.refuse_rollout(cluster.services())
    moved = even_out(cluster, say)
    say(
        f"Moved {moved} task{'s' if moved != 1 else ''}."
        if moved
        else "Nothing to do: the spread is even."
    )
    return moved


def even_out(cluster: Cluster, say: Callable[[str], None]) -> int:
    """Move tasks of services that are spread unevenly; return how many. The rest is not touched.

    A release may end so: where two replicas are renewed one after the other, the swarm may start
    the second beside the first.
    """
    seen = cluster.snapshot()
    scaled = [
        service
        for service in seen.services
        if waiting.scales(service) and uneven(*_spread(seen, service.name))
    ]
    with waiting.autoscaler_paused(cluster, scaled):
        return sum(_even_out(cluster, service.name, say) for service in scaled)


def _even_out(cluster: Cluster, name: str, say: Callable[[str], None]) -> int:
    moved, bound = 0, None
    before: Mapping[str, int] = {}
    while True:
        waiting.until_calm(cluster, name)
        seen = cluster.snapshot()
        service = seen.service(name)
        if service is None:
            raise OperatorError(f"The service {name} is gone.")
        counts, zones = _spread(seen, name)
        bound = moves(counts) if bound is None else bound - 1
        if bound <= 0 or not uneven(counts, zones) or service.replicas is None:
            return moved
        if counts == before:
            return moved - 1  # a host that has room by number cannot take a task
        before = counts
        shown = ", ".join(f"{host} {count}" for host, count in counts.items())
        say(f"  {name}: {shown}; moving one")
        waiting.scale(cluster, name, service.replicas + 1)
        try:
            waiting.until_full(cluster, {name})
            routes.until_routed(cluster, {name}, say)
        finally:
            waiting.scale(cluster, name, service.replicas)
        waiting.until_full(cluster, {name})
        moved += 1


def _spread(seen: Snapshot, name: str) -> tuple[dict[str, int], dict[str, str]]:
    """Count the service's tasks by host, and name each host's zone."""
    service = seen.service(name)
    running = service.running if service else ()
    members = [n for n in seen.nodes if n.usable and n.labels.get("shop") == "true"]
    counts = {
        n.labels.get("host", n.hostname): sum(t.node == n.id for t in running) for n in members
    }
    return counts, {n.labels.get("host", n.hostname): n.labels.get("zone", "") for n in members}


def _skewed(counts: Collection[int]) -> bool:
    return len(counts) > 1 and max(counts) - min(counts) >= SKEW
