"""How many replicas a service should have: Kubernetes' HorizontalPodAutoscaler, v2. Pure.

`decide` takes what was measured and what happened before, and gives a target and the reason in
words. It reads no clock and changes nothing. All arithmetic is exact (fractions), so a ratio that
lies on the edge of the tolerance band is inside it, always.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Literal

from swarm.autoscaler.measures import Measure, Number, Replica, Unmeasurable, exact, propose


@dataclass(frozen=True)
class Rate:
    """At most `value` replicas, or percent of the replicas, within any `period` seconds."""

    kind: Literal["Pods", "Percent"]
    value: int
    period: int


@dataclass(frozen=True)
class Rules:
    """How one direction may go.

    `window` seconds of recommendations are looked back on: up follows the lowest of them, down the
    highest. `select` says which rate counts: the one that allows the most change (Max), the least
    (Min), or none ("Disabled": never in this direction). Ratios up to `tolerance` away from 1,
    the edge included, count as on target.
    """

    window: int
    rates: tuple[Rate, ...]
    select: Literal["Max", "Min", "Disabled"] = "Max"
    tolerance: Number = Fraction(1, 10)


UP = Rules(window=0, rates=(Rate("Pods", 4, 15), Rate("Percent", 100, 15)))
DOWN = Rules(window=300, rates=(Rate("Percent", 100, 15),))


@dataclass(frozen=True)
class Limits:
    """What a service may be scaled to, and how fast. UP and DOWN are Kubernetes' defaults."""

    minimum: int
    maximum: int
    up: Rules = UP
    down: Rules = DOWN


@dataclass(frozen=True)
class Recommendation:
    """What the measures asked for, `at` seconds on the caller's monotonic clock."""

    at: Number
    replicas: int


@dataclass(frozen=True)
class Change:
    """A scaling that was carried out: `replicas` more (positive) or fewer (negative)."""

    at: Number
    replicas: int


@dataclass(frozen=True)
class History:
    """What the next decision has to remember. Start with `History.of(current, now)`."""

    recommendations: tuple[Recommendation, ...] = ()
    changes: tuple[Change, ...] = ()

    @classmethod
    def of(cls, current: int, now: Number) -> History:
        """Begin with today's scale as a recommendation, so that a restart makes no jump."""
        return cls((Recommendation(now, current),))

    def scaled(self, before: int, after: int, now: Number) -> History:
        """Add a scaling that was carried out."""
        return replace(self, changes=(*self.changes, Change(now, after - before)))


@dataclass(frozen=True)
class Decision:
    """`target` replicas, why in words, and the history to give to the next call.

    `wanted` is what the measures alone ask for (None: no measure could say), and `findings` has a
    sentence for each measure.
    """

    target: int
    reason: str
    history: History
    wanted: int | None = None
    findings: tuple[str, ...] = field(default=())


def decide(
    current: int,
    measures: Sequence[Measure],
    limits: Limits,
    *,
    replicas: Sequence[Replica] = (),
    history: History = History(),
    now: Number = 0,
    observed: int | None = None,
) -> Decision:
    """Return the number of replicas a service should have now.

    `current` is the number that is configured, `observed` the number that exists (default: the
    same), `replicas` what is known of each, `now` seconds on any monotonic clock, the same as in
    `history`. Once carried out, add the change: `decision.history.scaled(before, after, now)`.
    """
    if current == 0 and limits.minimum != 0:
        return Decision(0, "Off: the service is scaled to 0, and stays there.", history)
    if current > limits.maximum:
        reason = f"{_count(current)}, above the maximum of {limits.maximum}."
        return Decision(limits.maximum, reason, history)
    if current < limits.minimum:
        reason = f"{_count(current)}, below the minimum of {limits.minimum}."
        return Decision(limits.minimum, reason, history)

    asked, findings, failures = [], [], []
    band = (1 - exact(limits.down.tolerance), 1 + exact(limits.up.tolerance))
    for measure in measures:
        try:
            proposal = propose(measure, current, replicas, band, observed)
        except Unmeasurable as problem:
            failures.append(str(problem))
        else:
            asked.append(proposal)
            findings.append(proposal.words)
    notes = (*findings, *failures)
    if not asked:
        return Decision(current, f"No change: {_list(failures)}.", history, None, notes)
    best = max(asked, key=lambda proposal: proposal.replicas)
    wanted = best.replicas
    if failures and wanted < current:
        reason = f"No scaling down while a measure is missing: {_list(failures)}."
        return Decision(current, reason, history, wanted, notes)

    stable = _stabilize(current, wanted, limits, history, now)
    target, bound = _limit(current, stable, limits, history, now)
    words = [best.words]
    if stable != wanted:
        extreme, rules = ("lowest", limits.up) if wanted > stable else ("highest", limits.down)
        words.append(f"{stable} is the {extreme} of the last {rules.window} s")
    if bound:
        words.append(bound)
    kept = _forget(history, limits, now)
    remembered = replace(kept, recommendations=(*kept.recommendations, Recommendation(now, wanted)))
    reason = f"{_sentence(current, target)}: {'; '.join(words)}."
    return Decision(target, reason, remembered, wanted, notes)


def _stabilize(current: int, wanted: int, limits: Limits, history: History, now: Number) -> int:
    """Bring the current scale between the lowest recent advice (up) and the highest (down)."""
    floor = ceiling = wanted
    for advice in history.recommendations:
        age = exact(now) - exact(advice.at)
        if age < limits.up.window:
            floor = min(floor, advice.replicas)
        if age < limits.down.window:
            ceiling = max(ceiling, advice.replicas)
    return min(max(current, floor), ceiling)


def _limit(
    current: int, stable: int, limits: Limits, history: History, now: Number
) -> tuple[int, str]:
    """Hold a change to the rates, then to minimum and maximum; say which of them held it."""
    if stable > current:
        allowed = max(current, _furthest(current, limits.up, history, now, +1))
        target = min(stable, allowed, limits.maximum)
    elif stable < current:
        allowed = min(current, _furthest(current, limits.down, history, now, -1))
        target = max(stable, allowed, limits.minimum)
    else:
        return current, ""
    direction, rules = ("up", limits.up) if stable > current else ("down", limits.down)
    if target == stable:
        return target, ""
    if target != allowed:
        bound = "maximum" if stable > current else "minimum"
        return target, f"{target} is the {bound}"
    if rules.select == "Disabled":
        return target, f"scaling {direction} is disabled"
    return target, f"{_rates(rules)} allows {target} for now"


def _furthest(
    current: int, rules: Rules, history: History, now: Number, direction: Literal[1, -1]
) -> int:
    """Return the count that the rates allow, seen from the count at the start of each period."""
    if rules.select == "Disabled" or not rules.rates:
        return current
    allowed = []
    for rate in rules.rates:
        recent = (c.replicas for c in history.changes if exact(now) - exact(c.at) < rate.period)
        start = current - sum(recent)
        if rate.kind == "Pods":
            allowed.append(start + direction * rate.value)
        elif direction > 0:  # rounded up: some percent of few must not stop the scaling for good
            allowed.append(math.ceil(start * Fraction(100 + rate.value, 100)))
        else:
            allowed.append(math.trunc(start * Fraction(100 - rate.value, 100)))
    return max(allowed) if (rules.select == "Max") == (direction > 0) else min(allowed)


def _forget(history: History, limits: Limits, now: Number) -> History:
    """Drop what no window and no period reaches back to any more."""
    window = max(limits.up.window, limits.down.window)
    period = max((r.period for r in (*limits.up.rates, *limits.down.rates)), default=0)
    return History(
        tuple(r for r in history.recommendations if exact(now) - exact(r.at) < window),
        tuple(c for c in history.changes if exact(now) - exact(c.at) < period),
    )


def _sentence(current: int, target: int) -> str:
    if target == current:
        return f"Stays at {target}"
    return f"{'Up' if target > current else 'Down'} from {current} to {target}"


def _rates(rules: Rules) -> str:
    """Describe rates: "the faster of 4 in 15 s and 100 % in 15 s"."""
    each = [f"{r.value}{' %' if r.kind == 'Percent' else ''} in {r.period} s" for r in rules.rates]
    if len(each) < 2:
        return f"the rate of {each[0]}" if each else "no rate"
    return f"the {'faster' if rules.select == 'Max' else 'slower'} of {' and '.join(each)}"


def _count(number: int) -> str:
    return f"{number} replica{'' if number == 1 else 's'}"


def _list(failures: Sequence[str]) -> str:
    return "; ".join(failures) or "nothing is measured"
