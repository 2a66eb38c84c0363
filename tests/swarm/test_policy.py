"""The scaling policy against truth tables of the HorizontalPodAutoscaler's semantics."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swarm.autoscaler.measures import Failed, Measure, PerReplica, Replica, Total, Utilization
from swarm.autoscaler.policy import (
    DOWN,
    UP,
    Change,
    Decision,
    History,
    Limits,
    Rate,
    Recommendation,
    Rules,
    decide,
)

FREE = Rules(window=0, rates=(Rate("Pods", 10_000, 1),))
WIDE = Limits(1, 10_000, up=FREE, down=FREE)


def replicas(count: int, *, unready: int = 0, pending: int = 0, stopping: int = 0) -> list[Replica]:
    """Make `count` ready replicas r0, r1, ... and then the others."""
    made = [Replica(f"r{i}") for i in range(count)]
    made += [Replica(f"u{i}", ready=False) for i in range(unready)]
    made += [Replica(f"p{i}", ready=False, state="pending") for i in range(pending)]
    return made + [Replica(f"s{i}", state="stopping") for i in range(stopping)]


def samples(*usage: int) -> dict[str, int]:
    return {f"r{i}": value for i, value in enumerate(usage)}


def wanting(count: int) -> Total:
    """A measure that asks for exactly `count` replicas."""
    return Total("work", target=1, value=count, average=True)


def wanted(measure: Measure, current: int, known: Sequence[Replica] = ()) -> int | None:
    return decide(current, [measure], WIDE, replicas=known or replicas(current)).wanted


@pytest.mark.parametrize(
    ("usage", "target", "expected"),
    [
        ((20, 10, 30), 15, 4),  # average 20 of 15
        ((10, 10, 10), 15, 2),
        ((15, 15, 15), 15, 3),
        ((16, 16, 17), 15, 3),  # 1.089: within a tenth
        ((0, 0, 0), 15, 0),
    ],
)
def test_average_per_replica(usage: tuple[int, ...], target: int, expected: int) -> None:
    assert wanted(PerReplica("requests", target, samples(*usage)), 3) == expected


@pytest.mark.parametrize(
    ("ratio", "expected"),
    [
        ("1.1", 10),  # on the edge counts as on target
        ("1.1001", 12),
        ("0.9", 10),
        ("0.8999", 9),
    ],
)
def test_the_edge_of_the_tolerance_is_on_target(ratio: str, expected: int) -> None:
    assert wanted(Total("queue", Decimal(7), Decimal(7) * Decimal(ratio)), 10) == expected


def test_tolerances_of_both_directions_are_apart() -> None:
    limits = Limits(1, 99, up=Rules(0, FREE.rates, tolerance=0), down=FREE)
    assert decide(10, [wanting(11)], limits).target == 11
    assert decide(10, [wanting(9)], limits).target == 10


def test_a_float_means_the_number_it_is_written_as() -> None:
    assert wanted(Total("queue", 0.1, 0.3, average=True), 1) == 3  # not 0.3/0.1 = 2.999…, nor 4


@pytest.mark.parametrize(
    ("usage", "requests", "target", "expected"),
    [
        ((300, 500, 700), (1000, 1000, 1000), 30, 5),
        ((300, 500, 700), (1000, 1000, 1000), 50, 3),
        ((100, 300, 500), (1000, 1000, 1000), 60, 2),
        ((900, 900, 900), (500, 1000, 1500), 90, 3),
    ],
)
def test_utilization_of_what_is_reserved(
    usage: tuple[int, ...], requests: tuple[int, ...], target: int, expected: int
) -> None:
    assert wanted(Utilization("cpu", target, samples(*usage), samples(*requests)), 3) == expected


@pytest.mark.parametrize(
    ("value", "current", "ready", "expected"),
    [(20, 3, 3, 4), (20, 3, 2, 3), (10, 3, 3, 2), (15, 3, 3, 3), (40, 3, 1, 3)],
)
def test_total_counts_ready_replicas(value: int, current: int, ready: int, expected: int) -> None:
    known = replicas(ready, unready=current - ready)
    assert wanted(Total("queue", 15, value), current, known) == expected


@pytest.mark.parametrize(("value", "expected"), [(8600, 4), (9700, 5), (4000, 2), (8800, 4)])
def test_total_with_an_average_ignores_readiness(value: int, expected: int) -> None:
    measure = Total("queue", 2200, value, average=True)
    assert wanted(measure, 4, replicas(1, unready=3)) == expected


@pytest.mark.parametrize(
    ("usage", "current", "expected", "why"),
    [
        ((40, 40), 4, 4, "0 assumed on the way up leaves too little"),
        ((80, 80), 4, 8, "still twice the target with two at 0"),
        ((21, 20, 21), 4, 4, "the assumption must not turn up into down"),
        ((5, 5), 4, 3, "the target assumed on the way down"),
        ((18, 18, 18), 4, 4, "the assumption brings it within the tolerance"),
        ((20, 20), 4, 4, "exactly on target"),
    ],
)
def test_silent_replicas_speak_against_a_change(
    usage: tuple[int, ...], current: int, expected: int, why: str
) -> None:
    assert wanted(PerReplica("requests", 20, samples(*usage)), current) == expected, why


def test_a_silent_replica_uses_all_it_reserved_on_the_way_down() -> None:
    requests = samples(100, 100, 100, 100)
    half = Utilization("cpu", 50, samples(20, 20, 20), requests)  # (60 + 100) / 400 = 40 of 50
    assert wanted(half, 4) == 4
    full = Utilization("cpu", 100, samples(20, 20, 20), requests)
    assert wanted(full, 4) == 2
    above = Utilization("cpu", 200, samples(20, 20, 20), requests)  # 200 % assumed
    assert wanted(above, 4) == 2


def test_replicas_not_ready_are_set_aside_for_cpu_alone() -> None:
    known = replicas(2, unready=1)
    usage = {"r0": 500, "r1": 700, "u0": 300}
    requests = dict.fromkeys(usage, 1000)
    assert wanted(Utilization("cpu", 30, usage, requests), 3, known) == 4  # (500+700+0)/3000/30 %
    assert wanted(PerReplica("requests", 300, usage), 3, known) == 5  # (500+700+300)/3/300
    assert wanted(PerReplica("cpu", 300, usage, cpu=True), 3, known) == 4


def test_pending_replicas_are_set_aside_for_every_measure() -> None:
    known = replicas(2, pending=2)
    assert wanted(PerReplica("requests", 10, samples(40, 40)), 4, known) == 8
    assert wanted(PerReplica("requests", 10, samples(15, 15)), 4, known) == 4
    assert wanted(PerReplica("requests", 10, samples(5, 5)), 4, known) == 1


def test_stopping_replicas_do_not_count() -> None:
    usage = {**samples(20, 20), "s0": 1000}
    known = replicas(2, stopping=1)
    assert wanted(PerReplica("requests", 10, usage), 2, known) == 4


def test_no_change_of_direction_by_count() -> None:
    # Five replicas exist while four are configured: the ratio falls, the count would rise.
    usage = samples(8, 8, 8, 8)
    assert wanted(PerReplica("requests", 10, usage), 4, replicas(5)) == 4


def test_the_largest_of_several_measures_counts() -> None:
    decision = decide(3, [wanting(4), wanting(7), wanting(1)], WIDE)
    assert decision.target == 7
    assert len(decision.findings) == 3


@pytest.mark.parametrize(
    ("asks", "expected"), [([], 5), ([wanting(3)], 5), ([wanting(8)], 8), ([wanting(5)], 5)]
)
def test_a_failed_measure_blocks_scaling_down_only(asks: list[Measure], expected: int) -> None:
    decision = decide(5, [*asks, Failed("p95", "no edge answers")], WIDE)
    assert decision.target == expected
    assert any("no edge answers" in finding for finding in decision.findings)


def test_a_failed_decision_is_not_remembered() -> None:
    history = History.of(5, now=0)
    assert decide(5, [Failed("p95", "silence")], WIDE, history=history, now=9).history == history


@pytest.mark.parametrize(("current", "expected"), [(0, 0), (1, 2), (11, 10), (2, 2), (10, 10)])
def test_minimum_and_maximum_hold_at_once(current: int, expected: int) -> None:
    limits = Limits(2, 10, up=Rules(300, (Rate("Pods", 1, 60),), "Disabled"), down=DOWN)
    assert decide(current, [wanting(current)], limits).target == expected


def test_from_zero_only_when_zero_is_allowed() -> None:
    assert decide(0, [Total("queue", 10, 25)], Limits(0, 9)).target == 3
    assert decide(0, [wanting(2)], Limits(0, 9)).target == 2
    assert decide(0, [wanting(2)], Limits(1, 9)).target == 0


@pytest.mark.parametrize(
    ("current", "asked", "expected"),
    [(1, 50, 5), (3, 50, 7), (10, 50, 20), (50, 1, 1)],
)
def test_the_defaults_are_those_of_v2(current: int, asked: int, expected: int) -> None:
    assert decide(current, [wanting(asked)], Limits(1, 100)).target == expected


PODS_5, HALF = Rate("Pods", 5, 60), Rate("Percent", 50, 60)


@pytest.mark.parametrize(
    ("current", "asked", "rates", "select", "expected"),
    [
        (10, 99, (PODS_5,), "Max", 15),
        (11, 99, (HALF,), "Max", 17),  # 16.5, rounded up
        (11, 1, (HALF,), "Max", 5),  # 5.5, truncated
        (3, 99, (PODS_5, HALF), "Max", 8),
        (3, 99, (PODS_5, HALF), "Min", 5),
        (30, 1, (PODS_5, HALF), "Max", 15),
        (30, 1, (PODS_5, HALF), "Min", 25),
        (30, 99, (PODS_5, HALF), "Disabled", 30),
        (30, 1, (PODS_5, HALF), "Disabled", 30),
        (1, 99, (Rate("Percent", 1, 60),), "Max", 2),
        (10, 1, (Rate("Percent", 1000, 60),), "Max", 1),
    ],
)
def test_rates(
    current: int, asked: int, rates: tuple[Rate, ...], select: str, expected: int
) -> None:
    rules = Rules(0, rates, select)  # type: ignore[arg-type]  # the table holds plain strings
    assert decide(current, [wanting(asked)], Limits(1, 100, rules, rules)).target == expected


@pytest.mark.parametrize(
    ("changes", "asked", "expected"),
    [
        ([(940, +4)], 99, 15),  # 60 s ago: no longer within the period
        ([(941, +4)], 99, 11),
        ([(990, +9)], 99, 10),  # more than allowed already: stays, and does not go down
        ([(950, +4), (960, -2)], 99, 13),
        ([(941, -4)], 1, 9),
        ([(941, -9)], 1, 10),
        ([(941, -4), (950, +4)], 1, 5),
    ],
)
def test_recent_changes_use_up_the_rate(
    changes: list[tuple[int, int]], asked: int, expected: int
) -> None:
    rules = Rules(0, (PODS_5,))
    history = History((), tuple(Change(at, number) for at, number in changes))
    decision = decide(10, [wanting(asked)], Limits(1, 100, rules, rules), history=history, now=1000)
    assert decision.target == expected


@pytest.mark.parametrize(
    ("current", "asked", "advice", "up", "down", "expected"),
    [
        (10, 3, [(880, 4), (940, 5)], 0, 180, 5),
        (1, 7, [(880, 4), (940, 5)], 300, 0, 4),
        (10, 3, [(880, 1), (940, 2)], 300, 0, 3),
        (1, 3, [(880, 4), (940, 5)], 0, 300, 3),
        (2, 1, [(820, 3)], 300, 300, 2),  # neither way: the advice was on both sides
        (2, 3, [(820, 1)], 300, 300, 2),
        (9, 3, [(700, 8)], 0, 300, 3),  # exactly as old as the window: forgotten
        (9, 3, [(701, 8)], 0, 300, 8),
    ],
)
def test_stabilization_windows_clamp(
    current: int, asked: int, advice: list[tuple[int, int]], up: int, down: int, expected: int
) -> None:
    limits = Limits(1, 100, Rules(up, FREE.rates), Rules(down, FREE.rates))
    history = History(tuple(Recommendation(at, number) for at, number in advice))
    decision = decide(current, [wanting(asked)], limits, history=history, now=1000)
    assert decision.target == expected


def test_a_restart_makes_no_jump() -> None:
    fresh = History.of(8, now=0)
    decision = decide(8, [wanting(2)], Limits(1, 10), history=fresh, now=1)
    assert decision.target == 8
    later = decide(8, [wanting(2)], Limits(1, 10), history=decision.history, now=300)
    assert later.target == 2


def test_history_holds_what_was_asked_for_and_forgets_the_old() -> None:
    history = History.of(2, now=0).scaled(2, 4, now=1)
    decision = decide(4, [wanting(9)], Limits(1, 6), history=history, now=1000)
    assert decision.history == History((Recommendation(1000, 9),))


@pytest.mark.parametrize(
    ("decision", "expected"),
    [
        (
            decide(2, [wanting(9)], Limits(1, 20)),
            "Up from 2 to 6: work 9 in all is 4.5 per replica, target 1, asks for 9; "
            "the faster of 4 in 15 s and 100 % in 15 s allows 6 for now.",
        ),
        (
            decide(6, [wanting(9)], Limits(1, 8)),
            "Up from 6 to 8: work 9 in all is 1.5 per replica, target 1, asks for 9; "
            "8 is the maximum.",
        ),
        (
            decide(6, [wanting(2)], Limits(1, 8), history=History.of(6, 0), now=9),
            "Stays at 6: work 2 in all is 0.333 per replica, target 1, asks for 2; "
            "6 is the highest of the last 300 s.",
        ),
        (
            decide(4, [PerReplica("requests", 10, samples(9, 9))], WIDE, replicas=replicas(3)),
            "Stays at 4: requests 9 per replica, target 10 (1 silent), asks for 4.",
        ),
        (
            decide(2, [Failed("p95", "no edge answers")], Limits(1, 8)),
            "No change: p95: no edge answers.",
        ),
        (
            decide(1, [], Limits(2, 8)),
            "1 replica, below the minimum of 2.",
        ),
    ],
)
def test_the_reason_is_a_sentence(decision: Decision, expected: str) -> None:
    assert decision.reason == expected


rules = st.builds(
    Rules,
    window=st.sampled_from([0, 30, 300]),
    rates=st.lists(
        st.builds(
            Rate,
            st.sampled_from(["Pods", "Percent"]),
            st.integers(1, 200),
            st.sampled_from([15, 60]),
        ),
        max_size=3,
    ).map(tuple),
    select=st.sampled_from(["Max", "Min", "Disabled"]),
)
limits = st.tuples(st.integers(1, 20), st.integers(0, 80), rules, rules).map(
    lambda drawn: Limits(drawn[0], drawn[0] + drawn[1], drawn[2], drawn[3])
)
usage = st.dictionaries(
    st.integers(0, 30).map(lambda i: f"r{i}"), st.fractions(0, 100, max_denominator=8)
)
histories = st.builds(
    History,
    st.lists(st.builds(Recommendation, st.integers(0, 1000), st.integers(0, 200))).map(tuple),
    st.lists(st.builds(Change, st.integers(0, 1000), st.integers(-9, 9))).map(tuple),
)


@given(st.integers(1, 120), usage, limits, histories, st.booleans())
def test_always_within_the_limits_and_never_further_than_asked(
    current: int, measured: dict[str, Fraction], bounds: Limits, past: History, broken: bool
) -> None:
    measures: list[Measure] = [PerReplica("requests", 10, measured)]
    if broken:
        measures.append(Failed("p95", "silence"))
    known = replicas(current)
    decision = decide(current, measures, bounds, replicas=known, history=past, now=1000)
    assert bounds.minimum <= decision.target <= bounds.maximum
    assert decision.reason.endswith(".")
    if bounds.minimum <= current <= bounds.maximum:
        if decision.target > current:
            assert decision.wanted is not None
            assert decision.wanted >= decision.target
        if decision.target < current:
            assert not broken
            assert decision.wanted is not None
            assert decision.wanted <= max(decision.target, bounds.minimum)
        again = decide(current, measures, bounds, replicas=known, history=past, now=1000)
        assert again == decision


@given(st.integers(2, 30), st.lists(st.integers(0, 60), min_size=1, max_size=30))
def test_a_silent_replica_never_moves_the_scale_further(current: int, usage: list[int]) -> None:
    usage = usage[:current]
    known = replicas(current)
    with_silence = wanted(PerReplica("requests", 20, samples(*usage)), current, known)
    average = Fraction(sum(usage), len(usage))
    everywhere = {replica.name: average for replica in known}
    without = wanted(PerReplica("requests", 20, everywhere), current, known)
    assert with_silence is not None
    assert without is not None
    assert abs(with_silence - current) <= abs(without - current)


@given(st.integers(1, 50), st.integers(1, 500), st.integers(1, 50))
def test_a_steady_load_settles_at_once(current: int, load: int, target: int) -> None:
    first = decide(current, [Total("work", target, load, average=True)], WIDE).target
    second = decide(first, [Total("work", target, load, average=True)], WIDE).target
    assert second == first


def test_up_and_down_are_published() -> None:
    assert (UP.window, DOWN.window) == (0, 300)
