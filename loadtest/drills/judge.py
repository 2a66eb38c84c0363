"""What a drill has to show, worked out from what was recorded. Pure."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.drills.drill import Drill
from loadtest.evidence.intervals import at_least, percent
from loadtest.evidence.result import Event, Expectation, Sample

Entry = Mapping[str, Any]
SLOW = 1000.0  # ms: a request that took longer met the fault
NOTICED = 2.0  # seconds within which the load balancer has noticed a lost edge


def expectations(
    drill: Drill,
    requests: Sequence[Entry],
    samples: Sequence[Sample],
    events: Sequence[Event],
    update_state: str,
    minimum: int,
) -> list[Expectation]:
    """Judge everything but the ledger."""
    made = failures(drill, requests)
    if drill.cut is not None and events:
        made += in_flight(drill.cut, requests, events[0])
    if drill.outage is not None and events:
        made.append(outage(drill.outage, requests, samples, events[0].at))
    if drill.only_503:
        made.append(proper_pages(requests))
    if drill.outcome:
        met = update_state == drill.outcome
        made.append(Expectation("the rollout ends as", drill.outcome, update_state or "none", met))
    if events and not drill.spike:
        healed = next((e.at for e in events[1:]), float("inf"))
        made += times(drill, requests, samples, events[0].at, healed)
    if drill.answers is not None:
        made.append(answers_again(drill.answers, requests, events[-1].at))
    if drill.never_fewer:
        made.append(never_fewer(samples, events, minimum))
    if drill.even:
        made.append(evenly_spread(samples))
    if drill.spike:
        made += scaling(requests, samples, events, minimum)
    return made


def failures(drill: Drill, requests: Sequence[Entry]) -> list[Expectation]:
    """Count the requests that failed, those apart that the fault may cost."""
    failed = [r for r in requests if r["error"] is not None]
    spared = free_of(drill, failed)
    wanted = "counted" if drill.failures is None else str(drill.failures)
    met = None if drill.failures is None else len(spared) <= drill.failures
    bound = at_least(len(requests) - len(failed), len(requests))
    seen = f"{len(spared)} of {len(requests)}: at 95 %, {percent(bound)} or more succeed"
    made = [Expectation("requests that failed", wanted, seen, met)]
    if drill.costs:
        count = f"{len(failed) - len(spared)}"
        made.append(Expectation("requests that needed what was away", "counted", count, None))
    return made


def free_of(drill: Drill, requests: Sequence[Entry]) -> list[Entry]:
    """Return the requests that need nothing of what the fault takes away."""
    if not drill.costs:
        return list(requests)
    return [r for r in requests if not re.search(drill.costs, str(r["name"]))]


def proper_pages(requests: Sequence[Entry]) -> Expectation:
    """Every request that failed was answered with the shop's own 503 page."""
    bad = [r for r in requests if r["error"] is not None and "503 page" not in str(r["error"])]
    return Expectation("failures other than a proper 503 page", "0", str(len(bad)), not bad)


def times(
    drill: Drill,
    requests: Sequence[Entry],
    samples: Sequence[Sample],
    fault: float,
    healed: float = math.inf,
) -> list[Expectation]:
    """Work out when the fault was noticed, when replicas were complete, when requests flowed.

    What healing costs is told apart from what the fault cost.
    """
    made = []
    after = [sample for sample in samples if sample.at >= fault]
    noticed = next((s.at for s in after if s.down), None)
    if noticed is not None:
        made.append(Expectation("detection", "", f"{noticed - fault:.1f} s", None))
        short = [s.at for s in after if sum(s.replicas.values()) < s.configured]
        full = next(
            (s.at for s in after if s.at > noticed and sum(s.replicas.values()) >= s.configured),
            None,
        )
        if short and full is not None:
            made.append(Expectation("rescheduled", "", f"{full - fault:.1f} s", None))
    if noticed is not None or drill.reroute is not None:
        hit = [
            r
            for r in requests
            if float(r["at"]) + float(r["ms"]) / 1000 >= fault
            and (r["error"] is not None or float(r["ms"]) > SLOW)
        ]
        last = max((float(r["at"]) - fault for r in hit if float(r["at"]) < healed), default=0.0)
        met = None if drill.reroute is None else last <= drill.reroute
        wanted = "" if drill.reroute is None else f"{drill.reroute:g} s"
        made.append(
            Expectation(
                "rerouted (last slow or failed request began)", wanted, f"{last:.1f} s", met
            )
        )
        after_heal = [float(r["at"]) - healed for r in hit if float(r["at"]) >= healed]
        if after_heal:
            seen = f"{len(after_heal)}, the last after {max(after_heal):.1f} s"
            made.append(Expectation("slow or failed after healing", "", seen, None))
    slowest = max((float(r["ms"]) for r in requests if float(r["at"]) >= fault - 5), default=0.0)
    made.append(Expectation("slowest request", "", f"{slowest:.0f} ms", None))
    return made


def answers_again(limit: float, requests: Sequence[Entry], over: float) -> Expectation:
    """Judge whether the shop answers so many seconds after the fault is over."""
    late = [float(r["at"]) - over for r in requests if r["error"] is not None]
    last = max(late, default=0.0)
    what = "last failure after the fault was over"
    return Expectation(what, f"{limit:g} s", f"{max(last, 0):.1f} s", last <= limit)


def broken_in_flight(requests: Sequence[Entry], fault: Event) -> list[Entry]:
    """List what was in flight on a lost edge: no answer came over a connection from before.

    A request that was answered when it was sent again, over another connection, is one of them.
    """
    return [
        r
        for r in requests
        if (r["error"] is not None or r["sent"] > 1)
        and 0 < r["opened"] < fault.done
        and r["at"] < fault.at + NOTICED
        and r["at"] + r["ms"] / 1000 >= fault.at
    ]


def in_flight(limit: float, requests: Sequence[Entry], fault: Event) -> list[Expectation]:
    """Only what was in flight on the lost edge breaks, and it does not wait for long."""
    broken = broken_in_flight(requests, fault)
    again = sum(r["error"] is None for r in broken)
    ended = max((r["at"] + r["ms"] / 1000 - fault.at for r in broken), default=0.0)
    known = {id(r) for r in broken}
    others = sum(r["error"] is not None and id(r) not in known for r in requests)
    seen = f"{len(broken)}, {again} of them answered when sent again"
    return [
        Expectation("broken in flight on the lost edge", "listed", seen, None),
        Expectation("the last of them had ended after", f"{limit:g} s", f"{ended:.1f} s",
                    ended <= limit),
        Expectation("other requests that failed", "0", str(others), others == 0),
    ]  # fmt: skip


def outage(
    limit: float, requests: Sequence[Entry], samples: Sequence[Sample], fault: float
) -> Expectation:
    """Judge that requests fail only where the fault took every replica, until new ones run."""
    before = [s.replicas for s in samples if s.at <= fault]
    lost = {host for s in samples for host in s.down}
    alive = sum(n for host, n in (before[-1] if before else {}).items() if host not in lost)
    failed = [float(r["at"]) - fault for r in requests if r["error"] is not None]
    seen = f"{alive} left; " + (
        f"failures from {min(failed):.1f} s to {max(failed):.1f} s" if failed else "none"
    )
    if alive:
        return Expectation("failures while replicas are left", "none", seen, not failed)
    met = not failed or (min(failed) > -SLOW / 1000 and max(failed) <= limit)
    wanted = f"within {limit:g} s of the fault"
    return Expectation("failures while no replica is left", wanted, seen, met)


def evenly_spread(samples: Sequence[Sample]) -> Expectation:
    """No worker has two replicas more than another, those without any included."""
    spread = samples[-1].replicas if samples else {}
    uneven = max(spread.values(), default=9) - min(spread.values(), default=0)
    seen = ", ".join(f"{host} {count}" for host, count in sorted(spread.items()))
    return Expectation("replicas evenly spread at the end", "by one", seen, uneven <= 1)


def never_fewer(samples: Sequence[Sample], events: Sequence[Event], minimum: int) -> Expectation:
    """No replica is taken away while the fault lasts, and there are some that could be."""
    during = [s.configured for s in samples if events[0].at <= s.at <= events[-1].at]
    fell = sum(b < a for a, b in itertools.pairwise(during))
    seen = f"{min(during, default=0)} to {max(during, default=0)}"
    wanted = f"never fewer, more than {minimum}"
    met = bool(during) and not fell and during[0] > minimum
    return Expectation("replicas meanwhile", wanted, seen, met)


def scaling(
    requests: Sequence[Entry], samples: Sequence[Sample], events: Sequence[Event], minimum: int
) -> list[Expectation]:
    """Judge how the replicas followed five times the load."""
    step, end = events[0].at, events[1].at
    before = [s.configured for s in samples if s.at < step]
    base = before[-1] if before else minimum
    first = next((s.at - step for s in samples if s.at >= step and s.configured > base), None)
    slow = [
        float(r["at"]) - step
        for r in requests
        if step <= float(r["at"]) < end and (r["error"] is not None or float(r["ms"]) > SLOW)
    ]
    quick = max(slow, default=0.0)
    path = [s.configured for s in samples]
    moves = [b - a for a, b in itertools.pairwise(path) if a != b]
    turns = sum((a > 0) != (b > 0) for a, b in itertools.pairwise(moves))
    last = path[-1] if path else 0

    def seconds(value: float | None) -> str:
        return "never" if value is None else f"{value:.1f} s"

    return [
        Expectation("replicas at first", str(minimum), str(base), base == minimum),
        Expectation("first decision after the step", "10 s", seconds(first), (first or 99) <= 10),
        Expectation("answers take under 1 s again after", "30 s", f"{quick:.1f} s", quick <= 30),
        Expectation("changes of direction", "at most 1", str(turns), turns <= 1),
        Expectation("replicas at the end", str(minimum), str(last), last == minimum),
    ]
