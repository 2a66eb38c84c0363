"""The clock and the dice of a process that simulates.

They take the place of the operating system's before anything else is imported, so that the shop and
its libraries know no others: whatever happens follows from the seed, and waiting takes no time.
Nothing imported here may throw dice itself.
"""

from __future__ import annotations

import os
import time
from contextvars import ContextVar

EPOCH = 1_750_000_000.0  # when every world begins, in seconds since 1970
_MASK = 2**64 - 1


class Skew:
    """How far the clock of one process is off, in seconds."""

    def __init__(self) -> None:
        self.seconds = 0.0


class Clock:
    """The time of the world, which passes only when everybody waits."""

    def __init__(self) -> None:
        self.elapsed = 0.0
        self.skew: ContextVar[Skew] = ContextVar("skew", default=Skew())  # noqa: B039  # the world's

    def monotonic(self) -> float:
        """Return the seconds since the world began."""
        return self.elapsed

    def time(self) -> float:
        """Return the moment that the clock of the process at hand shows."""
        return EPOCH + self.elapsed + self.skew.get().seconds

    def time_ns(self) -> int:
        """Return that moment in nanoseconds."""
        return round(self.time() * 1_000_000) * 1_000


class Dice:
    """Random bytes that follow from a seed (SplitMix64)."""

    def __init__(self) -> None:
        self._state = 0

    def seed(self, number: int) -> None:
        """Begin the series of a seed."""
        self._state = number & _MASK

    def urandom(self, count: int) -> bytes:
        """Return so many bytes."""
        made = bytearray()
        while len(made) < count:
            self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
            value = self._state
            value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
            value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
            made += (value ^ (value >> 31)).to_bytes(8, "little")
        return bytes(made[:count])


clock = Clock()
dice = Dice()
stopwatch = time.process_time  # of the world outside


def take_over() -> None:
    """Put this clock and these dice in the place of the system's, for this whole process."""
    time.monotonic = clock.monotonic
    time.time = clock.time
    time.time_ns = clock.time_ns
    os.urandom = dice.urandom
