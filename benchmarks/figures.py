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
    """Return our processor time over theirs, compared within each round: what else the machine
    did at that time met both."""
    return spread([one.server / other.server for one, other in zip(ours, theirs, strict=True)])


class Promise(NamedTuple):
    """A ratio that must hold: at most `limit` times the peer's processor time."""

    kind: str
    peer: str
    limit: float


PROMISES = (
    Promise("warm", "Hypercorn", 1.5),
    Promise("warm", "Starlette", 0.15),
    Promise("signed-in", "Flask", 0.8),
    Promise("signed-in", "Starlette", 1.0),
    Promise("cold", "Flask", 0.8),
    Promise("cold", "Starlette", 1.0),
    Promise("book", "Flask", 0.8),
    Promise("book-cold", "Flask", 0.8),
    Promise("checkout", "Flask", 1.0),
)
