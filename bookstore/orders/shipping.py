"""Where a parcel is: a pure function of when it left, its tracking code, the speed and the time.
No worker moves parcels, and every replica gives the same answer.

States and test codes follow EasyPost's conventions.
"""

import hashlib
from enum import StrEnum
from typing import NamedTuple

from bookstore.clock import DAY


class Tracker(StrEnum):
    """The states of a tracker."""

    UNKNOWN = "unknown"
    PRE_TRANSIT = "pre_transit"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    RETURN_TO_SENDER = "return_to_sender"
    FAILURE = "failure"


FINAL = frozenset({Tracker.DELIVERED, Tracker.RETURN_TO_SENDER, Tracker.FAILURE})


class Scan(NamedTuple):
    """A parcel reached a state at a moment, in milliseconds."""

    state: Tracker
    at: int


_ON_ITS_WAY = (Tracker.PRE_TRANSIT, Tracker.IN_TRANSIT)
# A parcel with one of these codes is at the end of its list at once, and stays there.
TEST_CODES: dict[str, tuple[Tracker, ...]] = {
    "EZ1000000001": _ON_ITS_WAY[:1],
    "EZ2000000002": _ON_ITS_WAY,
    "EZ3000000003": (*_ON_ITS_WAY, Tracker.OUT_FOR_DELIVERY),
    "EZ4000000004": (*_ON_ITS_WAY, Tracker.OUT_FOR_DELIVERY, Tracker.DELIVERED),
    "EZ5000000005": (*_ON_ITS_WAY, Tracker.RETURN_TO_SENDER),
    "EZ6000000006": (*_ON_ITS_WAY, Tracker.FAILURE),
    "EZ7000000007": (Tracker.UNKNOWN,),
}


def scans(
    shipped_at: int | None, seed: str, speed: float, now: int, days: tuple[int, int] = (2, 4)
) -> list[Scan]:
    """Return what has happened to a parcel so far, oldest first; nothing before it is shipped.

    `seed` is its tracking code, `days` the carrier's quickest and slowest delivery, and at speed
    8640 a day lasts ten seconds.
    """
    if shipped_at is None:
        return []
    if seed in TEST_CODES:
        return [Scan(state, shipped_at) for state in TEST_CODES[seed]]
    luck = hashlib.sha256(seed.encode()).digest()
    whole = _whole_way(luck, speed, days)
    plan = (
        (Tracker.PRE_TRANSIT, 0.0),
        (Tracker.IN_TRANSIT, 0.10 + 0.15 * luck[1] / 255),
        (Tracker.OUT_FOR_DELIVERY, 0.80 + 0.10 * luck[2] / 255),
        (Tracker.DELIVERED, 1.0),
    )
    moments = [Scan(state, shipped_at + round(whole * share)) for state, share in plan]
    return [scan for scan in moments if scan.at <= now]


def arrival(shipped_at: int, seed: str, speed: float, days: tuple[int, int] = (2, 4)) -> int | None:
    """Return the moment at which a parcel is delivered; None for a test code that never is."""
    if seed in TEST_CODES:
        return shipped_at if Tracker.DELIVERED in TEST_CODES[seed] else None
    return shipped_at + round(_whole_way(hashlib.sha256(seed.encode()).digest(), speed, days))


def _whole_way(luck: bytes, speed: float, days: tuple[int, int]) -> float:
    return (days[0] + (days[1] - days[0]) * luck[0] / 255) * DAY / speed


def state(
    shipped_at: int | None, seed: str, speed: float, now: int, days: tuple[int, int] = (2, 4)
) -> Tracker:
    """Return the state of a parcel; see `scans`."""
    so_far = scans(shipped_at, seed, speed, now, days)
    return so_far[-1].state if so_far else Tracker.UNKNOWN
