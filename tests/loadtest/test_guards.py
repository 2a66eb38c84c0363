"""A drill that was none must not pass, on made-up recordings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadtest.drills import judge
from loadtest.drills.catalogue import DRILLS, Drill
from loadtest.drills.guards import guards
from loadtest.evidence.result import Event, Expectation, Sample
from tests.loadtest.test_judge import request

DRILL = Drill("A host is lost.", (), seconds=100)
EVENTS = [Event(20, "crash w1", 20.5), Event(60, "boot w1", 61)]
ORDERS = [{"what": "told", "kind": "order"}] * 5
SAMPLES = [Sample(10, {"w1": 1}, 2), Sample(25, {}, 2, ["w1"]), Sample(70, {"w1": 1}, 2)]
REQUESTS = [request(i / 5) for i in range(500)]


def unmet(made: list[Expectation]) -> list[str]:
    return [e.what for e in made if e.met is False]


def judged(
    drill: Drill = DRILL,
    requests: list[dict[str, object]] = REQUESTS,
    ledger: list[dict[str, str]] = ORDERS,
    incidents: list[dict[str, str]] | None = None,
    samples: list[Sample] = SAMPLES,
) -> list[str]:
    return unmet(guards(drill, requests, ledger, incidents or [], samples, EVENTS))


def test_a_drill_with_load_and_fault_passes() -> None:
    assert judged() == []


def test_load_that_ends_before_the_fault_does_not_pass() -> None:
    early = [r for r in REQUESTS if float(str(r["at"])) < 15]
    assert judged(requests=early) == [
        "load came for",
        "requests begun after: crash w1",
        "requests begun after: boot w1",
    ]


def test_a_fault_that_does_nothing_does_not_pass() -> None:
    quiet = [replace(sample, down=()) for sample in SAMPLES]
    assert judged(samples=quiet) == ["the fault was felt"]
    assert judged(replace(DRILL, felt="rollout")) == ["the fault was felt"]
    assert judged(replace(DRILL, felt="readers")) == ["the fault was felt"]
    assert judged(replace(DRILL, felt="replicas")) == ["the fault was felt"]
    often = [Sample(20.0 + i, {"w1": 2}, 2) for i in range(60)]
    assert judged(replace(DRILL, felt="replaced"), samples=often) == ["the fault was felt"]
    assert judged(replace(DRILL, felt="managers"), samples=often) == ["the fault was felt"]


@pytest.mark.parametrize(
    ("felt", "more"),
    [
        ("rollout", Sample(30, {}, 2, (), "updating")),
        ("replicas", Sample(30, {}, 6)),
        ("replaced", Sample(30, {"w1": 1}, 2)),
        ("managers", Sample(90, {"w1": 2}, 2)),
    ],
)
def test_a_fault_is_felt_in_its_own_way(felt: str, more: Sample) -> None:
    assert judged(replace(DRILL, felt=felt), samples=[*SAMPLES, more]) == []


def test_no_manager_may_tell_from_the_very_moment_of_the_fault() -> None:
    """The last look was before it, and the next one when managers were back."""
    seen = [Sample(19.0, {"w1": 2}, 2), *(Sample(60.0 + i, {"w1": 2}, 2) for i in range(20))]
    assert judged(replace(DRILL, felt="managers"), samples=seen) == []


def test_what_has_made_sure_that_it_acted_need_not_be_noticed() -> None:
    quiet = [replace(sample, down=()) for sample in SAMPLES]
    assert judged(replace(DRILL, felt="itself"), samples=quiet) == []


def test_readers_feel_a_fault_by_waiting() -> None:
    waited = [*REQUESTS, request(30, ms=1500)]
    assert judged(replace(DRILL, felt="readers"), requests=waited) == []


def test_a_drill_without_orders_does_not_pass() -> None:
    assert judged(ledger=[]) == ["orders confirmed to buyers"]


@pytest.mark.parametrize(
    ("what", "row"), [("stumble", "people who stumbled"), ("exception", "exceptions in people")]
)
def test_people_who_could_not_go_on_fail_a_drill(what: str, row: str) -> None:
    assert judged(incidents=[{"what": what, "text": "x"}]) == [row]


def test_somebody_who_waits_for_long_fails_a_drill_from_when_the_answer_was_wanted() -> None:
    begun_late = {**request(30, ms=20), "late": 9000.0}
    assert judged(requests=[*REQUESTS, begun_late]) == ["slowest from the intended start"]
    slow = [request(i / 5, ms=2500 if 100 <= i < 300 else 20) for i in range(500)]
    assert judged(requests=slow) == ["p99 from the intended start"]


@pytest.mark.parametrize(
    ("at", "row"), [(10, "steady before the fault"), (95, "steady at the end")]
)
def test_the_shop_must_be_well_before_the_fault_and_at_the_end(at: float, row: str) -> None:
    assert judged(requests=[*REQUESTS, request(at, error="a 503 page")]) == [row]
    slow = [request(i / 5, ms=2500 if abs(i / 5 - at) < 2 else 20) for i in range(500)]
    assert row in judged(requests=slow)


LOST = replace(DRILL, costs="GET /covers/", lasting=True)


def cover(at: float, status: int = 404) -> dict[str, object]:
    error = None if status == 200 else str(status)
    return {**request(at, error=error), "name": "GET /covers/[name]", "status": status}


@pytest.mark.parametrize(
    ("drill", "more", "named"),
    [
        (LOST, [cover(95), cover(50, 200)], []),
        (LOST, [cover(95)], ["new ones that were served afterwards"]),
        (LOST, [cover(95), cover(10, 200)], ["new ones that were served afterwards"]),
        (LOST, [cover(10), cover(50, 200)], ["steady before the fault"]),
        (LOST, [request(95, error="404"), cover(50, 200)], ["steady at the end"]),
        (replace(LOST, lasting=False), [cover(95)], ["steady at the end"]),
    ],
)
def test_what_is_lost_for_good_may_be_missing_at_the_end_and_nothing_else(
    drill: Drill, more: list[dict[str, object]], named: list[str]
) -> None:
    assert judged(drill, requests=[*REQUESTS, *more]) == named


def test_what_is_under_way_when_the_fault_comes_meets_it() -> None:
    assert judged(requests=[*REQUESTS, request(19.9, ms=200, error="a 503 page")]) == []


def test_what_had_to_be_sent_again_counts_unless_an_edge_goes() -> None:
    again = [*REQUESTS, request(30, sent=2)]
    assert judged(requests=again) == ["requests that had to be sent again"]
    assert judged(replace(DRILL, cut=3), requests=again) == []


def test_every_drill_has_a_bound_and_a_way_to_be_felt() -> None:
    assert all(drill.slowest is not None for drill in DRILLS.values())
    assert all(drill.felt for drill in DRILLS.values())


def test_what_healing_costs_is_told_apart() -> None:
    seen = [Sample(9, {"a": 2}, 2), Sample(16, {"a": 1}, 2, ["b"])]
    requests = [request(11, ms=2000), request(41, ms=3000)]
    made = judge.times(DRILLS["worker-loss"], requests, seen, fault=10, healed=40)
    rerouted = next(e for e in made if e.what.startswith("rerouted"))
    assert rerouted.seen == "1.0 s"
    healing = next(e for e in made if e.what == "slow or failed after healing")
    assert healing.seen == "1, the last after 1.0 s"
