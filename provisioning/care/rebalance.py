"""Decide whether a service's tasks are spread badly enough to move them. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping

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
    """Give the most tasks worth moving: those above an equal share."""
    share = -(-sum(hosts.values()) // max(len(hosts), 1))
    return sum(max(count - share, 0) for count in hosts.values())


def _skewed(counts: Collection[int]) -> bool:
    return len(counts) > 1 and max(counts) - min(counts) >= SKEW
