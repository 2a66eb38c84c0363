"""The time as the shop stores it: whole milliseconds since 1970 in UTC."""

import time
from collections.abc import Callable

type Clock = Callable[[], int]

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR


def now() -> int:
    """Return the present moment in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000
