"""What a run came to: judged expectations, and a few lines for the terminal."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.errors import LoadError
from loadtest.evidence import recorder
from loadtest.evidence.budget import Budget
from loadtest.evidence.intervals import at_least, between, percent
from loadtest.evidence.ledger.audit import compare
from loadtest.evidence.ledger.model import Audit
from loadtest.evidence.result import Expectation, Result, percentile, summarize
from loadtest.evidence.run import RunFacts

Entry = Mapping[str, Any]
PROMPT = 0.1  # seconds that the generator itself may be late, but for one click in a hundred


def assess(
    folder: Path,
    facts: RunFacts,
    urls: Mapping[str, str],
    status: int | None = 0,
    *,
    settle: float = 30.0,
) -> Result:
    """Make the result of a run that is over; `status` is Locust's, None: it was interrupted."""
    requests = recorder.read(folder, "requests")
    incidents = recorder.read(folder, "incidents")
    if not requests:
        why = f": {incidents[0]['text']}" if incidents else "."
        log = folder / "locust.log"
        raise LoadError(f"Nobody has asked the shop for anything{why} Locust's log is {log}.")
    ledger = recorder.read(folder, "ledger")
    result = Result(facts.scenario, f"{facts.about} {facts.words()}.", requests)
    result.incidents = incidents
    result.objective = facts.objective
    result.arrivals = recorder.read(folder, "arrivals")
    if facts.commit:
        result.notes = [f"Commit {facts.commit}."]
    result.expectations += answers(requests)
    result.expectations += outside(requests, recorder.read(folder, "outside"))
    result.expectations += people(incidents)
    result.expectations += generator(facts, requests, result.arrivals, status)
    confirmed = sum(e["what"] == "told" and e.get("kind") == "order" for e in ledger)
    result.expectations.append(
        Expectation("orders confirmed to buyers", "1 or more", str(confirmed), confirmed > 0)
    )
    if urls:
        result.audit = compare(ledger, urls, settle)
        result.expectations += differences(result.audit)
    result.expectations += figures(requests, facts.bound)
    result.expectations.append(budget(requests, facts.objective))
    return result


def answers(requests: Sequence[Entry]) -> list[Expectation]:
    """Judge what came back: failures, and requests that a browser had to send again."""
    failed = sum(r["error"] is not None for r in requests)
    again = sum(r.get("sent", 1) > 1 for r in requests)
    bound = at_least(len(requests) - failed, len(requests))
    seen = f"{failed} of {len(requests)}: at 95 %, {percent(bound)} or more succeed"
    return [
        Expectation("requests that failed", "0", seen, failed == 0),
        Expectation("requests that had to be sent again", "0", str(again), again == 0),
    ]


def outside(
    requests: Sequence[Entry], seen: Sequence[Entry], *, failures: bool = False
) -> list[Expectation]:
    """Judge what somebody saw who asked from outside, and whether people saw the same.

    The same means: at 95 % the shares of requests that succeed may be equal, and p99 is at most
    twice that of people and 1 s. People wait while they get no answer, and ask less; so each second
    of theirs counts alike. With `failures` a fault may cost some, and cost people more than who
    only opens pages of books, which a replica may have kept; but not less.
    """
    if not seen:
        return [Expectation("seen from outside", "something", "nothing", False)]
    theirs, ours = summarize(requests), summarize(seen)
    low, high = between(theirs.count - theirs.failed, theirs.count)
    seconds = _by_second(requests)
    waited = (theirs.count - theirs.failed) / theirs.count - _good(seconds)
    low, high = low - waited, high - waited
    other = between(ours.count - ours.failed, ours.count)
    p99 = ours.times[99.0]
    same = low <= other[1] and (failures or other[0] <= high)
    same = same and p99 <= 2 * (_p99(seconds) if failures else theirs.times[99.0]) + 1000
    words = f"p99 {p99:.0f} ms, most {ours.slowest:.0f}; {other[0]:.1%} to {other[1]:.1%} succeed"
    met = None if failures else ours.failed == 0
    return [
        Expectation(
            "requests from outside that failed", "counted" if failures else "0",
            f"{ours.failed} of {ours.count}", met,
        ),
        Expectation(
            "outside saw no worse than people" if failures else "outside and people saw the same",
            "yes", words, same,
        ),
    ]  # fmt: skip


def _by_second(requests: Sequence[Entry]) -> list[list[Entry]]:
    """Return what was asked in each second; where everybody waited, and nobody asked, for what.
    Behind the last one that was asked nobody could."""
    asked: dict[int, list[Entry]] = defaultdict(list)
    waited: dict[int, list[Entry]] = defaultdict(list)
    for request in requests:
        begin = float(request["at"])
        asked[int(begin)].append(request)
        for second in range(int(begin) + 1, int(begin + float(request["ms"]) / 1000) + 1):
            waited[second].append(request)
    waiting = {second for second in waited if second < max(asked)}
    return [asked.get(second) or waited[second] for second in {*asked, *waiting}]


def _good(seconds: Sequence[Sequence[Entry]]) -> float:
    """Return the share of requests that succeed in a second, on average over the seconds."""
    shares = [sum(r["error"] is None for r in each) / len(each) for each in seconds]
    return sum(shares) / len(shares)


def _p99(seconds: Sequence[Sequence[Entry]]) -> float:
    """Return the milliseconds that were enough for 99 of 100, each second counting alike."""
    weighted = sorted((float(r["ms"]), 1 / len(each)) for each in seconds for r in each)
    sums = itertools.accumulate(weight for _, weight in weighted)
    return next(
        ms
        for (ms, _), so_far in zip(weighted, sums, strict=True)
        if so_far >= 0.99 * len(seconds) - 1e-9
    )


def people(incidents: Sequence[Entry]) -> list[Expectation]:
    """Judge how people got on, apart from single requests."""
    counts = Counter(str(entry["what"]) for entry in incidents)
    rows = (("people who stumbled", "stumble"), ("exceptions in people", "exception"))
    return [Expectation(what, "0", str(counts[kind]), not counts[kind]) for what, kind in rows]


def generator(
    facts: RunFacts, requests: Sequence[Entry], arrivals: Sequence[Entry], status: int | None
) -> list[Expectation]:
    """Judge the load itself: it ran to its end, was on time, and left nothing out."""
    made = []
    failed = any(r["error"] is not None for r in requests)
    if status is None:
        made.append(Expectation("the run lasted to its end", "yes", "interrupted", False))
    else:
        explained = status == 0 or (status == 1 and failed)
        made.append(Expectation("Locust's exit status", "0", str(status), explained))
    seconds = [e for e in arrivals if e["what"] == "second"]
    if facts.rate:
        missed = sum(e["what"] == "missed" for e in arrivals)
        clicks = sum(e["clicks"] for e in seconds)
        people_ = max((e["people"] for e in seconds), default=0)
        seen = f"{missed} of {clicks}"
        late = [float(seconds_) for e in seconds for seconds_ in e["late"]]
        made += [
            Expectation("clicks that could not begin within 1 s", "0", seen, missed == 0),
            Expectation("people at most", "", str(people_), None),
        ]
        if clicks and all("cpu" in e for e in seconds):
            ms = sum(e["cpu"] for e in seconds) / clicks * 1000
            core = f"{ms:.2f} ms a click, {ms * facts.rate / 1000:.0%} of a core at this rate"
            made.append(Expectation("the generator's processor time", "", core, None))
    else:
        late = [max(float(r.get("late", 0)), 0) / 1000 for r in requests]
    worst = percentile(sorted(late), 0.99)
    made.append(
        Expectation(
            "the generator's own lateness, p99",
            f"{PROMPT * 1000:.0f} ms", f"{worst * 1000:.0f} ms", worst <= PROMPT,
        )
    )  # fmt: skip
    return made


def figures(requests: Sequence[Entry], bound: float) -> list[Expectation]:
    """Say how much there was and how fast; judge p99 from the intended start by its bound."""
    seen = summarize(requests)
    times = ", ".join(f"p{share:g} {ms:.0f}" for share, ms in seen.times.items())
    p99 = seen.times[99.0]
    return [
        Expectation(
            "p99 from the intended start", f"{bound:.0f} ms", f"{p99:.0f} ms", p99 <= bound
        ),
        Expectation("requests per second", "", f"{seen.rate:.1f} ({seen.count} in all)", None),
        Expectation("from the intended start, ms", "", f"{times}, most {seen.slowest:.0f}", None),
    ]


def budget(requests: Sequence[Entry], objective: float) -> Expectation:
    """Say how much of what may fail by an objective did."""
    made = Budget(len(requests), sum(r["error"] is not None for r in requests), objective)
    seen = f"{made.used:.0%}, at 95 % at most {made.used_at_most:.0%}: {made.verdict}"
    return Expectation(f"budget used of {objective:g} %", "", seen, None)


def differences(audit: Audit) -> list[Expectation]:
    """Say how many promises were not kept, kind by kind."""
    kinds = audit.by_kind
    other = sum(kinds.values()) - sum(kinds[k] for k in ("lost", "duplicated", "oversold"))
    rows = (
        ("orders, payments, accounts or books lost", kinds["lost"]),
        ("orders or books duplicated", kinds["duplicated"]),
        ("copies sold twice", kinds["oversold"]),
        ("other differences in the ledger", other),
    )
    return [Expectation(what, "0", str(count), count == 0) for what, count in rows]


def text(result: Result, path: Path) -> str:
    """Say in the terminal how it ended."""
    lines = [""]
    for e in result.expectations:
        sign = " " if e.met is None else "✓" if e.met else "✗"
        lines.append(f" {sign} {e.what:<44} {e.seen}")
    reasons = Counter(str(r["error"]) for r in result.requests if r["error"] is not None)
    reasons.update(f"{e['what']}: {e['text']}" for e in result.incidents)
    lines += [f"   {count} × {reason}" for reason, count in reasons.most_common(10)]
    if result.audit is None:
        lines.append("   The ledger was not compared: no database was named (--database).")
    else:
        lines += [f"   {finding.kind}: {finding.what}" for finding in result.audit.findings[:20]]
    lines.append(f"\n{'Passed' if result.passed else 'FAILED'}. Report: {path}")
    return "\n".join(lines)
