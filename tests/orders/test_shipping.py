"""Where parcels are: a truth table over time, codes and speeds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstore.clock import DAY, SECOND
from bookstore.orders.shipping import TEST_CODES, Tracker, scans, state

SHIPPED = 1_700_000_000_000


@pytest.mark.parametrize(
    ("days_later", "expected"),
    [
        (0, Tracker.PRE_TRANSIT),
        (0.1, Tracker.PRE_TRANSIT),
        (1.2, Tracker.IN_TRANSIT),
        (3.8, Tracker.OUT_FOR_DELIVERY),
        (4, Tracker.DELIVERED),
        (400, Tracker.DELIVERED),
    ],
)
def test_a_parcel_of_four_days(days_later: float, expected: Tracker) -> None:
    now = SHIPPED + round(days_later * DAY)
    assert state(SHIPPED, "BK0000000001", 1.0, now, days=(4, 4)) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("EZ1000000001", Tracker.PRE_TRANSIT),
        ("EZ2000000002", Tracker.IN_TRANSIT),
        ("EZ3000000003", Tracker.OUT_FOR_DELIVERY),
        ("EZ4000000004", Tracker.DELIVERED),
        ("EZ5000000005", Tracker.RETURN_TO_SENDER),
        ("EZ6000000006", Tracker.FAILURE),
        ("EZ7000000007", Tracker.UNKNOWN),
    ],
)
def test_codes_with_a_fixed_end(code: str, expected: Tracker) -> None:
    assert state(SHIPPED, code, 1.0, SHIPPED) == expected
    assert state(SHIPPED, code, 1.0, SHIPPED + 99 * DAY) == expected


@pytest.mark.parametrize("code", ["BK0000000001", *TEST_CODES])
def test_what_was_not_shipped_is_nowhere(code: str) -> None:
    assert scans(None, code, 8640.0, SHIPPED) == []
    assert state(None, code, 8640.0, SHIPPED) == Tracker.UNKNOWN


def test_at_speed_8640_a_day_lasts_ten_seconds() -> None:
    assert state(SHIPPED, "any", 8640.0, SHIPPED + 10 * SECOND - 1, (1, 1)) != Tracker.DELIVERED
    assert state(SHIPPED, "any", 8640.0, SHIPPED + 10 * SECOND, (1, 1)) == Tracker.DELIVERED


@given(seed=st.text(max_size=24), speed=st.floats(0.1, 1e6), passed=st.integers(0, 30 * DAY))
def test_a_parcel_only_ever_goes_on(seed: str, speed: float, passed: int) -> None:
    so_far = scans(SHIPPED, seed, speed, SHIPPED + passed)
    later = scans(SHIPPED, seed, speed, SHIPPED + passed + DAY)
    assert later[: len(so_far)] == so_far
    assert [scan.at for scan in later] == sorted(scan.at for scan in later)
