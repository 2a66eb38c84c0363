"""On which manager a swarm goes on, and when that is refused."""

from __future__ import annotations

from typing import Any

import pytest

from provisioning.care import recover
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Inventory
from provisioning.setup.host import HostFacts, Membership
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from provisioning.ssh.transport import HostError
from tests.provisioning.factories import KEY, inventory

STUCK = Membership("n", "active", manager=True, error="The swarm does not have a leader.")


def three_managers() -> Inventory:
    made = inventory()
    hosts = [
        made.host[0].model_copy(update={"name": f"manager{n}", "address": f"10.77.0.10{n}"})
        for n in (1, 2, 3)
    ]
    assert all(h.host_key == KEY for h in hosts)
    return made.model_copy(update={"host": (*hosts, *made.workers)})


def planned(
    monkeypatch: pytest.MonkeyPatch, *, wanted: str = "", alive: bool = False, **up: Membership
) -> recover.Recovery:
    """Plan with the managers that answer."""

    def manager(self: Cluster, patience: float = 0) -> Any:
        if alive:
            return type("Manager", (), {"name": "manager1"})
        raise OperatorError("no leader")

    def each(self: Fleet, hosts: Any, work: Any) -> dict[str, Any]:
        return {
            h.name: HostFacts(h.name, membership=up[h.name])
            if h.name in up
            else HostError(h.name, "no answer")
            for h in hosts
        }

    monkeypatch.setattr(Cluster, "manager", manager)
    monkeypatch.setattr(Fleet, "each", each)
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(three_managers(), fleet)
        return recover.plan(cluster, cluster.inventory.named(wanted) if wanted else None)


def test_the_manager_that_is_up_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    made = planned(monkeypatch, manager2=STUCK)
    assert (made.survivor.name, made.others, made.gone) == (
        "manager2", (), ("manager1", "manager3"),
    )  # fmt: skip
    assert "manager1, manager3: is taken out" in made.words


def test_the_operator_may_choose_among_those_that_are_up(monkeypatch: pytest.MonkeyPatch) -> None:
    made = planned(monkeypatch, wanted="manager3", manager1=STUCK, manager3=STUCK)
    assert made.survivor.name == "manager3"
    assert [h.name for h in made.others] == ["manager1"]
    with pytest.raises(OperatorError, match=r"manager2 does not answer .*; manager1 does"):
        planned(monkeypatch, wanted="manager2", manager1=STUCK)


def test_a_swarm_that_lives_is_never_cut_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OperatorError, match="nothing to recover"):
        planned(monkeypatch, alive=True, manager1=STUCK)


def test_without_any_state_left_a_backup_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OperatorError, match=r"ops restore FILE HOST"):
        planned(monkeypatch, manager1=Membership())
