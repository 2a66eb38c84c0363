"""When a host can be spared for a moment, and what stays behind when that is interrupted."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.care.maintenance import out_of_service, quorum_at_risk
from provisioning.cluster import Cluster
from provisioning.errors import Interrupted, OperatorError
from provisioning.release.outside import Outside
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from swarm.model import Node, Snapshot
from tests.provisioning.factories import inventory, service, task


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


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a manager of three hosts was told, of which two run the shop."""
    nodes = tuple(
        Node(f"n-{name}", name, state="ready", availability="active", role=name[:-1],
             labels={"host": name, "shop": "true"})
        for name in ("manager1", "worker1", "worker2")
    )  # fmt: skip
    runs = service(task(node="n-worker2"), desired=1)
    told: list[str] = []

    class Manager:
        def run(self, command: str, **_: Any) -> None:
            told.append(command)

    monkeypatch.setattr(Cluster, "snapshot", lambda self: Snapshot((runs,), runs.tasks, nodes))
    monkeypatch.setattr(Cluster, "manager", lambda self: Manager())
    monkeypatch.setattr(Outside, "wrong", lambda self: {})
    return told


def test_ctrl_c_says_that_the_host_is_out_of_service_still(told: list[str]) -> None:
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(inventory(), fleet)
        host = cluster.inventory.named("worker1")
        with (
            pytest.raises(Interrupted, match=r"worker1 takes no tasks now.*ops activate worker1"),
            out_of_service(cluster, lambda text: None, host),
        ):
            raise KeyboardInterrupt
    assert told[-1] == "docker node update --availability drain n-worker1"


def test_so_does_what_fails_meanwhile(told: list[str]) -> None:
    said: list[str] = []
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(inventory(), fleet)
        host = cluster.inventory.named("worker1")
        with (
            pytest.raises(OperatorError, match="took longer than"),
            out_of_service(cluster, said.append, host),
        ):
            raise OperatorError("worker1: `restart the engine` took longer than 120 seconds")
    assert told[-1] == "docker node update --availability drain n-worker1"
    assert said[-1].strip().startswith("worker1 takes no tasks now.")
    assert "./run ops activate worker1" in said[-1]


@pytest.mark.parametrize("ends", [OperatorError, KeyboardInterrupt])
def test_a_host_that_was_not_touched_is_not_said_to_be_out_of_service(
    ends: type[BaseException], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rollout refuses it, or Ctrl-C comes, before anything is changed."""

    def refuse(services: object) -> None:
        raise ends("app is being updated")

    monkeypatch.setattr("provisioning.care.waiting.refuse_rollout", refuse)
    said: list[str] = []
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(inventory(), fleet)
        host = cluster.inventory.named("worker1")
        with (
            pytest.raises(ends, match=r"^app is being updated$"),
            out_of_service(cluster, said.append, host),
        ):
            raise AssertionError("nobody may work on it")
    assert (told, said) == ([], [])
