"""Availability against an objective: how much of what may fail did fail, and what that shows."""

from __future__ import annotations

from dataclasses import dataclass

from loadtest.evidence.intervals import at_least, between

OBJECTIVE = 99.9  # percent of requests that should succeed, unless a run names another share


@dataclass(frozen=True)
class Budget:
    """So many requests, of which some failed, against an objective in percent."""

    requests: int
    failed: int
    objective: float = OBJECTIVE

    @property
    def interval(self) -> tuple[float, float]:
        """Return between which shares, at 95 %, requests succeed."""
        return between(self.requests - self.failed, self.requests)

    @property
    def allowed(self) -> float:
        """Return how many of these requests may fail by the objective."""
        return self.requests * (100 - self.objective) / 100

    @property
    def used(self) -> float:
        """Return the share of what may fail that did."""
        return self.failed / self.allowed if self.allowed else 0.0

    @property
    def used_at_most(self) -> float:
        """Return the share that is used at most, at 95 %: above 1, so few requests show nothing."""
        if not self.allowed:
            return 0.0
        doubt = 1 - at_least(self.requests - self.failed, self.requests)
        return doubt * self.requests / self.allowed

    @property
    def verdict(self) -> str:
        """Return in words whether the objective is met, missed, or neither shown."""
        low, high = self.interval
        if high < self.objective / 100:
            return "missed"
        if low >= self.objective / 100:
            return "met"
        return "neither met nor missed for sure"
