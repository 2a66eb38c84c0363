"""Plans from facts recorded on real hosts: what changes, what does not, what stands in the way."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from provisioning.inventory import Inventory
from provisioning.setup.facts import Facts
from provisioning.setup.host import HostFacts, Listener, Membership, Mount, parse_host
from provisioning.setup.operations import Object, Run
from provisioning.setup.plan import NFS_OPTIONS, STAGES, heartbeat, make_plan
from provisioning.setup.swarm import SwarmFacts, parse_swarm
from tests.provisioning.factories import HOSTS, inventory

RECORDED = json.loads((Path(__file__).parent / "recorded" / "joined.json").read_text())
NETWORK = Object("network", "bookstore_public")


def joined(**changes: Any) -> Facts:
    """Give the facts of a finished cluster; `changes` alters hosts by name."""
    hosts = {name: parse_host(name, sections) for name, sections in RECORDED["hosts"].items()}
    hosts = {n: replace(hosts[n], storage_marker="bookstore", storage_ready=True) for n in HOSTS}
    for name, change in changes.items():
        hosts[name] = replace(hosts[name], **change)
    swarm = parse_swarm(RECORDED["swarm"])
    assert swarm
    # The recorded swarm had one worker more than the tests' inventory.
    nodes = tuple(node for node in swarm.nodes if node.hostname in HOSTS)
    return Facts(hosts, replace(swarm, nodes=nodes))


def bare() -> Facts:
    """Give the facts of hosts that have just been booted for the first time."""
    fresh = HostFacts("", architecture="x86_64", system="debian 13", settings={})
    return Facts({name: replace(fresh, name=name) for name in HOSTS})


def words(facts: Facts, inv: Inventory | None = None, *objects: Object) -> list[str]:
    plan = make_plan(inv or inventory(), facts, objects)
    assert plan.problems == ()
    return [f"{o.host}: {o.words}" for o in plan.operations]


def commands(facts: Facts, stage: str) -> list[str]:
    return [
        step.command
        for operation in make_plan(inventory(), facts).operations
        if operation.stage == stage
        for step in operation.steps
        if isinstance(step, Run)
    ]


def test_nothing_to_do_on_a_finished_cluster() -> None:
    assert words(joined(), None, NETWORK) == []


def test_bare_hosts_are_planned_to_the_end() -> None:
    plan = make_plan(inventory(), bare(), (NETWORK,))
    assert plan.problems == ()
    assert {o.stage for o in plan.operations} == set(STAGES)
    assert [o.words for o in plan.operations if o.host == "worker1"] == [
        "install Docker Engine",
        "join the swarm as worker",
        "label host=worker1, shop=true, zone=a",
    ]


def test_an_engine_without_its_command_line_gets_that_first() -> None:
    """Debian's docker.io only recommends docker-cli: some have one and not the other."""
    facts = joined(worker1={"engine": None, "client": False, "membership": Membership()})
    plan = make_plan(inventory(), facts)
    first = next(o for o in plan.operations if o.host == "worker1")
    assert (first.stage, first.words) == ("engine", "install Docker's command line")
    assert [c for c in commands(facts, "engine") if "docker info" in c] == []


def test_the_swarm_starts_with_heartbeat_and_pool() -> None:
    assert commands(bare(), "swarm") == [
        "docker swarm init --advertise-addr 10.77.0.101 --default-addr-pool 10.200.0.0/16 "
        "--default-addr-pool-mask-length 24 --dispatcher-heartbeat 2s"
    ]


def test_only_the_missing_host_joins() -> None:
    facts = joined(worker1={"membership": Membership()})
    assert "worker1: join the swarm as worker" in words(facts)
    (run,) = [
        step
        for operation in make_plan(inventory(), facts).operations
        if operation.stage == "members"
        for step in operation.steps
        if isinstance(step, Run)
    ]
    assert json.loads(run.stdin) == {
        "ListenAddr": "0.0.0.0:2377",
        "AdvertiseAddr": "10.77.0.201",
        "RemoteAddrs": ["10.77.0.101:2377"],
        "JoinToken": "SWMTKN-1-recorded-token",
    }


def test_no_token_and_no_secret_stands_in_a_command() -> None:
    facts = joined(worker1={"membership": Membership()})
    plan = make_plan(inventory(), facts, (Object("secret", "s", b"hunter2"),))
    for operation in plan.operations:
        for step in operation.steps:
            if isinstance(step, Run):
                assert "SWMTKN" not in step.command
                assert "hunter2" not in step.command


def test_a_dead_node_is_forgotten_before_its_replacement_joins() -> None:
    facts = joined(worker1={"membership": Membership()})
    assert facts.swarm
    nodes = tuple(
        replace(n, state="down") if n.hostname == "worker1" else n for n in facts.swarm.nodes
    )
    plan = make_plan(inventory(), Facts(facts.hosts, replace(facts.swarm, nodes=nodes)))
    assert [o.words for o in plan.operations if o.stage == "members"] == [
        "forget the dead worker worker1 (10.77.0.201), whose place it takes",
        "join the swarm as worker",
    ]


def test_a_changed_heartbeat_is_set_again() -> None:
    facts = joined()
    assert facts.swarm
    slow = Facts(facts.hosts, replace(facts.swarm, heartbeat=5_000_000_000))
    assert words(slow) == ["manager1: set the heartbeat to 2 s (it is 5 s)"]


@pytest.mark.parametrize(("managers", "seconds"), [(1, 2), (2, 4), (3, 4), (5, 4)])
def test_a_worker_whose_manager_dies_finds_another_before_it_counts_as_dead(
    managers: int, seconds: int
) -> None:
    made = inventory()
    more = tuple(made.managers[0].model_copy(update={"name": f"m{n}"}) for n in range(1, managers))
    beat = heartbeat(made.model_copy(update={"host": (*made.host, *more)})) / 1e9
    assert beat == seconds
    soonest_dead, latest_beat, no_answer = 3 * (beat - 0.5), beat + 0.5, 5
    assert managers == 1 or soonest_dead > latest_beat + no_answer


def test_engine_settings_keep_what_others_wrote() -> None:
    facts = joined(worker1={"settings": {"dns": ["10.0.0.2"]}})
    (operation,) = make_plan(inventory(), facts).operations
    assert operation.words.startswith("set the engine's log-driver, log-opts and restart it")
    assert operation.alone
    content = json.loads(operation.steps[0].content)  # type: ignore[union-attr]
    assert content["dns"] == ["10.0.0.2"]


def test_a_manager_that_should_be_a_worker_is_demoted() -> None:
    facts = joined()
    assert facts.swarm
    nodes = tuple(
        replace(n, role="manager") if n.hostname == "worker1" else n for n in facts.swarm.nodes
    )
    assert words(Facts(facts.hosts, replace(facts.swarm, nodes=nodes))) == [
        "worker1: demote to worker"
    ]


def test_nfs_is_installed_mounted_and_then_left_alone() -> None:
    inv = inventory(storage="nfs4:files.test:/")
    plan = [w for w in words(joined(), inv) if w.startswith("worker1")]
    assert plan == [
        "worker1: install the NFS client",
        "worker1: mount files.test:/ at /srv/bookstore",
    ]
    done = {
        "nfs": True,
        "fstab": f"files.test:/ /srv/bookstore nfs4 {NFS_OPTIONS} 0 0",
        "storage": Mount("files.test:/", "nfs4", frozenset({"hard"})),
    }
    assert words(joined(manager1=done, worker1=done, worker2=done), inv) == []


def test_networks_fit_into_a_small_mtu() -> None:
    facts = joined(worker2={"mtu": 1460})
    (operation,) = make_plan(inventory(), facts, (Object("network", "other"),)).operations
    assert "--opt com.docker.network.driver.mtu=1410" in operation.steps[0].command  # type: ignore[union-attr]


def test_secrets_travel_on_standard_input_and_are_not_shown() -> None:
    plan = make_plan(inventory(), joined(), (Object("secret", "bookstore_key_1", b"hunter2"),))
    (operation,) = plan.operations
    assert operation.steps[0].stdin == b"hunter2"  # type: ignore[union-attr]
    assert "hunter2" not in repr(plan)
    assert "SWMTKN" not in repr(joined().swarm)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"architecture": "riscv64"}, "worker1: its architecture riscv64 is not supported. Use"),
        ({"architecture": "aarch64"}, "differ in architecture (manager1 and worker2 amd64, "),
        ({"free": {"/": 10**8}}, "worker1: only 0.1 GiB are free on /, and 2 GiB are needed. Free"),
        ({"apt": False}, "worker1: debian 13 has no apt-get. Use a Debian or Ubuntu host."),
        (
            {"settings": {"live-restore": True}},
            "daemon.json turns live-restore on, with",
        ),
        (
            {"settings": {"firewall-backend": "nftables"}},
            "worker1: /etc/docker/daemon.json chooses the firewall backend nftables, with which an "
            "engine can be in no swarm. Take",
        ),
        ({"settings": None}, "worker1: /etc/docker/daemon.json is no valid JSON. Repair"),
        (
            {"listeners": (Listener(7946, "tcp", "consul"),)},
            "worker1: port 7946/tcp is taken by consul. Stop that service",
        ),
        (
            {"membership": Membership("elsewhere", "active")},
            "worker1: it belongs to another swarm. If that is no longer used, run docker swarm",
        ),
        (
            {"membership": Membership("x", "error", error="no route")},
            "worker1: it cannot take part in its swarm (no route). Check ports 2377 and 7946",
        ),
        ({"membership": Membership("x", "locked")}, "worker1: its swarm is locked. Run docker"),
        ({"storage_marker": None}, "worker1: /srv/bookstore is not the folder that manager1 sees"),
        ({"storage_marker": "other"}, 'the storage /srv/bookstore belongs to the cluster "other"'),
    ],
)
def test_what_stands_in_the_way_gets_a_sentence(change: dict[str, Any], said: str) -> None:
    problems = make_plan(inventory(), joined(worker1=change)).problems
    assert any(said in problem for problem in problems), problems


def test_an_edge_needs_the_web_ports() -> None:
    taken = (Listener(80, "tcp", "nginx"),)
    on_edge = make_plan(inventory(), joined(manager1={"listeners": taken})).problems
    on_worker = make_plan(inventory(), joined(worker1={"listeners": taken})).problems
    assert on_edge == (
        "manager1: port 80/tcp is taken by nginx. Stop that service, or move it to another port.",
    )
    assert on_worker == ()


def test_a_dead_host_is_left_alone_and_named() -> None:
    facts = joined()
    hosts = {n: f for n, f in facts.hosts.items() if n != "worker2"}
    plan = make_plan(inventory(), Facts(hosts, facts.swarm, {"worker2": "worker2: no answer"}))
    assert (plan.problems, plan.operations, plan.lost) == ((), (), ("worker2",))
    assert "worker2 is left as it is, for it cannot be asked: no answer" in plan.notes


def test_no_second_swarm_is_started_while_a_manager_is_silent() -> None:
    hosts = {n: f for n, f in bare().hosts.items() if n != "manager1"}
    plan = make_plan(inventory(), Facts(hosts, None, {"manager1": "manager1: no answer"}))
    assert any("whether there is a swarm cannot be told" in p for p in plan.problems)


def test_a_lost_quorum_is_named() -> None:
    facts = Facts(joined().hosts, None)
    assert (
        "manager1: the managers have lost their quorum" in make_plan(inventory(), facts).problems[0]
    )


def test_strangers_and_drained_hosts_are_left_alone_but_noted() -> None:
    facts = joined()
    assert facts.swarm
    swarm: SwarmFacts = replace(
        facts.swarm,
        nodes=(
            *(replace(n, availability="drain") for n in facts.swarm.nodes),
            replace(facts.swarm.nodes[0], id="x", hostname="stray", address="10.1.1.1"),
        ),
    )
    notes = make_plan(inventory(), Facts(facts.hosts, swarm)).notes
    assert "manager1 is set to drain. To use it again: ./run ops activate manager1" in notes
    assert any("node stray (10.1.1.1, ready) is no host of the inventory" in n for n in notes)


@pytest.mark.parametrize("node", ["old", ""])  # without its quorum it may not know its own node
def test_a_manager_that_was_taken_out_leaves_and_joins_again(node: str) -> None:
    facts = joined(worker1={"membership": Membership(node, "active", manager=True)})
    assert facts.swarm
    marked = tuple(
        replace(n, labels={**n.labels, "bookstore.removed.old": "10.77.0.201"})
        if n.hostname == "manager1"
        else n
        for n in facts.swarm.nodes
    )
    plan = make_plan(inventory(), Facts(facts.hosts, replace(facts.swarm, nodes=marked)))
    assert plan.problems == ()
    assert [o.words for o in plan.operations if o.stage == "members"] == [
        "leave the swarm as it was before it was recovered",
        "join the swarm as worker",
    ]


@pytest.mark.parametrize("node", ["known", ""])  # the engine may not say which node it was
@pytest.mark.parametrize("name", ["worker2", "manager1"])
@pytest.mark.parametrize(
    "said",
    [
        "Swarm certificates have expired. To replace them, leave the swarm and join again.",
        # 26.1, after it was started
        "error while loading TLS certificate in /var/lib/docker/swarm/certificates/swarm-node.crt: "
        "certificate (1 - j3rktrg5v6mr8ulq2utq6ue29) not valid after Thu, 26 Nov 2026 13:14:17 "
        "UTC, and it is currently Thu, 26 Nov 2026 14:14:26 UTC: x509: certificate has expired",
    ],
)
def test_a_host_that_was_off_until_its_certificate_ran_out_leaves_and_joins_again(
    name: str, node: str, said: str
) -> None:
    """Its engine does not take part any more."""
    facts = joined()
    own = facts.hosts[name].membership.node
    gone = Membership(own if node else "", "error", error=said)
    hosts = facts.hosts | {name: replace(facts.hosts[name], membership=gone)}
    assert facts.swarm
    nodes = tuple(replace(n, state="down") if n.id == own else n for n in facts.swarm.nodes)
    role = "worker" if name == "worker2" else "manager"
    made = inventory()
    if role == "manager":  # another one manages
        hosts["worker1"] = replace(
            hosts["worker1"], membership=replace(hosts["worker1"].membership, manager=True)
        )
    found = Facts(hosts, replace(facts.swarm, nodes=nodes))
    plan = make_plan(made, found)
    assert plan.problems == ()
    mine = [o.words.split(" (")[0] for o in plan.operations if o.host == name]
    leave = "leave the swarm for its certificate has run out"
    if node:  # the next look finds a host that is in no swarm, and its dead node
        assert mine == [leave]
    else:
        assert mine[:3] == [f"forget the dead {role} {name}", leave, f"join the swarm as {role}"]
    left = replace(hosts[name], membership=Membership())
    after = make_plan(made, replace(found, hosts=hosts | {name: left})).operations
    assert [o.words.split(" (")[0] for o in after if o.host == name][:2] == [
        f"forget the dead {role} {name}",
        f"join the swarm as {role}",
    ]


def test_a_swarm_of_which_all_certificates_ran_out_is_not_left() -> None:
    said = "Swarm certificates have expired. To replace them, leave the swarm and join again."
    gone = {"membership": Membership("", "error", error=said)}
    facts = replace(joined(manager1=gone, worker1=gone, worker2=gone), swarm=None)
    plan = make_plan(inventory(), facts)
    assert len(plan.problems) == 3
    assert not any("leave" in o.words for o in plan.operations)


def test_engines_are_restarted_one_at_a_time_and_out_of_service() -> None:
    facts = joined(worker1={"settings": {}}, worker2={"settings": {}})
    operations = make_plan(inventory(), facts).operations
    assert [o.host for o in operations] == ["worker1", "worker2"]
    assert all(o.alone and o.restarts for o in operations)
    fresh = joined(worker1={"settings": {}, "membership": Membership()})
    assert not any(o.restarts for o in make_plan(inventory(), fresh).operations)
