"""The tables of a report, as HTML."""

from __future__ import annotations

import html
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from loadtest.evidence.ledger.model import Audit, Finding
from loadtest.evidence.report.repeats import Repeat
from loadtest.evidence.result import (
    SHARES,
    Entry,
    Expectation,
    Result,
    begun,
    latency,
    summarize,
)

MOST = 5000  # rows of a list: who has more reads the record beside the report
FEW = 25  # rows that are shown at once
OF_HISTORY = ("history", "oversold", "stale")  # kinds of findings


def escaped(text: object) -> str:
    """Return a text for HTML."""
    return html.escape(str(text))


def table(
    head: Sequence[str], rows: Iterable[Sequence[object]], numbers: Sequence[int] = ()
) -> str:
    """Return a table; columns that hold numbers stand to the right."""
    kind = [" class=number" if column in numbers else "" for column in range(len(head))]
    cells = "".join(f"<th{k}>{escaped(text)}" for k, text in zip(kind, head, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{k}>{escaped(cell)}" for k, cell in zip(kind, row, strict=True))
        for row in rows
    )
    pairs = " class=pairs" if len(head) == 2 else ""
    return f"<div class=wide><table{pairs}><thead><tr>{cells}<tbody>{body}</table></div>"


def expectations(judged: Sequence[Expectation]) -> str:
    """Return what had to hold and what was seen: what did not hold first, information last."""
    order = {False: 0, True: 1, None: 2}
    rows = "".join(
        f"<tr class={'info' if e.met is None else 'good' if e.met else 'bad'}>"
        f"<td>{'' if e.met is None else '✓' if e.met else '✗'}<td>{escaped(e.what)}"
        f"<td data-head=wanted>{escaped(e.wanted)}<td data-head=seen>{escaped(e.seen)}"
        for e in sorted(judged, key=lambda e: order[e.met])
    )
    head = "<tr><th><th>Expectation<th>Wanted<th>Seen"
    return f"<table class=expectations><thead>{head}<tbody>{rows}</table>"


def events(result: Result) -> str:
    """Return what was done when, with the numbers that the plots have."""
    rows = [
        (number, f"{e.at - result.begin:.1f}", e.text) for number, e in enumerate(result.events, 1)
    ]
    return table(("", "second", "what happened"), rows, (1,)) if rows else ""


def by_page(requests: Sequence[Entry]) -> str:
    """Return figures for each page."""
    pages: dict[str, list[Entry]] = defaultdict(list)
    for request in requests:
        pages[str(request["name"])].append(request)
    rows = []
    for name in sorted(pages):
        seen = summarize(pages[name])
        times = (f"{ms:.0f}" for ms in (*seen.times.values(), seen.slowest))
        rows.append((name, seen.count, seen.failed, seen.repeated, *times))
    head = ("page", "requests", "failed", "sent again", *(f"p{s:g}" for s in SHARES), "slowest, ms")
    return table(head, rows, range(1, len(head)))


def failed(result: Result) -> str:
    """Return every request that failed: why and how often, then each."""
    those = [r for r in result.requests if r["error"] is not None]
    if not those:
        return "<p class=good>None.</p>"
    reasons: dict[str, list[float]] = defaultdict(list)
    for request in those:
        reasons[str(request["error"])].append(begun(request) - result.begin)
    rows = [
        (reason, len(at), f"{min(at):.1f}", f"{max(at):.1f}")
        for reason, at in sorted(reasons.items(), key=lambda pair: -len(pair[1]))
    ]
    head = ("what was wrong", "requests", "first, second", "last, second")
    return table(head, rows, (1, 2, 3)) + _each(those, result, lambda r: str(r["error"]))


def again(result: Result) -> str:
    """Return every request that was sent again, by a browser or by a person."""
    those = [r for r in result.requests if r.get("sent", 1) > 1 or r.get("again")]
    if not those:
        return "<p class=good>None.</p>"

    def how(request: Entry) -> str:
        by = f"by the person, try {request.get('again', 0) + 1}"
        if request.get("sent", 1) > 1:
            by = f"by the browser, sent {request['sent']} times"
        return f"{by}; {request['error'] or 'answered'}"

    counts = Counter("browser" if r.get("sent", 1) > 1 else "person" for r in those)
    words = ", ".join(f"{count} by the {who}" for who, count in counts.most_common())
    return f"<p>{words}.</p>" + _each(those, result, how)


def incidents(result: Result) -> str:
    """Return where people could not go on."""
    rows = [
        (f"{float(i['t']) - result.begin:.1f}", f"{i['what']} of a {i['who']}", i["text"])
        for i in result.incidents
    ]
    head = ("second", "what", "over what")
    return _folded(head, rows, (0,)) if rows else "<p class=good>Nobody.</p>"


def broken(result: Result) -> str:
    """Return what was in flight on a lost edge."""
    rows = [
        (
            f"{float(r['at']) - result.begin:.2f}",
            r["name"],
            f"{float(r['ms']):.0f}",
            f"{float(r['at']) - float(r['opened']):.1f}",
            r["sent"],
            r["error"] or "answered when sent again",
        )
        for r in result.broken or ()
    ]
    head = ("second", "request", "ms", "connection's age, s", "sent", "what came of it")
    return table(head, rows) if rows else "<p>Nothing.</p>"


def history(audit: Audit | None) -> str:
    """Return what the checker of the whole history found, and how much it judged."""
    if audit is None:
        return "<p>Not checked: no database was named (--database).</p>"
    found = [finding for finding in audit.findings if finding.kind in OF_HISTORY]
    words = (
        "<p class=good>Consistent: an order only goes forward, copies are never confirmed twice, a "
        "refusal is true, a kept page is no older than it may be.</p>"
    )
    judged = table(("judged", "number"), audit.history.items(), (1,)) if audit.history else ""
    return (_findings(found) if found else words) + judged


def ledger(audit: Audit | None) -> str:
    """Return what differs between what was promised and what the database holds."""
    if audit is None:
        return "<p>Not compared: no database was named (--database).</p>"
    found = [finding for finding in audit.findings if finding.kind not in OF_HISTORY]
    words = "<p class=good>Everything that was promised is there, once, and adds up.</p>"
    told = _findings(found) if found else words
    return told + table(("what", "number"), audit.counts.items(), (1,))


def spread(repeats: Sequence[Repeat]) -> str:
    """Return the runs of a set one by one, and how their figures spread."""
    rows: list[tuple[object, ...]] = [
        (r.name, "passed" if r.passed else "FAILED", r.seed, r.commit, r.requests, r.failed,
         r.again, f"{r.rate:.1f}", *(f"{ms:.0f}" for ms in (r.p50, r.p99, r.slowest)))
        for r in repeats
    ]  # fmt: skip
    for word, pick in (("least", min), ("median", _median), ("most", max)):
        figures = [
            pick([getattr(r, name) for r in repeats])
            for name in ("requests", "failed", "again", "rate", "p50", "p99", "slowest")
        ]
        rate = f"{figures[3]:.1f}"
        whole = (f"{figure:.0f}" for figure in figures[:3])
        rows.append((word, "", "", "", *whole, rate, *(f"{ms:.0f}" for ms in figures[4:])))
    head = ("run", "verdict", "seed", "commit", "requests", "failed", "sent again", "a second",
            "p50, ms", "p99, ms", "slowest, ms")  # fmt: skip
    return table(head, rows, range(4, len(head)))


def _each(those: Sequence[Entry], result: Result, how: Callable[[Entry], str]) -> str:
    rows = [
        (
            f"{begun(r) - result.begin:.2f}",
            f"{str(r['name']).split()[0]} {r.get('path') or str(r['name']).split()[-1]}",
            r["status"] or "–",
            f"{latency(r):.0f}",
            f"{float(r['at']) - float(r['opened']):.1f}" if r.get("opened") else "–",
            r["replica"] or "–",
            how(r),
        )
        for r in those
    ]
    head = ("second", "request", "status", "ms", "connection's age, s", "replica", "how it went")
    return _folded(head, rows, (0, 3, 4))


def _folded(head: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[int]) -> str:
    """Return all rows, folded where they are many."""
    more = f"<p>… and {len(rows) - MOST} more, in the record beside this page.</p>"
    made = table(head, rows[:MOST], numbers) + (more if len(rows) > MOST else "")
    if len(rows) <= FEW:
        return made
    return f"<details><summary>All {len(rows)}, one by one</summary>{made}</details>"


def _findings(found: Sequence[Finding]) -> str:
    return table(("kind", "difference"), ((one.kind, one.what) for one in found))


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
