"""Rates from the counters that Traefik and the replicas publish for Prometheus."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

DURATION = "traefik_service_request_duration_seconds"
UP = "traefik_service_server_up"
CPU = "process_cpu_seconds_total"


@dataclass(frozen=True)
class Reading:
    """Counters of one edge for one service (or of one replica), read at one moment.

    at: seconds, monotonic; seconds: sum of the durations of all requests that were answered;
    buckets: requests at most so many seconds long.
    """

    at: float
    requests: float = 0.0
    seconds: float = 0.0
    buckets: Mapping[float, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Traffic:
    """What happened per second between two readings; `buckets` as in Reading."""

    requests: float = 0.0
    in_flight: float = 0.0  # by Little's law: seconds of answering in a second
    buckets: Mapping[float, float] = field(default_factory=dict)


def read_traefik(text: str, service: str, at: float) -> Reading | None:
    """Take one service's counters from an edge's metrics.

    All are 0 where the edge knows the service by its health checks and has had no request for it;
    None where it does not know it: that says nothing about how much there is to do.
    """
    requests = seconds = 0.0
    buckets: dict[float, float] = {}
    wanted = f'service="{service}"'
    # Filtered first: most of the text is about other things, and parsing costs.
    about = [ln for ln in text.splitlines() if wanted in ln and ln.startswith((DURATION, UP))]
    if not about:
        return None
    lines = (ln for ln in about if ln.startswith(DURATION))
    for family in text_string_to_metric_families("\n".join(lines) + "\n"):
        for name, labels, value, *_ in family.samples:
            if name == f"{DURATION}_count":
                requests += value
            elif name == f"{DURATION}_sum":
                seconds += value
            elif name == f"{DURATION}_bucket":
                edge = float(labels["le"])
                buckets[edge] = buckets.get(edge, 0.0) + value
    return Reading(at, requests, seconds, buckets)


def read_cpu(text: str, at: float) -> Reading | None:
    """Take the CPU seconds that a replica has used from its own metrics."""
    lines = [line for line in text.splitlines() if line.startswith(f"{CPU} ")]
    return Reading(at, seconds=float(lines[0].split()[1])) if lines else None


class Meter:
    """The readings of one source within a sliding window."""

    def __init__(self, window: float) -> None:
        self._window = window
        self._readings: deque[Reading] = deque()

    def add(self, reading: Reading) -> None:
        """Take in a reading; one that is lower than the last is a restart, and begins anew."""
        if self._readings and reading.requests < self._readings[-1].requests:
            self._readings.clear()
        if self._readings and reading.seconds < self._readings[-1].seconds:
            self._readings.clear()
        self._readings.append(reading)
        while len(self._readings) > 2 and self._readings[1].at <= reading.at - self._window:
            self._readings.popleft()

    def traffic(self, now: float) -> Traffic | None:
        """Return the rates over the window; None with too few readings, or none that is fresh."""
        if len(self._readings) < 2 or now - self._readings[-1].at > self._window:
            return None
        first, last = self._readings[0], self._readings[-1]
        span = last.at - first.at
        if span <= 0:
            return None
        return Traffic(
            (last.requests - first.requests) / span,
            (last.seconds - first.seconds) / span,
            {
                edge: (value - first.buckets.get(edge, 0.0)) / span
                for edge, value in last.buckets.items()
            },
        )


def together(parts: Iterable[Traffic]) -> Traffic:
    """Add up the traffic of several edges."""
    requests = in_flight = 0.0
    buckets: dict[float, float] = {}
    for part in parts:
        requests += part.requests
        in_flight += part.in_flight
        for edge, value in part.buckets.items():
            buckets[edge] = buckets.get(edge, 0.0) + value
    return Traffic(requests, in_flight, buckets)


def quantile(share: float, buckets: Mapping[float, float]) -> float:
    """Estimate the duration that a share of the requests stays below, in seconds.

    Linear within a bucket, as Prometheus does it; the last finite edge when it lies beyond; 0
    without requests, because then nobody waits.
    """
    edges = sorted(buckets)
    total = buckets[edges[-1]] if edges else 0.0
    if total <= 0:
        return 0.0
    rank = share * total
    lower, below = 0.0, 0.0
    for edge in edges:
        if buckets[edge] >= rank:
            if math.isinf(edge):
                return lower
            inside = buckets[edge] - below
            return lower + (edge - lower) * ((rank - below) / inside if inside > 0 else 1.0)
        lower, below = edge, buckets[edge]
    return lower
