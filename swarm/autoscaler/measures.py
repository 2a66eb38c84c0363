"""What one measure asks for: usage against a target, as a number of replicas. Pure and exact."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

Number = int | float | Decimal | Fraction


@dataclass(frozen=True)
class Replica:
    """One replica as the scheduler sees it.

    pending: has not started; stopping: is being ended or has ended. `ready` matters while running.
    """

    name: str
    ready: bool = True
    state: Literal["running", "pending", "stopping"] = "running"


@dataclass(frozen=True)
class PerReplica:
    """Average usage of a replica against `target`, both in the same unit.

    `samples` maps names of replicas to their usage; a replica without one is missing. For CPU set
    `cpu`: then replicas that are not ready are set aside, because starting up is no load.
    """

    name: str
    target: Number
    samples: Mapping[str, Number]
    cpu: bool = False


@dataclass(frozen=True)
class Utilization:
    """Usage as a percentage of what each replica has reserved, against `target` percent."""

    name: str
    target: Number
    samples: Mapping[str, Number]
    requests: Mapping[str, Number]
    cpu: bool = True


@dataclass(frozen=True)
class Total:
    """One value of the whole service against `target`; with `average`, `target` is per replica."""

    name: str
    target: Number
    value: Number
    average: bool = False


@dataclass(frozen=True)
class Failed:
    """A measure that could not be taken, and why."""

    name: str
    why: str


Measure = PerReplica | Utilization | Total | Failed
Band = tuple[Fraction, Fraction]  # the ratios from, to that count as on target


@dataclass(frozen=True)
class Proposal:
    """The replicas one measure asks for, and the figures in words."""

    replicas: int
    words: str


class Unmeasurable(Exception):
    """The measure says nothing now."""


def exact(number: Number) -> Fraction:
    """Make a fraction; a float means the decimal number that it is written as."""
    return Fraction(repr(number)) if isinstance(number, float) else Fraction(number)


def show(number: Number) -> str:
    """Write a number for people: at most three digits after the point, none that say nothing."""
    return f"{float(number):.3f}".rstrip("0").rstrip(".")


def propose(
    measure: Measure,
    current: int,
    replicas: Sequence[Replica],
    band: Band,
    observed: int | None = None,
) -> Proposal:
    """Return the replicas that one measure asks for; raise Unmeasurable when it cannot say."""
    match measure:
        case Failed():
            raise Unmeasurable(f"{measure.name}: {measure.why}")
        case Total(average=True):
            return _total_average(measure, current if observed is None else observed, band)
        case Total():
            return _total(measure, current, replicas, band)
        case PerReplica() | Utilization():
            return _per_replica(measure, current, replicas, band)


def _total_average(measure: Total, count: int, band: Band) -> Proposal:
    value, target = exact(measure.value), exact(measure.target)
    wanted = math.ceil(value / target)
    words = f"{measure.name} {show(value)} in all"
    if count:
        words += f" is {show(value / count)} per replica, target {show(target)}"
        if _within(value / (target * count), band):
            wanted = count
    return Proposal(wanted, _asks(words, wanted))


def _total(measure: Total, current: int, replicas: Sequence[Replica], band: Band) -> Proposal:
    ratio = exact(measure.value) / exact(measure.target)
    words = f"{measure.name} {show(measure.value)}, target {show(measure.target)}"
    if current == 0:
        wanted = math.ceil(ratio)
    elif _within(ratio, band):
        wanted = current
    elif not replicas:
        raise Unmeasurable(f"{measure.name}: no replica exists")
    else:
        wanted = math.ceil(ratio * sum(r.state == "running" and r.ready for r in replicas))
    return Proposal(wanted, _asks(words, wanted))


def _per_replica(
    measure: PerReplica | Utilization, current: int, replicas: Sequence[Replica], band: Band
) -> Proposal:
    if not replicas:
        raise Unmeasurable(f"{measure.name}: no replica exists")
    usage: dict[str, Fraction] = {}
    unready, missing = [], []
    for replica in replicas:
        if replica.state == "stopping":
            continue
        if replica.state == "pending":
            unready.append(replica.name)
        elif replica.name not in measure.samples:
            missing.append(replica.name)
        elif measure.cpu and not replica.ready:
            unready.append(replica.name)
        else:
            usage[replica.name] = exact(measure.samples[replica.name])
    if not usage:
        raise Unmeasurable(f"{measure.name}: no replica that is ready reports it")
    ratio = _ratio(measure, usage)
    words = _words(measure, usage, missing, unready)
    rising = ratio > 1 and bool(unready)
    if not missing and not rising:
        wanted = current if _within(ratio, band) else math.ceil(ratio * len(usage))
        return Proposal(wanted, _asks(words, wanted))

    # Assume what speaks against a change: idle when growing, fully used when shrinking.
    for name in missing:
        if ratio < 1:
            usage[name] = _full(measure, name)
        elif ratio > 1:
            usage[name] = Fraction(0)
    if rising:
        usage |= dict.fromkeys(unready, Fraction(0))
    assumed = _ratio(measure, usage)
    wanted = math.ceil(assumed * len(usage))
    turned = (ratio < 1 < assumed) or (assumed < 1 < ratio)
    turned = turned or (assumed < 1 and wanted > current) or (assumed > 1 and wanted < current)
    if turned or _within(assumed, band):
        wanted = current
    return Proposal(wanted, _asks(words, wanted))


def _ratio(measure: PerReplica | Utilization, usage: Mapping[str, Fraction]) -> Fraction:
    """Return usage over target for the replicas in `usage`."""
    total = sum(usage.values(), Fraction(0))
    if isinstance(measure, PerReplica):
        return total / len(usage) / exact(measure.target)
    return total * 100 / _requested(measure, usage) / exact(measure.target)


def _requested(measure: Utilization, usage: Mapping[str, Fraction]) -> Fraction:
    """Sum what the replicas in `usage` have reserved."""
    for name in usage:
        if name not in measure.requests:
            raise Unmeasurable(f"{measure.name}: replica {name} reserves none")
    total = sum((exact(measure.requests[name]) for name in usage), Fraction(0))
    if not total:
        raise Unmeasurable(f"{measure.name}: the replicas reserve none")
    return total


def _full(measure: PerReplica | Utilization, name: str) -> Fraction:
    """Return the usage to assume for a silent replica while shrinking."""
    if isinstance(measure, PerReplica):
        return exact(measure.target)
    if name not in measure.requests:
        raise Unmeasurable(f"{measure.name}: replica {name} reserves none")
    return exact(measure.requests[name]) * max(Fraction(100), exact(measure.target)) / 100


def _within(ratio: Fraction, band: Band) -> bool:
    return band[0] <= ratio <= band[1]


def _words(
    measure: PerReplica | Utilization,
    usage: Mapping[str, Fraction],
    missing: Sequence[str],
    unready: Sequence[str],
) -> str:
    total = sum(usage.values(), Fraction(0))
    if isinstance(measure, PerReplica):
        text = f"{measure.name} {show(total / len(usage))} per replica, target "
        text += show(measure.target)
    else:
        text = f"{measure.name} {show(total * 100 / _requested(measure, usage))} % of what is "
        text += f"reserved, target {show(measure.target)} %"
    asides = [f"{len(missing)} silent"] if missing else []
    asides += [f"{len(unready)} not ready"] if unready else []
    return f"{text} ({', '.join(asides)})" if asides else text


def _asks(words: str, wanted: int) -> str:
    return f"{words}, asks for {wanted}"
