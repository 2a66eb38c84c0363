"""What the autoscaler tells: a log of decisions in words, and metrics for Prometheus."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal, TextIO

from prometheus_client import CollectorRegistry, Counter, Gauge

Action = Literal["scaled", "stays", "held", "paused", "would scale", "standby", "refused", "failed"]
REPEAT = 30.0  # seconds after which an unchanged outcome is logged again: a sign of life


@dataclass(frozen=True)
class Outcome:
    """What came of looking at one service: what was done, and why in a sentence."""

    service: str
    action: Action
    reason: str
    replicas: int | None = None  # before
    target: int | None = None
    wanted: int | None = None  # what the measures alone ask for
    findings: tuple[str, ...] = ()


class Journal:
    """Writes JSON lines, one for each outcome that is new, and keeps the metrics."""

    def __init__(self, clock: Callable[[], float], stream: TextIO | None = None) -> None:
        self._clock = clock
        self._stream = stream
        self._last: dict[str, tuple[tuple[object, ...], float]] = {}
        self.registry = CollectorRegistry()
        self._replicas = Gauge(
            "bookstore_autoscaler_replicas",
            "Replicas that are configured",
            ["service"],
            registry=self.registry,
        )
        self._wanted = Gauge(
            "bookstore_autoscaler_wanted",
            "Replicas that the measures ask for",
            ["service"],
            registry=self.registry,
        )
        self._outcomes = Counter(
            "bookstore_autoscaler_outcomes",
            "Decisions by what came of them",
            ["service", "action"],
            registry=self.registry,
        )
        self._errors = Counter(
            "bookstore_autoscaler_errors", "Rounds that failed", registry=self.registry
        )
        self.leading = Gauge(
            "bookstore_autoscaler_leading",
            "1 when this one acts, 0 on standby",
            registry=self.registry,
        )
        self.value = Gauge(
            "bookstore_autoscaler_measure",
            "What was measured, in the unit of its target",
            ["service", "measure"],
            registry=self.registry,
        )

    def record(self, outcome: Outcome) -> None:
        """Count an outcome, and log it when it is news."""
        if outcome.replicas is not None:
            self._replicas.labels(outcome.service).set(outcome.replicas)
        if outcome.wanted is not None:
            self._wanted.labels(outcome.service).set(outcome.wanted)
        self._outcomes.labels(outcome.service, outcome.action).inc()
        fixed = outcome.reason if outcome.action in ("refused", "failed", "held") else ""
        news = (outcome.action, outcome.replicas, outcome.target, outcome.wanted, fixed)
        if self._is_news(outcome.service, news) or outcome.action == "scaled":
            self._write(
                service=outcome.service,
                action=outcome.action,
                reason=outcome.reason,
                replicas=outcome.replicas,
                target=outcome.target,
                wanted=outcome.wanted,
                findings=list(outcome.findings) or None,
            )

    def trouble(self, reason: str) -> None:
        """Log that a whole round failed; nothing was changed."""
        self._errors.inc()
        if self._is_news("", (reason,)):
            self._write(action="failed", reason=reason)

    def note(self, reason: str) -> None:
        """Log something that happened once."""
        self._write(action="note", reason=reason)

    def forget_trouble(self) -> None:
        """Log that rounds succeed again, if they did not."""
        if self._last.pop("", None) is not None:
            self._write(action="note", reason="The swarm answers again.")

    def _is_news(self, service: str, news: tuple[object, ...]) -> bool:
        before, at = self._last.get(service, ((), float("-inf")))
        now = self._clock()
        if before == news and now - at < REPEAT:
            return False
        self._last[service] = (news, now)
        return True

    def _write(self, **fields: object) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": moment} | {k: v for k, v in fields.items() if v is not None}
        print(json.dumps(line, ensure_ascii=False), file=self._stream or sys.stdout, flush=True)
