"""New machines in the place of dead ones, under readers: a worker, and managers that are edges."""

from __future__ import annotations

import subprocess
import time

import pytest

from provisioning.rehearsal import guests, lifecycle
from provisioning.rehearsal.layout import hosts
from tests.rehearsal.load import Load
from tests.rehearsal.operator import on, ops, running
from tests.rehearsal.test_three_edges import serial

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.rehearsal,
    pytest.mark.timeout(1200),
    pytest.mark.usefixtures("three_edges"),
]
EDGES = hosts(3, 0)
NAMES = ["manager1", "manager2", "manager3", "worker1", "worker2"]


def nodes(at: str) -> list[list[str]]:
    """List the members as a manager sees them: name, state, part in the quorum."""
    shown = "{{.Hostname}} {{.Status}} {{.ManagerStatus}}"
    return sorted(row.split() for row in on(at, f"docker node ls --format '{shown}'").splitlines())


def leader() -> str:
    """Name the manager that leads, whichever answers."""
    for edge in EDGES:
        try:
            return next(row[0] for row in nodes(edge.name) if row[2:] == ["Leader"])
        except (subprocess.CalledProcessError, StopIteration):
            continue
    raise AssertionError("no manager leads")


@pytest.mark.parametrize("which", ["worker", "manager", "leader"])
def test_a_new_machine_takes_a_dead_ones_place_and_no_request_fails(which: str) -> None:
    leads = leader()
    follows = next(edge.name for edge in EDGES if edge.name != leads)
    lost = {"worker": "worker2", "manager": follows, "leader": leads}[which]
    other = next(edge.name for edge in EDGES if edge.name != lost)
    guests.cut_power(lost)
    time.sleep(20)  # the load balancer and the swarm have seen it; other tests are about that
    with Load() as load:
        lifecycle.replace(lost)
        done = ops("replace", lost, "--yes")
        assert done.status == 0
        deadline = time.monotonic() + 180
        while not all(serial(edge.address) for edge in EDGES):
            assert time.monotonic() < deadline, "not every edge serves"
            time.sleep(1)
        assert ops("rebalance", "--yes").status == 0
        time.sleep(5)
    print(f"{lost} ({which}) replaced in {done.seconds:.0f} s; {load.summary()}")
    assert not load.failures
    found = nodes(other)
    assert [row[0] for row in found] == NAMES  # the dead one is forgotten
    assert {row[1] for row in found} == {"Ready"}
    part = sorted(row[2] for row in found if row[2:])
    assert part == ["Leader", "Reachable", "Reachable"]
    assert {task.node for task in running("app_web", other)} == {"worker1", "worker2"}
    assert "nothing to do" in ops("plan").text.lower()
