"""What a step came to, worked out from what was recorded. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.evidence.intervals import at_least
from loadtest.evidence.result import Event, summarize

Entry = Mapping[str, Any]
SLOW = 1000.0  # ms after which a reader has noticed
BOUND = 1000.0  # ms that p99 from the intended start may be for a rate to count as served
COMING_UP = 5.0  # seconds at the beginning that do not count: people sign up


@dataclass(frozen=True)
class Rate:
    """What so many clicks a second were like."""

    clicks: float
    requests: float  # a second
    p50: float  # ms
    p99: float
    failed: int
    missed: int  # clicks that nobody could begin within a second

    @property
    def served(self) -> bool:
        """Tell whether the shop was up to it."""
        return not self.failed and not self.missed and self.p99 <= BOUND


@dataclass(frozen=True)
class Fault:
    """What a fault cost readers: from the moment it came until the next one did."""

    name: str
    requests: int
    failed: int
    pages: int  # of these, answered with the shop's own 503 page
    noticed: float  # seconds until the last request that failed or took over a second had ended
    lasted: float  # seconds that doing it took, such as a deployment

    @property
    def at_least(self) -> float:
        """Return the share that succeeds at least, at 95 %."""
        return at_least(self.requests - self.failed, self.requests)


@dataclass(frozen=True)
class Step:
    """All that was measured of one step."""

    when: str
    commit: str
    seed: str
    hosts: str
    clicks: float  # a second, while there were faults
    built: float  # seconds from bare hosts to HTTPS, images and disks being there
    rates: tuple[Rate, ...]
    faults: tuple[Fault, ...]
    orders: int
    ledger: Mapping[str, int]
    busy: float = 0.0  # load of the machine that it was measured on
    late: bool = False  # the generator itself was late: times are the machine's, not the shop's
    restored: float | None = None  # seconds from a new bare machine to HTTPS with all data
    missing: int | None = None  # what the ledger misses then

    @property
    def best(self) -> Rate | None:
        """Return the highest rate that was served."""
        return max((r for r in self.rates if r.served), key=lambda r: r.clicks, default=None)

    @property
    def clean(self) -> bool:
        """Tell whether the ledger agrees."""
        return not any(self.ledger.values())


def rate(clicks: float, requests: Sequence[Entry], arrivals: Sequence[Entry]) -> Rate:
    """Sum up a run at one rate."""
    first = min((float(r["at"]) for r in requests), default=0.0)
    counted = summarize([r for r in requests if float(r["at"]) >= first + COMING_UP])
    missed = sum(entry["what"] == "missed" for entry in arrivals)
    p50, p99 = (round(counted.times[share], 1) for share in (50.0, 99.0))
    return Rate(clicks, round(counted.rate, 1), p50, p99, counted.failed, missed)


def faults(requests: Sequence[Entry], events: Sequence[Event], end: float) -> tuple[Fault, ...]:
    """Say what each fault cost; a request belongs to the fault that it ran into."""
    until = [*(event.at for event in events[1:]), end]
    return tuple(_fault(requests, e, last) for e, last in zip(events, until, strict=True))


def _fault(requests: Sequence[Entry], event: Event, until: float) -> Fault:
    met = [
        (float(r["at"]) + float(r["ms"]) / 1000 - event.at, r)
        for r in requests
        if float(r["at"]) < until and float(r["at"]) + float(r["ms"]) / 1000 >= event.at
    ]
    failed = [str(r["error"]) for _, r in met if r["error"] is not None]
    hurt = [ended for ended, r in met if r["error"] is not None or float(r["ms"]) > SLOW]
    return Fault(
        event.text,
        len(met),
        len(failed),
        sum("503 page" in error for error in failed),
        round(max(hurt, default=0.0), 1),
        round(event.done - event.at, 1),
    )
