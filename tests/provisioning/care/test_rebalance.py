"""When tasks are moved, and how many."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioning.care import waiting
from provisioning.care.rebalance import even_out, moves, rebalance, uneven
from provisioning.cluster import Cluster
from provisioning.errors import Interrupted, OperatorError
from provisioning.ssh.transport import LockLost
from swarm.model import Node, Service, Snapshot
from tests.provisioning.factories import service, task


@pytest.mark.parametrize(
    ("hosts", "zones", "is_uneven"),
    [
        ({"a": 2, "b": 2}, {}, False),
        ({"a": 2, "b": 1}, {}, False),
        ({"a": 3, "b": 1}, {}, True),
        ({"a": 4, "b": 0, "c": 0}, {}, True),
        ({"a": 4, "b": 2, "c": 2}, {"a": "x", "b": "y", "c": "y"}, False),
        ({"a": 3, "b": 3, "c": 0}, {"a": "x", "b": "y", "c": "y"}, True),
        ({"a": 4}, {}, False),
    ],
)
def test_uneven(hosts: dict[str, int], zones: dict[str, str], is_uneven: bool) -> None:
    assert uneven(hosts, zones) is is_uneven


@pytest.mark.parametrize(
    ("hosts", "count"),
    [
        ({"a": 4, "b": 0, "c": 0}, 2),
        ({"a": 2, "b": 1}, 0),
        ({"a": 2, "b": 0, "c": 2}, 1),  # nobody has more than a share rounded up, one has none
        ({"a": 3, "b": 0, "c": 1}, 1),
        ({"a": 3, "b": 3, "c": 0}, 2),
        ({"a": 1, "b": 1, "c": 0}, 0),
        ({"a": 0, "b": 0}, 0),
        ({}, 0),
    ],
)
def test_no_more_is_moved_than_makes_it_even(hosts: dict[str, int], count: int) -> None:
    assert moves(hosts) == count


HOSTS = ("n1", "n1", "n1", "n3")


class Swarm:
    """A swarm of three hosts and one service, with an autoscaler that wants four replicas."""

    def __init__(self, labels: dict[str, str], hosts: Sequence[str] = HOSTS) -> None:
        self.labels = labels
        self.hosts = list(hosts)
        self.said: list[str] = []
        self.slow = 0  # looks for which a change is seen to be rolled out
        self.updating = 0

    def run(self, command: str, **_: Any) -> None:
        """Do what a manager is told; the emptiest host gets a task, the fullest loses one."""
        self.said.append(command)
        self.updating = self.slow
        if "--label-add" in command:
            self.labels["bookstore.autoscale.pause"] = "true"
        if "--label-rm" in command:
            del self.labels["bookstore.autoscale.pause"]
        if "service scale" not in command:
            return
        for count in [int(command.rpartition("=")[2]), *([] if self._held() else [4])]:
            while len(self.hosts) < count:
                self.hosts.append(min(("n1", "n2", "n3"), key=self.hosts.count))
            while len(self.hosts) > count:
                # What does not run yet goes first, and it is the last that came.
                last = self.hosts[-1] if count == 4 and not self._held() else None
                gone = last or Counter(self.hosts).most_common(1)[0][0]
                self.hosts.reverse()
                self.hosts.remove(gone)
                self.hosts.reverse()

    def _held(self) -> bool:
        autoscaled = any(label.startswith("bookstore.autoscale.") for label in self.labels)
        return not autoscaled or self.labels.get("bookstore.autoscale.pause") == "true"

    def services(self) -> tuple[Service, ...]:
        made = service(*(task(node=host) for host in self.hosts), desired=len(self.hosts))
        made.spec["Labels"].update(self.labels)
        self.updating = max(self.updating - 1, 0)
        return (replace(made, update="updating" if self.updating else "completed"),)

    def snapshot(self) -> Snapshot:
        nodes = tuple(
            Node(n, n, state="ready", labels={"host": n, "shop": "true", "zone": n})
            for n in ("n1", "n2", "n3")
        )
        return Snapshot(self.services(), self.services()[0].tasks, nodes)

    def cluster(self) -> Cluster:
        return cast(
            Cluster,
            SimpleNamespace(
                name="bookstore",
                hosts=(),
                services=self.services,
                snapshot=self.snapshot,
                manager=lambda: self,
            ),
        )


@pytest.mark.parametrize(
    "labels", [{}, {"bookstore.autoscale.min": "4"}, {"bookstore.autoscale.pause": "true"}]
)
@pytest.mark.parametrize("hosts", [HOSTS, ("n1", "n1", "n3", "n3")])
def test_the_autoscaler_does_not_take_away_what_is_started_to_even_out(
    labels: dict[str, str], hosts: Sequence[str]
) -> None:
    swarm = Swarm(dict(labels), hosts)
    rebalance(swarm.cluster(), lambda _: None)
    assert sorted(Counter(swarm.hosts).values()) == [1, 1, 2]
    assert swarm.labels == labels, "as it was before"


def test_its_own_changes_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy swarm takes a while to see that a label changes no task."""
    monkeypatch.setattr(waiting, "POLL", 0.0)
    swarm = Swarm({"bookstore.autoscale.min": "4"}, ("n1", "n1", "n1", "n1"))
    swarm.slow = 3
    assert even_out(swarm.cluster(), lambda _: None) == 2
    assert sorted(Counter(swarm.hosts).values()) == [1, 1, 2]


def test_the_autoscaler_goes_on_after_what_went_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        assert swarm.labels["bookstore.autoscale.pause"] == "true"
        raise KeyboardInterrupt

    swarm = Swarm({"bookstore.autoscale.min": "4"})
    monkeypatch.setattr(waiting, "until_full", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rebalance(swarm.cluster(), lambda _: None)
    assert swarm.labels == {"bookstore.autoscale.min": "4"}


@pytest.mark.parametrize(
    ("hosts", "moved"), [(("n1", "n1"), 1), (("n1", "n1", "n3", "n3"), 1), (("n2", "n2", "n2"), 2)]
)
def test_what_a_release_left_uneven_is_moved_and_told(hosts: Sequence[str], moved: int) -> None:
    swarm, said = Swarm({}, hosts), list[str]()
    assert even_out(swarm.cluster(), said.append) == moved
    assert len(said) == moved


def test_an_even_spread_is_not_touched(monkeypatch: pytest.MonkeyPatch) -> None:
    swarm = Swarm({"bookstore.autoscale.min": "3"}, ("n1", "n2", "n3"))
    monkeypatch.setattr(Swarm, "run", pytest.fail)
    assert even_out(swarm.cluster(), pytest.fail) == 0


@pytest.mark.parametrize(
    ("wrong", "raised"),
    [
        (OperatorError("It broke."), OperatorError),
        (LockLost("The lock was lost."), LockLost),
        (KeyboardInterrupt(), Interrupted),
    ],
)
def test_an_autoscaler_that_stays_paused_is_told(
    monkeypatch: pytest.MonkeyPatch, wrong: BaseException, raised: type[BaseException]
) -> None:
    def run(self: Swarm, command: str, **_: Any) -> None:
        if "service scale" in command:
            raise wrong
        if "--label-rm" in command:
            raise OperatorError("No manager answers.")

    monkeypatch.setattr(Swarm, "run", run)
    swarm = Swarm({"bookstore.autoscale.min": "4"})
    with pytest.raises(raised, match="still paused") as told:
        even_out(swarm.cluster(), lambda _: None)
    assert type(told.value) is raised
    assert str(wrong) in str(told.value)


def test_a_host_that_cannot_take_a_task_is_tried_once(monkeypatch: pytest.MonkeyPatch) -> None:
    swarm = Swarm({}, ("n1", "n1", "n1", "n3", "n3", "n3"))
    run, scaled = Swarm.run, list[str]()

    def without_n2(self: Swarm, command: str, **_: Any) -> None:
        scaled.append(command)
        run(self, command)
        self.hosts = ["n1" if host == "n2" else host for host in self.hosts]

    monkeypatch.setattr(Swarm, "run", without_n2)
    assert even_out(swarm.cluster(), lambda _: None) == 0
    assert len(scaled) == 2, "one more, and back"
