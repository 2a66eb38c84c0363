"""The autoscaler against an engine and edges on loopback, on a clock of the test's own."""

from __future__ import annotations

import copy
import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from swarm.autoscaler.journal import Journal
from swarm.autoscaler.loop import Autoscaler, Setup
from swarm.autoscaler.sensors import Place
from swarm.autoscaler.swarm_api import Swarm
from swarm.model import ROLLOUT
from tests.swarm.engine import NETWORK, Edge, Engine, serving


class World:
    """A swarm, its edges, and autoscalers that look at them."""

    def __init__(self, stack: ExitStack) -> None:
        self.now = 1000.0
        self.engine = Engine()
        self.url = f"http://127.0.0.1:{stack.enter_context(serving(self.engine.answer))}"
        self.edges = [Edge(), Edge()]
        self.port = 0
        for number, edge in enumerate(self.edges):
            address = f"127.0.0.{number + 2}"
            self.port = stack.enter_context(serving(edge.answer, (address, self.port)))
            self.engine.edges.append(address)
        self.engine.label(min="2", max="10", measure="in_flight", target="4")
        self.add_autoscaler("first", "2026-11-24T05:00:00Z")
        self.log = io.StringIO()
        self.autoscaler = self.start("first")

    def add_autoscaler(self, task: str, created: str) -> None:
        """Let a task of the autoscaler's own service run."""
        if not any(s["Spec"]["Name"] == "autoscaler" for s in self.engine.services):
            service = copy.deepcopy(self.engine.service("app_web"))
            service |= {"ID": "autoscaler-id"}
            service["Spec"] |= {"Name": "autoscaler", "Labels": {}}
            self.engine.services.append(service)
        own = {"ID": task, "ServiceID": "autoscaler-id", "CreatedAt": created}
        self.engine.others.append({**own, "Status": {"State": "running"}, "Spec": {}})

    def start(
        self, task: str, *, dry_run: bool = False, log: io.StringIO | None = None
    ) -> Autoscaler:
        """Start an autoscaler as a task."""
        place = Place("edge_traefik", self.port, NETWORK, window=10)
        setup = Setup(place, own_service="autoscaler", own_task=task, dry_run=dry_run)
        journal = Journal(lambda: self.now, log or self.log)
        return Autoscaler(setup, Swarm(self.url), journal, lambda: self.now)

    def busy(self, in_flight: float, rounds: int = 1, autoscaler: Autoscaler | None = None) -> None:
        """Pass rounds of 2 s with so many requests in flight, over all edges that run."""
        for _ in range(rounds):
            self.now += 2
            for edge in self.edges:
                edge.serve(10, in_flight * 2 / 10 / len(self.edges))
            (autoscaler or self.autoscaler).round()

    def lines(self, action: str) -> list[dict[str, Any]]:
        """Give the log's entries of one kind."""
        entries = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [entry for entry in entries if entry["action"] == action]


@pytest.fixture
def world() -> Iterator[World]:
    with ExitStack() as stack:
        yield World(stack)


def test_scales_up_to_the_load_of_all_edges_together(world: World) -> None:
    world.busy(8, rounds=3)
    assert world.engine.replicas == 2
    world.busy(24, rounds=6)
    assert world.engine.replicas == 6
    assert world.lines("scaled")[0]["reason"].startswith("Up from 2 to 4: in_flight 13.333 in all")


def test_a_step_is_answered_within_ten_seconds_and_met_within_thirty(world: World) -> None:
    world.busy(7, rounds=10)
    assert world.engine.replicas == 2
    step = world.now
    while world.engine.replicas == 2:
        world.busy(35)
    assert world.now - step <= 10
    while world.engine.replicas < 8:  # 35 in flight are within a tenth of 4 on each
        world.busy(35)
    assert world.now - step <= 30
    world.busy(35, rounds=30)
    assert world.engine.replicas == 8


def test_scales_down_only_after_the_window(world: World) -> None:
    world.engine.replicas = 8
    world.engine.label(down__window="60")
    world.busy(8, rounds=29)
    assert world.engine.replicas == 8
    world.busy(8, rounds=3)
    assert world.engine.replicas == 2


def test_everything_else_in_the_specification_stays_as_it_was(world: World) -> None:
    world.engine.service("app_web")["Spec"]["TaskTemplate"]["FromTheFuture"] = {"kept": [1, 2.5]}
    before = copy.deepcopy(world.engine.service("app_web")["Spec"])
    world.busy(40, rounds=3)
    after = copy.deepcopy(world.engine.service("app_web")["Spec"])
    assert after["Mode"]["Replicated"].pop("Replicas") > before["Mode"]["Replicated"].pop(
        "Replicas"
    )
    assert after == before


@pytest.mark.parametrize("state", ROLLOUT)
def test_holds_while_a_rollout_is_not_through(world: World, state: str) -> None:
    world.engine.service("app_web")["UpdateStatus"] = {"State": state}
    world.busy(40, rounds=5)
    assert world.engine.replicas == 2
    assert world.lines("held")[-1]["reason"].startswith("Held: ")
    world.engine.service("app_web")["UpdateStatus"]["State"] = "completed"
    world.busy(40, rounds=1)
    assert world.engine.replicas == 6


def test_pause_by_label(world: World) -> None:
    world.engine.label(pause="true")
    world.busy(40, rounds=5)
    assert world.engine.replicas == 2
    assert "Paused by its label. Up from 2 to 6" in world.lines("paused")[-1]["reason"]


def test_an_outage_of_the_metrics_never_scales_down(world: World) -> None:
    world.engine.label(down__window="0")
    world.busy(24, rounds=12)
    assert world.engine.replicas == 6
    for edge in world.edges:
        edge.silent = True
    world.busy(0, rounds=60)
    assert world.engine.replicas == 6
    assert "no edge answers" in world.lines("stays")[-1]["reason"]


def test_one_silent_edge_blocks_scaling_down_but_not_up(world: World) -> None:
    world.engine.label(down__window="0")
    world.busy(24, rounds=12)
    world.edges[0].silent = True
    world.busy(12, rounds=20)  # the other edge alone sees 6: enough for 2 replicas
    assert world.engine.replicas == 6
    assert "1 of 2 edges silent" in world.lines("stays")[-1]["reason"]
    world.busy(64, rounds=20)  # it sees 32: enough for 8
    assert world.engine.replicas == 8


def test_an_edge_that_comes_new_is_waited_for(world: World) -> None:
    world.engine.label(down__window="0")
    world.busy(24, rounds=12)
    world.engine.edges.append("127.0.0.99")  # nobody answers there
    world.busy(0, rounds=3)
    assert world.engine.replicas == 6


def test_a_restart_makes_no_jump(world: World) -> None:
    world.busy(24, rounds=12)
    assert world.engine.replicas == 6
    again = world.start("first")
    world.busy(4, rounds=30, autoscaler=again)
    assert world.engine.replicas == 6, "the scale it finds holds for the window of 300 s"


def test_does_not_ask_for_replicas_that_would_stay_pending(world: World) -> None:
    gibibyte = 2**30
    resources = world.engine.service("app_web")["Spec"]["TaskTemplate"]["Resources"]
    resources["Reservations"] = {"MemoryBytes": 9 * gibibyte}  # two to a host of 23.5 GiB
    workers = [n for n in world.engine.nodes if n["Spec"]["Role"] == "worker"]
    workers[0]["Spec"]["Availability"] = "drain"
    world.busy(40, rounds=12)
    assert world.engine.replicas == 4
    assert "Only 4 can be placed by what they reserve" in world.lines("stays")[-1]["reason"]


def test_asks_for_more_than_there_is_room_for_where_hosts_are_added(world: World) -> None:
    world.engine.label(grow_hosts="true")
    resources = world.engine.service("app_web")["Spec"]["TaskTemplate"]["Resources"]
    resources["Reservations"] = {"MemoryBytes": 9 * 2**30}  # six fit
    world.busy(40, rounds=12)
    assert world.engine.replicas == 10
    assert "4 of them wait for a new host" in world.lines("scaled")[-1]["reason"]


def test_a_conflict_leaves_the_other_change_standing(world: World) -> None:
    world.engine.before_update = lambda: setattr(world.engine, "replicas", 3)
    world.busy(12, rounds=2)
    assert world.engine.replicas == 3
    assert "changed" in world.lines("failed")[-1]["reason"]
    world.engine.before_update = lambda: None
    world.busy(24, rounds=12)
    assert world.engine.replicas == 6


def test_of_several_only_the_oldest_acts(world: World) -> None:
    world.add_autoscaler("second", "2026-11-24T06:00:00Z")
    log = io.StringIO()
    second = world.start("second", log=log)
    world.busy(40, rounds=5, autoscaler=second)
    assert world.engine.replicas == 2
    assert '"action": "standby"' in log.getvalue()
    world.engine.others = [task for task in world.engine.others if task["ID"] == "second"]
    world.busy(40, rounds=1, autoscaler=second)
    assert world.engine.replicas == 6


def test_dry_run_only_says_what_it_would_do(world: World) -> None:
    log = io.StringIO()
    careful = world.start("first", dry_run=True, log=log)
    world.busy(40, rounds=5, autoscaler=careful)
    assert world.engine.replicas == 2
    assert not any(request.startswith("POST") for request in world.engine.requests)
    assert '"action": "would scale"' in log.getvalue()


def test_a_wrong_label_is_told_once_and_other_services_go_on(world: World) -> None:
    wrong = copy.deepcopy(world.engine.service("app_web"))
    wrong |= {"ID": "wrong-id"}
    wrong["Spec"] |= {"Name": "app_other"}
    wrong["Spec"]["Labels"] = {"bookstore.autoscale.min": "many"}
    world.engine.services.append(wrong)
    world.busy(24, rounds=12)
    refused = world.lines("refused")
    assert len(refused) == 1
    assert refused[0]["service"] == "app_other"
    assert refused[0]["reason"] == "Left alone. The label bookstore.autoscale.max is missing."
    assert world.engine.replicas == 6


def test_a_global_service_cannot_be_scaled(world: World) -> None:
    edge = world.engine.service("edge_traefik")
    edge["Spec"]["Labels"] |= world.engine.service("app_web")["Spec"]["Labels"]
    world.busy(8, rounds=1)
    assert world.lines("refused")[0]["reason"] == (
        "Left alone. It is no replicated service: it cannot be scaled."
    )


def test_a_service_scaled_to_zero_stays_there(world: World) -> None:
    world.engine.replicas = 0
    world.busy(40, rounds=5)
    assert world.engine.replicas == 0


def test_an_unreachable_swarm_is_one_sentence_until_it_answers_again(world: World) -> None:
    world.busy(8, rounds=2)
    world.engine.down = True
    world.busy(40, rounds=5)
    failed = world.lines("failed")
    assert len(failed) == 1
    assert failed[0]["reason"] == (
        "Nothing is changed: Docker's API refuses GET /services: The swarm does not have a leader."
    )
    world.engine.down = False
    world.busy(24, rounds=9)
    assert world.lines("note")[-1]["reason"] == "The swarm answers again."
    assert world.engine.replicas == 6


def test_cpu_is_a_share_of_what_is_reserved(world: World) -> None:
    world.engine.label(measure="cpu", target="50")
    template = world.engine.service("app_web")["Spec"]["TaskTemplate"]
    template["Resources"]["Reservations"] = {"NanoCPUs": 250_000_000}
    used = {"seconds": 0.0}

    def replica(_method: str, _path: str, _body: bytes) -> tuple[int, str]:
        return 200, f"process_cpu_seconds_total {used['seconds']}\n"

    with serving(replica, ("127.0.1.1", 8000)), serving(replica, ("127.0.1.2", 8000)):
        for _ in range(3):
            used["seconds"] += 0.5  # a quarter of a core: 100 % of what is reserved
            world.busy(0)
    assert world.engine.replicas == 4
    assert world.lines("scaled")[0]["reason"] == (
        "Up from 2 to 4: cpu 100 % of what is reserved, target 50 %, asks for 4."
    )


def test_metrics_for_prometheus(world: World) -> None:
    world.busy(24, rounds=12)
    sample = world.autoscaler._journal.registry.get_sample_value
    assert sample("bookstore_autoscaler_replicas", {"service": "app_web"}) == 6
    assert sample("bookstore_autoscaler_leading") == 1
    measure = {"service": "app_web", "measure": "in_flight"}
    assert sample("bookstore_autoscaler_measure", measure) == pytest.approx(24)
    scaled = {"service": "app_web", "action": "scaled"}
    assert sample("bookstore_autoscaler_outcomes_total", scaled) == 1


def test_a_name_that_no_edge_knows_is_a_failed_measure(world: World) -> None:
    world.engine.label(**{"traefik-service": "wbe", "down__window": "0"})
    world.engine.replicas = 6
    world.busy(40, rounds=10)
    assert world.engine.replicas == 6
    assert "no edge knows wbe@swarm" in world.lines("stays")[-1]["reason"]


def test_an_edge_that_does_not_know_the_service_takes_no_replica_away(world: World) -> None:
    world.engine.label(down__window="0")
    world.busy(24, rounds=12)
    assert world.engine.replicas == 6
    world.edges[0].knows = "other@swarm"
    world.busy(12, rounds=20)  # the other edge alone sees 6: enough for 2 replicas
    assert world.engine.replicas == 6
    assert "1 of 2 edges do not know web@swarm" in world.lines("stays")[-1]["reason"]


def test_replicas_that_do_not_become_healthy_are_not_multiplied(world: World) -> None:
    world.engine.label(max="30")
    world.busy(8, rounds=3)
    assert world.engine.replicas == 2
    for _ in range(60):
        world.engine.starting = world.engine.replicas - 2  # whatever comes never gets there
        world.busy(100)
    assert world.engine.replicas <= 8
    assert "have not become healthy for" in world.lines("stays")[-1]["reason"]
