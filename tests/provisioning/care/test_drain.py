"""A host that is dead is taken out at once."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.care.drain import drain
from provisioning.cluster import Cluster
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from swarm.model import Node, Snapshot
from tests.provisioning.factories import inventory, service, task


class Manager:
    """Stands for the connection to a manager: keeps what it is told to do."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def run(self, command: str, **_: Any) -> None:
        self.commands.append(command)


def test_a_dead_host_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = tuple(
        Node(f"n-{name}", name, state=state, labels={"host": name, "shop": "true"})
        for name, state in (("manager1", "ready"), ("worker1", "down"), ("worker2", "ready"))
    )
    # The engine never said that its task ended.
    stuck = service(task(node="n-worker1", wanted="shutdown"), task(node="n-worker2"), desired=1)
    manager = Manager()
    monkeypatch.setattr(Cluster, "snapshot", lambda self: Snapshot((stuck,), stuck.tasks, nodes))
    monkeypatch.setattr(Cluster, "manager", lambda self: manager)
    said: list[str] = []
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(inventory(), fleet)
        drain(cluster, cluster.inventory.named("worker1"), said.append)
    assert manager.commands == ["docker node update --availability drain n-worker1"]
    assert said[-1].startswith("worker1 is down: its tasks have started elsewhere already")
