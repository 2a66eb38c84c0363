"""What a run was like: its requests, what had to hold, what was done to the cluster; figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.evidence.ledger.model import Audit

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Expectation:
    """What had to hold, what was seen, and whether that is good; None: for information."""

    what: str
    wanted: str
    seen: str
    met: bool | None


@dataclass(frozen=True)
class Event:
    """A moment worth a line in the plots, in seconds since the epoch; when it was done with."""

    at: float
    text: str
    done: float = 0.0


@dataclass(frozen=True)
class Sample:
    """The cluster at one moment: replicas by host, and the hosts that are not ready."""

    at: float
    replicas: Mapping[str, int]
    configured: int
    down: Sequence[str] = ()


@dataclass
class Result:
    """Everything a report tells."""

    title: str
    about: str
    requests: Sequence[Entry]
    expectations: list[Expectation] = field(default_factory=list)
    events: Sequence[Event] = ()
    samples: Sequence[Sample] = ()
    audit: Audit | None = None
    notes: Sequence[str] = ()
    broken: Sequence[Entry] | None = None  # what was in flight on a lost edge; None: no edge was

    @property
    def begin(self) -> float:
        """Return the moment that the report counts from."""
        moments = [float(r["at"]) for r in self.requests] + [s.at for s in self.samples]
        return min(moments, default=0.0)

    @property
    def passed(self) -> bool:
        """Tell whether everything that had to hold did."""
        return all(expectation.met is not False for expectation in self.expectations)


@dataclass(frozen=True)
class Summary:
    """Figures over all requests; durations in milliseconds."""

    count: int
    failed: int
    seconds: float
    p50: float
    p95: float
    p99: float
    slowest: float

    @property
    def rate(self) -> float:
        """Return the requests per second."""
        return self.count / self.seconds if self.seconds else 0.0


def summarize(requests: Sequence[Entry]) -> Summary:
    """Work out the figures over all requests."""
    if not requests:
        return Summary(0, 0, 0, 0, 0, 0, 0)
    times = sorted(float(r["ms"]) for r in requests)
    first = min(float(r["at"]) for r in requests)
    last = max(float(r["at"]) + float(r["ms"]) / 1000 for r in requests)
    failed = sum(r["error"] is not None for r in requests)
    p50, p95, p99 = (percentile(times, share) for share in (0.5, 0.95, 0.99))
    return Summary(len(times), failed, last - first, p50, p95, p99, times[-1])


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that a share of the ordered values does not exceed."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0
