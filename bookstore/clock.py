"""The time as the shop stores it: whole milliseconds since 1970 in UTC."""

import time
from collections.abc import Callable
from time import monotonic

type Clock = Callable[[], int]

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

_ALIKE = SECOND // 2  # moments that are not worth setting a clock for


def now() -> int:
    """Return the present moment in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class SharedClock:
    """The database's clock, which all replicas have in common: a host whose own is an hour off must
    end nobody's hold and call off nobody's order. Until it was heard it is the host's own."""

    def __init__(self, own: Clock = now) -> None:
        self._own = own
        self._heard: tuple[int, float] | None = None  # what it showed, and when that was

    def __call__(self) -> int:
        """Return the present moment in milliseconds since the epoch."""
        if self._heard is None:
            return self._own()
        moment, at = self._heard
        return moment + round((monotonic() - at) * SECOND)

    def hear(self, moment: int, asked: float, answered: float) -> int:
        """Go by what the database's clock showed at some time between two of `monotonic`, unless
        that is what it was taken for; return by how many milliseconds the host's is ahead of it."""
        at = (asked + answered) / 2
        shown = moment + round((monotonic() - at) * SECOND)
        if self._heard is None or abs(self() - shown) > _ALIKE + (answered - asked) * SECOND:
            self._heard = moment, at
        return self._own() - self()
