"""Intervals of a share, against figures of statistics' text books."""

from __future__ import annotations

import pytest

from loadtest.evidence.intervals import at_least, between, percent


@pytest.mark.parametrize(
    ("successes", "tries", "low", "high"),
    [  # Clopper and Pearson, two-sided, 95 %
        (0, 10, 0.0, 0.3085),
        (5, 10, 0.1871, 0.8129),
        (10, 10, 0.6915, 1.0),
        (81, 263, 0.2527, 0.3677),
        (15, 148, 0.0579, 0.1617),
    ],
)
def test_two_sided(successes: int, tries: int, low: float, high: float) -> None:
    assert between(successes, tries) == pytest.approx((low, high), abs=2e-4)


def test_no_failure_in_n_shows_three_over_n() -> None:
    assert at_least(2293, 2293) == pytest.approx(1 - 3 / 2293, abs=1e-5)
    assert at_least(2293, 2293) == pytest.approx(0.05 ** (1 / 2293), abs=1e-9)


def test_nothing_tried_shows_nothing() -> None:
    assert at_least(0, 0) == 0
    assert between(0, 0) == (0, 1)
    assert at_least(0, 5) == 0


def test_a_bound_is_never_said_to_be_higher_than_it_is() -> None:
    assert percent(at_least(70_423, 70_423)) == "99.99%"
    assert percent(at_least(10_632, 10_633)) == "99.95%"
    assert percent(1.0) == "100.00%"
