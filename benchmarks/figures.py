"""The arithmetic of the figures."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Round(NamedTuple):
    """What one round of visits cost: processor µs a visit, of the server and of the database;
    visits a second; latencies in ms."""

    server: float
    database: float
    rate: float
    p50: float
    p99: float

    @property
    def total(self) -> float:
        """What a visit costs altogether."""
        return self.server + self.database


class Spread(NamedTuple):
    """Least, median and greatest of several rounds."""

    least: float
    median: float
    greatest: float


def spread(values: Sequence[float]) -> Spread:
    """Return least, median and greatest."""
    return Spread(min(values), statistics.median(values), max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of the values do not exceed (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share) - 1)]


def ratios(ours: Sequence[Round], theirs: Sequence[Round]) -> Spread:
    """Return our processor time over theirs, the database's included, compared within each round:
    what else the machine did at that time met both."""
    return spread([one.total / other.total for one, other in zip(ours, theirs, strict=True)])


class Promise(NamedTuple):
    """A ratio that must hold: `ours` costs at most `limit` times what `peer` costs."""

    kind: str
    ours: str
    peer: str
    limit: float


# The shop as it comes, and with its fastest settings.
DEFAULTS, FASTEST = "BookStore", "BookStore fast"
PROMISES = (
    Promise("warm", DEFAULTS, "Hypercorn", 1.15),
    Promise("cold", DEFAULTS, "Flask", 1.0),
    Promise("search", DEFAULTS, "Flask", 1.0),
    Promise("book", DEFAULTS, "Flask", 1.0),
    Promise("checkout", DEFAULTS, "Flask", 1.0),
    Promise("warm", FASTEST, "Starlette", 0.06),
    Promise("warm", FASTEST, "Starlette cache", 1.5),
    Promise("loaded", FASTEST, "Starlette", 0.30),
    Promise("cold", FASTEST, "Starlette", 1.0),
    Promise("search", FASTEST, "Starlette", 1.1),
    Promise("book", FASTEST, "Starlette", 1.0),
    Promise("checkout", FASTEST, "Starlette", 1.15),
)


def verdict(medians: Sequence[float], limit: float) -> str:
    """Return what the medians of several tables say of a limit: one verdict, if all agree."""
    kept = [median <= limit for median in medians]
    if all(kept):
        return "holds"
    return "not firm" if any(kept) else "FALLS SHORT"
