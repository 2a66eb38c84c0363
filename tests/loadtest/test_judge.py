"""How drills are judged, on made-up recordings."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from loadtest.drills import judge
from loadtest.drills.catalogue import DRILLS, Drill
from loadtest.drills.cluster import Cluster
from loadtest.evidence.result import Event, Expectation, Sample
from loadtest.people.arrivals import share_at


def request(
    at: float, ms: float = 20, error: str | None = None, opened: float = 1, sent: int = 1
) -> dict[str, object]:
    answer = {"name": "GET /", "status": 200, "error": error}
    return {"at": at, "ms": ms, "opened": opened, "sent": sent, **answer}


def found(made: list[Expectation], what: str) -> Expectation:
    return next(e for e in made if e.what.startswith(what))


def samples(*configured: int, start: float = 0, step: float = 1) -> list[Sample]:
    return [Sample(start + i * step, {"w": n}, n) for i, n in enumerate(configured)]


def test_every_step_of_every_drill_can_be_done() -> None:
    for drill in DRILLS.values():
        for step in (*drill.prepare, *drill.steps, *drill.undo):
            assert callable(getattr(Cluster, step.action.replace("-", "_")))
        assert all(step.at < drill.seconds for step in drill.steps)


def test_failures_are_counted_against_what_is_allowed() -> None:
    requests = [request(1), request(2, error="status 500")]
    assert judge.failures(Drill("", ()), requests)[0].met is False
    (counted,) = judge.failures(Drill("", (), failures=None), requests)
    assert counted.met is None
    assert counted.seen.startswith("1 of 2: at 95 %, ")


@pytest.mark.parametrize(("name", "met"), [("GET /covers/[name]", True), ("GET /", False)])
def test_what_needs_the_fault_s_victim_is_counted_apart(name: str, met: bool) -> None:
    requests = [request(1), {**request(2, error="a 503 page"), "name": name}]
    drill = DRILLS["storage-stall"]
    assert judge.failures(drill, requests)[0].met is met


def test_only_a_proper_page_excuses_a_failure() -> None:
    assert judge.proper_pages([request(1, error="a 503 page")]).met
    assert not judge.proper_pages([request(1, error="status 502")]).met


def test_detection_rescheduling_and_rerouting() -> None:
    seen = [
        Sample(9, {"a": 1, "b": 1}, 2),
        Sample(16, {"b": 1}, 2, ["a"]),
        Sample(25, {"b": 2}, 2, ["a"]),
    ]
    requests = [request(8), request(9.9, ms=3000), request(13, ms=2000), request(20)]
    made = judge.times(DRILLS["worker-loss"], requests, seen, fault=10)
    assert found(made, "detection").seen == "6.0 s"
    assert found(made, "rescheduled").seen == "15.0 s"
    assert found(made, "rerouted").seen == "3.0 s"
    assert found(made, "slowest").seen == "3000 ms"


def test_nothing_is_rescheduled_where_no_replica_was_lost() -> None:
    seen = [Sample(9, {"a": 2}, 2), Sample(16, {"a": 2}, 2, ["manager"])]
    made = judge.times(DRILLS["edge-loss"], [request(8)], seen, fault=10)
    assert not [e for e in made if e.what == "rescheduled"]


@pytest.mark.parametrize(("last", "met"), [(31, True), (36, False)])
def test_the_shop_must_answer_soon_after_the_fault(last: float, met: bool) -> None:
    requests = [request(25, error="a 503 page"), request(last, error="a 503 page")]
    assert judge.answers_again(5, requests, over=30).met is met


@pytest.mark.parametrize(
    ("counts", "unmet"),
    [
        ((2, 2, 2, 4, 6, 6, 6, 3, 2), []),
        ((2, 2, 2, 2, 2, 2, 2, 2, 2), ["first decision"]),
        ((2, 2, 2, 6, 4, 6, 6, 4, 2), ["changes of direction"]),
        ((2, 2, 2, 6, 6, 6, 6, 6, 6), ["replicas at the end"]),
        ((3, 3, 3, 6, 6, 6, 6, 4, 2), ["replicas at first"]),
    ],
)
def test_how_the_replicas_followed(counts: tuple[int, ...], unmet: list[str]) -> None:
    events = [Event(8, "up"), Event(24, "down")]
    requests = [request(8 + i / 50) for i in range(800)]
    made = judge.scaling(requests, samples(*counts, step=4), events, minimum=2)
    assert [e.what for e in made if not e.met] == [
        e.what for e in made if any(e.what.startswith(name) for name in unmet)
    ]
    assert sum(not e.met for e in made) == len(unmet)


@pytest.mark.parametrize(
    ("counts", "met"),
    [((3, 3, 4, 4), True), ((3, 4, 3, 3), False), ((2, 2, 2, 2), False)],
)
def test_no_replica_may_go_while_the_metrics_are_away(counts: tuple[int, ...], met: bool) -> None:
    events = [Event(0, "hide metrics"), Event(3, "show metrics")]
    assert judge.never_fewer(samples(*counts), events, minimum=2).met is met


FAULT = Event(20, "crash", 20.5)


@pytest.mark.parametrize(
    ("one", "broken", "ended", "others"),
    [
        (request(19.5, 30, opened=5), False, True, True),  # over before the fault
        (request(19.5, 2300, "hung up", opened=5), True, True, True),
        (request(19.5, 2300, opened=5, sent=2), True, True, True),  # hung up, and sent again
        (request(21, 1000, "hung up", opened=20.2), True, True, True),  # opened before it was dead
        (request(21, 3000, "hung up", opened=5), True, False, True),  # waited until 24 s
        (request(21, 30000, "timeout", opened=5), True, False, True),
        (request(21, 500, "refused", opened=21), False, True, False),  # a new connection
        (request(22.5, 500, "hung up", opened=5), False, True, False),  # noticed by then
        (request(10, 500, "status 500", opened=5), False, True, False),  # nothing was lost yet
        (request(10, 12000, opened=5), False, True, True),  # slow, and answered
    ],
)
def test_only_what_was_in_flight_on_the_lost_edge_may_break(
    one: dict[str, object], broken: bool, ended: bool, others: bool
) -> None:
    assert bool(judge.broken_in_flight([one], FAULT)) is broken
    made = judge.in_flight(3, [one, request(30, opened=25)], FAULT)
    assert [e.met for e in made] == [None, ended, others]


@pytest.mark.parametrize(
    ("survivors", "failed", "met"),
    [
        (0, [21, 47], True),
        (0, [], True),
        (0, [49], False),  # 29 s after the fault
        (0, [12, 21], False),  # before it
        (1, [], True),
        (1, [21], False),
    ],
)
def test_requests_fail_only_where_no_replica_is_left(
    survivors: int, failed: list[float], met: bool
) -> None:
    seen = [Sample(19, {"a": 2, "b": survivors}, 2), Sample(27, {"b": survivors}, 2, ["a"])]
    requests = [request(at, error="a 503 page") for at in failed]
    assert judge.outage(28.5, requests, seen, fault=20).met is met


@pytest.mark.parametrize(
    ("spread", "met"),
    [({"a": 1, "b": 1, "c": 0}, True), ({"a": 2, "b": 2, "c": 0}, False), ({}, False)],
)
def test_a_worker_without_replicas_counts_in_the_spread(spread: dict[str, int], met: bool) -> None:
    assert judge.evenly_spread([Sample(0, spread, 2)]).met is met


def test_the_marks_of_a_spike_are_where_its_shape_has_them() -> None:
    ask = (
        "import json; from loadtest.scenarios.spike import Fivefold; "
        "print(json.dumps(Fivefold.stages))"
    )
    done = subprocess.run(
        [sys.executable, "-c", ask], capture_output=True, text=True, timeout=60, check=True
    )
    stages = json.loads(done.stdout.splitlines()[-1])
    drill = DRILLS["spike"]
    step, end = (mark.at for mark in drill.steps)
    moments = (step - 1, step + 1, end - 1, end + 1)
    assert [share_at(stages, at, drill.seconds) for at in moments] == [0.2, 1.0, 1.0, 0.2]
