"""A new machine in a dead host's place: in which order, and when that is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provisioning.care import replace as module
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.setup.facts import Facts
from provisioning.setup.host import Membership
from provisioning.setup.operations import Plan, Run
from provisioning.setup.plan import make_plan
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from swarm.model import Node
from tests.provisioning.factories import inventory
from tests.provisioning.setup.test_plan import joined


def managers(*reachable: bool) -> tuple[Node, ...]:
    """Return managers of which some take part, and the workers of the inventory."""
    found = [
        Node(
            f"n-{n}",
            f"manager{n}",
            role="manager",
            state="ready" if up else "down",
            labels={"host": f"manager{n}"},
            reachability="reachable" if up else "unreachable",
        )
        for n, up in enumerate(reachable, 1)
    ]
    return (
        *found,
        Node("n-w", "worker1", role="worker", state="ready", labels={"host": "worker1"}),
    )


def planned(monkeypatch: pytest.MonkeyPatch, name: str, nodes: tuple[Node, ...]) -> Plan:
    """Plan the replacement of a host; what apply would do is nothing."""
    monkeypatch.setattr(Cluster, "nodes", lambda self: nodes)
    monkeypatch.setattr(module, "read_plan", lambda cluster, objects: (None, Plan(())))
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(inventory(), fleet)
        return module.replace_plan(cluster, cluster.inventory.named(name), ())


def test_a_dead_manager_is_demoted_and_removed_before_its_successor_joins() -> None:
    """Another order costs the quorum, or leaves a manager that can never be removed."""
    hosts = joined(worker1={"membership": Membership()}).hosts
    swarm = joined().swarm
    assert swarm
    nodes = tuple(
        replace(n, state="down", role="manager") if n.hostname == "worker1" else n
        for n in swarm.nodes
    )
    made = inventory()
    promoted = tuple(
        h.model_copy(update={"role": "manager"}) if h.name == "worker1" else h for h in made.host
    )
    plan = make_plan(
        made.model_copy(update={"host": promoted}), Facts(hosts, replace(swarm, nodes=nodes))
    )
    members = [o for o in plan.operations if o.stage == "members" and o.host == "worker1"]
    assert [o.words.split(" (")[0] for o in members] == [
        "forget the dead manager worker1",
        "join the swarm as manager",
    ]
    assert all(o.alone for o in members)
    (forget,) = members[0].steps
    assert isinstance(forget, Run)
    assert 0 <= forget.command.index("docker node demote") < forget.command.index("docker node rm")
    assert members[0].at == "manager1"


def test_a_host_that_lives_is_not_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OperatorError, match=r"worker1 is alive .*ops drain worker1"):
        planned(monkeypatch, "worker1", managers(True))


def test_a_dead_manager_is_replaced_while_the_others_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    nodes = (replace(managers(False)[0], hostname="manager1"), *managers(True, True, True)[1:])
    assert planned(monkeypatch, "manager1", nodes) == Plan(())


def test_no_manager_is_replaced_where_that_would_cost_the_quorum(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nodes = (managers(False)[0], *managers(True, True, False, False)[1:])
    with pytest.raises(OperatorError, match=r"Only 1 of 4 managers take part"):
        planned(monkeypatch, "manager1", nodes)
