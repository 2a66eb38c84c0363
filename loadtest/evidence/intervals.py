"""What so many successes of so many tries show at 95 %: Clopper and Pearson's interval."""

from __future__ import annotations

import math
from collections.abc import Callable

DOUBT = 0.05


def at_least(successes: int, tries: int, doubt: float = DOUBT) -> float:
    """Return the share of successes that is exceeded with a confidence of 1 - `doubt`, one-sided.

    Without a failure this is the rule of three, exactly: the root of the doubt.
    """
    if not tries or not successes:
        return 0.0
    return _solve(lambda p: _tail(successes, tries, p) - doubt)


def between(successes: int, tries: int, doubt: float = DOUBT) -> tuple[float, float]:
    """Return the two-sided interval of the share of successes."""
    if not tries:
        return 0.0, 1.0
    low = at_least(successes, tries, doubt / 2)
    return low, 1 - at_least(tries - successes, tries, doubt / 2)


def percent(bound: float) -> str:
    """Return a lower bound in words, rounded down: what is said holds."""
    return f"{math.floor(bound * 10_000) / 100:.2f}%"


def _tail(successes: int, tries: int, p: float) -> float:
    """Return the chance of so many successes or more, where each comes with chance p."""
    failures = tries - successes
    if p <= 0:
        return 0.0
    if p >= 1:
        return 1.0
    # At most `failures` failures: few terms, summed in logarithms.
    total = -math.inf
    for k in range(failures + 1):
        term = (
            math.lgamma(tries + 1) - math.lgamma(k + 1) - math.lgamma(tries - k + 1)
            + k * math.log1p(-p) + (tries - k) * math.log(p)
        )  # fmt: skip
        total = max(total, term) + math.log1p(math.exp(-abs(total - term)))
    return math.exp(min(total, 0.0))


def _solve(rising: Callable[[float], float]) -> float:
    """Return where a rising function of a share crosses 0."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if rising(middle) < 0:
            low = middle
        else:
            high = middle
    return low
