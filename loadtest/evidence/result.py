"""What a run was like: its requests, what had to hold, what was done to the cluster; figures."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hdrh.histogram import HdrHistogram

from loadtest.evidence.budget import OBJECTIVE
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
    rollout: str = ""  # of the service that is drilled


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
    incidents: Sequence[Entry] = ()  # people who stumbled, exceptions in them
    arrivals: Sequence[Entry] = ()  # of open load
    broken: Sequence[Entry] | None = None  # what was in flight on a lost edge; None: no edge was
    objective: float = OBJECTIVE  # percent of requests that should succeed

    @property
    def begin(self) -> float:
        """Return the moment that the report counts from."""
        moments = [begun(r) for r in self.requests] + [s.at for s in self.samples]
        return min(moments, default=0.0)

    @property
    def passed(self) -> bool:
        """Tell whether everything that had to hold did."""
        return all(expectation.met is not False for expectation in self.expectations)


SHARES = (50.0, 90.0, 99.0, 99.9, 99.99)  # percent of the requests that the times are given of


@dataclass(frozen=True)
class Summary:
    """Figures over requests. `times` (milliseconds, by percent) count from when each should have
    begun, so that what a slow answer held up is in them.
    """

    count: int
    failed: int
    seconds: float
    times: Mapping[float, float]
    slowest: float
    repeated: int  # requests that a browser had to send again

    @property
    def rate(self) -> float:
        """Return the requests per second."""
        return self.count / self.seconds if self.seconds else 0.0


def begun(request: Entry) -> float:
    """Return when a request should have begun, in seconds since the epoch."""
    return float(request["at"]) - max(float(request.get("late", 0.0)), 0.0) / 1000


def latency(request: Entry) -> float:
    """Return the milliseconds from when a request should have begun to the end of its answer."""
    return float(request["ms"]) + max(float(request.get("late", 0.0)), 0.0)


def histogram(requests: Iterable[Entry]) -> HdrHistogram:
    """Return the latencies in microseconds, to three digits."""
    made = HdrHistogram(1, 3_600_000_000, 3)
    for request in requests:
        made.record_value(max(round(latency(request) * 1000), 1))
    return made


def summarize(requests: Sequence[Entry]) -> Summary:
    """Work out the figures over all requests."""
    if not requests:
        return Summary(0, 0, 0, dict.fromkeys(SHARES, 0.0), 0, 0)
    spread = histogram(requests)
    first = min(float(r["at"]) for r in requests)
    last = max(float(r["at"]) + float(r["ms"]) / 1000 for r in requests)
    return Summary(
        len(requests),
        sum(r["error"] is not None for r in requests),
        last - first,
        {share: spread.get_value_at_percentile(share) / 1000 for share in SHARES},
        max(latency(r) for r in requests),
        sum(r.get("sent", 1) > 1 for r in requests),
    )


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value that a share of the ordered values does not exceed."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0
