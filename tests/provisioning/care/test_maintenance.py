"""When a manager can be spared for a moment."""

from __future__ import annotations

import pytest

from provisioning.care.maintenance import quorum_at_risk
from swarm.model import Node


def node(name: str, reachability: str = "reachable") -> Node:
    role = "manager" if name.startswith("m") else "worker"
    return Node(name, name, role=role, reachability=reachability if role == "manager" else "")


@pytest.mark.parametrize(
    ("managers", "which", "at_risk"),
    [
        ("m1+ m2+ m3+", "m1", False),
        ("m1+ m2+ m3-", "m1", True),
        ("m1+ m2+ m3-", "m3", False),  # it is the one that is away
        ("m1+", "m1", False),  # nobody can stand in, and that is said elsewhere
        ("m1+ m2+ m3-", "w1", False),
        ("m1+ m2+ m3+ m4+ m5-", "m1", False),
        ("m1+ m2+ m3+ m4- m5-", "m1", True),
    ],
)
def test_a_quorum_at_risk(managers: str, which: str, at_risk: bool) -> None:
    nodes = [node(m[:2], "reachable" if m[2] == "+" else "unreachable") for m in managers.split()]
    nodes.append(node("w1"))
    said = quorum_at_risk(nodes, next(n for n in nodes if n.id == which))
    assert bool(said) is at_risk
    if at_risk:
        away = ", ".join(m[:2] for m in managers.split() if m.endswith("-"))
        assert f"Bring {away} back" in said
