"""How many replicas the swarm can place, by what they and everything else reserve. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from swarm.model import Json, Node, Task, reservations


def placeable(spec: Json, service: str, nodes: Iterable[Node], tasks: Sequence[Task]) -> int | None:
    """Count the replicas of a service that fit at the same time; None when nothing limits them.

    `spec` is the service's, `tasks` all that are meant to run, of every service.
    """
    template: Mapping[str, Any] = spec["TaskTemplate"]
    placement = template.get("Placement") or {}
    need = reservations(template)
    most = placement.get("MaxReplicas") or 0
    if not any(need) and not most:
        return None
    mine: Counter[str] = Counter()
    used: dict[str, list[int]] = {}
    for task in tasks:
        if not task.node:
            continue
        if task.service == service:
            mine[task.node] += 1
        sums = used.setdefault(task.node, [0, 0])
        sums[0] += task.reserved[0]
        sums[1] += task.reserved[1]
    total = 0
    for node in nodes:
        here = mine.pop(node.id, 0)
        if not node.usable or not node.meets(placement.get("Constraints") or ()):
            total += here
            continue
        taken = used.get(node.id, [0, 0])
        fits = [
            max(0, (have - gone) // wants)
            for have, gone, wants in zip(node.resources, taken, need, strict=True)
            if wants
        ]
        more = min([*fits, max(0, most - here)] if most else fits)
        total += here + more
    return total
