"""What the host scaler sees, from what a real swarm printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provisioning.growth import view
from provisioning.growth.policy import Size
from provisioning.growth.provider import Group, Machine
from provisioning.growth.view import PLENTY, View

RECORDED = Path(__file__).parents[2] / "swarm" / "recorded"
MIB = 2**20
CORES, MEMORY = 2.0, 25276514304
GROUP = Group(tuple(Machine(f"worker{n}", f"10.77.0.20{n}") for n in (1, 2, 3)), 3)


class Swarm:
    """Three workers, one manager that is the edge, two replicas of the shop."""

    def __init__(self) -> None:
        self.nodes, self.services, self.tasks = (
            json.loads((RECORDED / f"{name}.json").read_text())
            for name in ("nodes", "services", "tasks")
        )

    def node(self, name: str) -> dict[str, Any]:
        return next(n for n in self.nodes if n["Description"]["Hostname"] == name)

    @property
    def shops(self) -> list[dict[str, Any]]:
        """The shop's tasks, whose service has no global mode."""
        web = next(s["ID"] for s in self.services if s["Spec"]["Name"] == "app_web")
        return [t for t in self.tasks if t["ServiceID"] == web]

    def seen(self) -> View:
        return view.parse(*(json.dumps(rows) for rows in (self.nodes, self.services, self.tasks)))


@pytest.fixture
def swarm() -> Swarm:
    return Swarm()


def wait_for_room(task: dict[str, Any]) -> None:
    """Make a task one that no host has room for, as Docker shows it."""
    task["NodeID"] = ""
    task["Status"] |= {"State": "pending", "Err": "no suitable node (insufficient resources on 3)"}


def test_hosts_with_what_they_run(swarm: Swarm) -> None:
    present = view.cluster(swarm.seen(), GROUP, 900)
    assert [(h.name, h.tasks) for h in present.hosts] == [
        ("worker1", (Size(0, 128 * MIB),)),
        ("worker2", (Size(0, 128 * MIB),)),
        ("worker3", ()),
    ]
    assert all(h.ready and not h.keep for h in present.hosts)
    assert present.template == Size(CORES, MEMORY)
    assert (present.pending, present.coming, present.rollout) == ((), (), False)


def test_tasks_without_room_count_once_the_managers_say_so(swarm: Swarm) -> None:
    wait_for_room(swarm.shops[0])
    assert swarm.seen().pending == (Size(0, 128 * MIB),)
    del swarm.shops[0]["Status"]["Err"]  # just made: nobody has looked for a host yet
    assert swarm.seen().pending == ()


def test_a_task_that_may_only_run_on_a_manager_waits_for_no_worker(swarm: Swarm) -> None:
    wait_for_room(swarm.shops[0])
    swarm.shops[0]["Spec"]["Placement"]["Constraints"] = ["node.role == manager"]
    assert swarm.seen().pending == ()


def test_what_runs_on_every_host_makes_hosts_smaller_and_keeps_none_busy(swarm: Swarm) -> None:
    edge = next(t for t in swarm.tasks if t not in swarm.shops)
    edge["NodeID"] = swarm.node("worker3")["ID"]
    host = view.cluster(swarm.seen(), GROUP, 900).hosts[2]
    assert (host.capacity, host.tasks) == (Size(CORES, MEMORY - 64 * MIB), ())


def test_a_host_is_kept_for_a_label_and_for_a_task_that_belongs_there(swarm: Swarm) -> None:
    swarm.node("worker3")["Spec"]["Labels"]["bookstore.keep"] = "true"
    task = next(t for t in swarm.shops if t["NodeID"] == swarm.node("worker1")["ID"])
    task["Spec"]["Placement"]["Constraints"] = ["node.labels.host == worker1"]
    kept = {h.name: h.keep for h in view.cluster(swarm.seen(), GROUP, 900).hosts}
    assert kept == {"worker1": True, "worker2": False, "worker3": True}


@pytest.mark.parametrize("change", [{"Availability": "drain"}, {"Availability": "pause"}])
def test_a_host_that_takes_no_tasks_is_not_ready(swarm: Swarm, change: dict[str, str]) -> None:
    swarm.node("worker2")["Spec"] |= change
    assert [h.ready for h in view.cluster(swarm.seen(), GROUP, 900).hosts] == [True, False, True]


def test_machines_that_are_no_members_are_coming(swarm: Swarm) -> None:
    del swarm.node("worker3")["Spec"]["Labels"]["host"]  # in the swarm, but apply has not been
    del swarm.node("worker3")["Spec"]["Labels"]["shop"]
    machines = (*GROUP.machines, Machine("worker4", "10.77.0.204", age=7))
    present = view.cluster(swarm.seen(), Group(machines, 5), 900)
    assert len(present.hosts) == 2
    assert present.coming == (0.0, 7, 0.0)  # the last one does not exist yet


def test_a_machine_that_leaves_is_none_that_comes(swarm: Swarm) -> None:
    leaving = Machine("worker3", "10.77.0.203", leaving=True)
    present = view.cluster(swarm.seen(), Group((*GROUP.machines[:2], leaving), 2), 900)
    assert (len(present.hosts), present.coming) == (2, ())


def test_the_dead_whose_machine_is_gone_have_departed(swarm: Swarm) -> None:
    swarm.node("worker3")["Status"]["State"] = "down"
    assert view.departed(swarm.seen(), GROUP) == []  # it may only be rebooting
    gone = Group(GROUP.machines[:2], 2)
    assert [n.hostname for n in view.departed(swarm.seen(), gone)] == ["worker3"]
    swarm.node("manager1")["Status"]["State"] = "down"
    assert [n.hostname for n in view.departed(swarm.seen(), gone)] == ["worker3"]


def test_an_address_that_is_used_again_is_no_membership(swarm: Swarm) -> None:
    swarm.node("worker3")["Status"]["State"] = "down"
    fresh = Machine("i-0new", GROUP.machines[2].address)
    group = Group((*GROUP.machines[:2], fresh), 3)
    assert not view.joined(swarm.seen(), fresh)
    assert [n.hostname for n in view.departed(swarm.seen(), group)] == ["worker3"]


def test_a_rollout_is_seen(swarm: Swarm) -> None:
    swarm.services[0]["UpdateStatus"] = {"State": "updating"}
    assert view.cluster(swarm.seen(), GROUP, 900).rollout


def test_with_no_host_to_go_by_a_new_one_is_taken_to_be_large_enough(swarm: Swarm) -> None:
    assert view.cluster(swarm.seen(), Group((), 0), 900).template == PLENTY


def test_an_empty_swarm() -> None:
    assert view.parse("", "", "").pending == ()
