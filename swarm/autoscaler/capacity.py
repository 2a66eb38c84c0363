"""How many replicas the swarm can place, by what they and everything else reserve. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from swarm.autoscaler.swarm_api import Json, Node, Task, reservations

_CONSTRAINT = re.compile(r"\s*([\w./-]+)\s*(==|!=)\s*(.*?)\s*")


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
        if not node.usable or not allowed(node, placement.get("Constraints") or ()):
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


def allowed(node: Node, constraints: Iterable[str]) -> bool:
    """Tell whether a node meets all constraints; those on what we do not know count as met."""
    for text in constraints:
        match = _CONSTRAINT.fullmatch(text)
        if match is None:
            continue
        key, operator, value = match.groups()
        have = node.attributes.get(key, "" if ".labels." in key else None)
        if have is not None and (have.lower() == value.lower()) != (operator == "=="):
            return False
    return True
