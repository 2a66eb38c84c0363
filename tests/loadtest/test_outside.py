"""Whether somebody outside saw what people saw, on made-up recordings."""

from __future__ import annotations

import pytest

from loadtest.drills.catalogue import Drill
from loadtest.drills.guards import slowest_outside
from loadtest.summary import outside
from tests.loadtest.test_judge import request

PEOPLE = [request(i, ms=40) for i in range(2000)]


@pytest.mark.parametrize(
    ("failed", "slow", "met"),
    [
        (0, 0, [True, True]),
        (1, 0, [False, True]),  # one of 400 may be chance
        (20, 0, [False, False]),  # one in twenty is not
        (0, 8, [True, False]),  # 2 % hang, and of the people nobody does
    ],
)
def test_outside_and_people_must_agree(failed: int, slow: int, met: list[bool]) -> None:
    seen = [request(i, ms=50) for i in range(400 - failed - slow)]
    seen += [request(i, error="status 502") for i in range(failed)]
    seen += [request(i, ms=15_000) for i in range(slow)]
    assert [e.met for e in outside(PEOPLE, seen)] == met


def test_an_observer_who_saw_nothing_vouches_for_nothing() -> None:
    assert [e.met for e in outside(PEOPLE, [])] == [False]


def test_where_a_fault_may_cost_some_they_are_counted() -> None:
    people = [*PEOPLE, *[request(i, error="a 503 page") for i in range(100)]]
    seen = [request(i) for i in range(400)] + [request(i, error="a 503 page") for i in range(20)]
    assert [e.met for e in outside(people, seen, failures=True)] == [None, True]


@pytest.mark.parametrize(("seconds", "same"), [(10, True), (30, False)])
def test_people_who_wait_for_an_answer_ask_less_in_an_outage(seconds: int, same: bool) -> None:
    # Of 100 seconds ten without the shop: 20 requests in a good second, 4 in a bad one.
    people = [request(i / 20, ms=40) for i in range(1800)]
    people += [request(90 + i / 4, error="a 503 page") for i in range(40)]
    seen = [request(i / 4) for i in range(400 - 4 * seconds)]
    seen += [request(100 - seconds + i / 4, error="a 503 page") for i in range(4 * seconds)]
    assert [e.met for e in outside(people, seen, failures=True)] == [None, same]


@pytest.mark.parametrize(("failures", "same"), [(True, True), (False, False)])
def test_only_a_fault_may_cost_people_what_is_not_asked_from_outside(
    failures: bool, same: bool
) -> None:
    people = [request(i / 20, error="a 503 page" if 800 < i < 1000 else None) for i in range(2000)]
    seen = [request(i / 4) for i in range(400)]
    assert outside(people, seen, failures=failures)[1].met is same


@pytest.mark.parametrize("failures", [True, False])
def test_one_who_hangs_at_the_end_is_no_second_in_which_everybody_did(failures: bool) -> None:
    people = [request(i / 20, ms=40) for i in range(1600)]
    people.append(request(79.9, ms=30_000, error="no answer in 30 s" if failures else None))
    bad = {"error": "a 503 page"} if failures else {"ms": 9000}
    seen = [request(i / 5) for i in range(380)] + [request(76 + i / 5, **bad) for i in range(20)]
    assert outside(people, seen, failures=failures)[1].met is False


def test_seconds_in_which_everybody_waits_count_as_what_they_wait_for() -> None:
    # Of 100 seconds 18 without the shop, and each answer that it is away takes over six.
    people = [request(i / 20, ms=40) for i in range(1640)]
    people += [request(begin, ms=6400, error="a 503 page") for begin in (82, 89, 94) * 16]
    seen = [request(i / 4, ms=40) for i in range(328)]
    seen += [request(82 + i / 4, ms=6400, error="a 503 page") for i in range(72)]
    assert [e.met for e in outside(people, seen, failures=True)] == [None, True]


def test_a_first_time_visitor_may_not_hang_either() -> None:
    (judged,) = slowest_outside(Drill("", ()), [request(1), request(2, ms=15_000)])
    assert judged.met is False
