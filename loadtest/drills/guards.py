"""What keeps a drill from passing for want of one: no load, no fault, no orders. Pure."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.drills import judge
from loadtest.drills.drill import Drill
from loadtest.evidence.result import Event, Expectation, Sample, summarize
from loadtest.summary import people

Entry = Mapping[str, Any]
ENOUGH_ORDERS = 5  # that must have been confirmed to buyers
WINDOW = 30.0  # seconds after an event, or until the next one
TAIL = 10.0  # seconds before its planned end in which load must still have come
FELT = 1000.0  # ms: who waited longer felt the fault
UNTOLD = 5.0  # seconds without a look at the swarm: no manager told how it is
STEADY = 10.0  # seconds at the end in which the shop must be as before the fault


def guards(
    drill: Drill,
    requests: Sequence[Entry],
    ledger: Sequence[Entry],
    incidents: Sequence[Entry],
    samples: Sequence[Sample],
    events: Sequence[Event],
) -> list[Expectation]:
    """Judge whether there was a drill at all, and how long anybody waited in it."""
    orders = sum(e["what"] == "told" and e.get("kind") == "order" for e in ledger)
    return [
        lasted(drill, requests),
        *(busy(requests, event, until, drill.begun) for event, until in _windows(events)),
        Expectation(
            "orders confirmed to buyers", f"{ENOUGH_ORDERS} or more", str(orders),
            orders >= ENOUGH_ORDERS,
        ),
        *people(incidents),
        *felt(drill, requests, samples, events),
        *steady(drill, requests, events),
        *waits(drill, requests),
        *replaced(drill, requests, events),
    ]  # fmt: skip


def lasted(drill: Drill, requests: Sequence[Entry]) -> Expectation:
    """Judge whether load came until the planned end."""
    first = min((float(r["at"]) for r in requests), default=0.0)
    last = max((float(r["at"]) for r in requests), default=0.0)
    least = drill.seconds - TAIL
    return Expectation(
        "load came for", f"{least:.0f} s or more", f"{last - first:.0f} s", last - first >= least
    )


def busy(
    requests: Sequence[Entry], event: Event, until: float, least: int = Drill.begun
) -> Expectation:
    """Judge whether requests began after an event: somebody was there to notice it."""
    count = sum(event.at <= float(r["at"]) < until for r in requests)
    what = f"requests begun after: {event.text}"
    return Expectation(what, f"{least} or more", str(count), count >= least)


def felt(
    drill: Drill, requests: Sequence[Entry], samples: Sequence[Sample], events: Sequence[Event]
) -> list[Expectation]:
    """Judge whether the fault did something that can be seen from outside of it."""
    if not drill.felt or not events:
        return []
    begin = events[0].at
    after = [sample for sample in samples if sample.at >= begin]
    looks = [begin, *(sample.at for sample in after)]
    seen = {
        "host": any(sample.down for sample in after),
        "rollout": any(sample.rollout in ("updating", "rollback_started") for sample in after),
        "readers": any(
            r["error"] is not None or float(r["ms"]) > FELT or int(r.get("sent", 1)) > 1
            for r in requests
            if float(r["at"]) + float(r["ms"]) / 1000 >= begin
        ),
        "replicas": len({sample.configured for sample in samples}) > 1,
        "replaced": any(sum(sample.replicas.values()) < sample.configured for sample in after),
        "itself": True,  # else there would be no event
        "managers": any(b - a > UNTOLD for a, b in itertools.pairwise(looks)),
    }[drill.felt]
    what = {
        "host": "a host was not ready", "rollout": "a rollout was under way",
        "readers": "readers waited or failed", "replicas": "the number of replicas changed",
        "replaced": "a replica was missing",
        "managers": "no manager told how the swarm is",
        "itself": "what was broken said so",
    }[drill.felt]  # fmt: skip
    return [Expectation("the fault was felt", what, "yes" if seen else "no", seen)]


def steady(drill: Drill, requests: Sequence[Entry], events: Sequence[Event]) -> list[Expectation]:
    """Judge that all was well before the fault, and is again at the end."""
    if not events or not requests:
        return []
    end = max(float(r["at"]) for r in requests)
    made = []
    for what, begin, until in (
        ("steady before the fault", 0.0, events[0].at),
        ("steady at the end", end - STEADY, math.inf),
    ):
        # What was still under way when the fault came met it.
        there = [
            r
            for r in (judge.free_of(drill, requests) if drill.lasting and begin else requests)
            if begin <= float(r["at"]) and float(r["at"]) + float(r["ms"]) / 1000 < until
        ]
        seen = summarize(there)
        p99 = seen.times[99.0] / 1000
        met = seen.count >= 30 and not seen.failed and p99 <= (drill.p99 or Drill.p99 or 0)
        words = f"{seen.failed} of {seen.count} failed, p99 {p99:.2f} s"
        made.append(Expectation(what, "30 or more, 0 failed, p99 as judged", words, met))
    return made


def replaced(drill: Drill, requests: Sequence[Entry], events: Sequence[Event]) -> list[Expectation]:
    """Judge whether new things are there after others of their kind were lost for good."""
    if not drill.lasting or not events:
        return []
    new = sum(
        r["error"] is None and float(r["at"]) > events[0].done and r["status"] == 200
        for r in requests
        if re.search(drill.costs, str(r["name"]))
    )
    return [Expectation("new ones that were served afterwards", "1 or more", str(new), new > 0)]


def waits(drill: Drill, requests: Sequence[Entry]) -> list[Expectation]:
    """Judge whether nobody waited for longer than the fault explains."""
    figures = summarize(requests)
    made = []
    for what, bound, ms in (
        ("p99 from the intended start", drill.p99, figures.times[99.0]),
        ("slowest from the intended start", drill.slowest, figures.slowest),
    ):
        wanted = "" if bound is None else f"{bound:g} s"
        met = None if bound is None else ms <= bound * 1000
        made.append(Expectation(what, wanted, f"{ms / 1000:.2f} s", met))
    again, allowed = figures.repeated, drill.cut is not None or drill.service != "app_web"
    made.append(
        Expectation(
            "requests that had to be sent again", "counted" if allowed else "0", str(again),
            None if allowed else again == 0,
        )
    )  # fmt: skip
    return made


def slowest_outside(drill: Drill, seen: Sequence[Entry]) -> list[Expectation]:
    """Judge whether nobody waited too long who came on a new connection."""
    if drill.slowest is None or not seen:
        return []
    ms = summarize(seen).slowest
    met = ms <= drill.slowest * 1000
    bound = f"{drill.slowest:g} s"
    return [Expectation("slowest from outside", bound, f"{ms / 1000:.2f} s", met)]


def _windows(events: Sequence[Event]) -> list[tuple[Event, float]]:
    """Return each event with the end of the time in which it counts."""
    ends = [event.at for event in events[1:]]
    return [
        (event, min(event.at + WINDOW, end))
        for event, end in zip(events, [*ends, float("inf")], strict=True)
    ]
