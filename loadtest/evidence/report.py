"""One HTML file that stands alone: verdict, expectations, plots over time, the ledger."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from loadtest.evidence import plots
from loadtest.evidence.ledger.model import Audit
from loadtest.evidence.plots import BAD, GOOD
from loadtest.evidence.result import SHARES, Entry, Expectation, Result, summarize


def write(path: Path, result: Result) -> None:
    """Write a report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(result), encoding="utf-8")


def render(result: Result) -> str:
    """Make the page."""
    verdict, colour = ("passed", GOOD) if result.passed else ("FAILED", BAD)
    failures = [r for r in result.requests if r["error"] is not None]
    parts = [
        _HEAD.format(title=html.escape(result.title), colour=colour),
        f"<h1>{html.escape(result.title)} <span class=verdict>{verdict}</span></h1>",
        f"<p>{html.escape(result.about)}</p>",
        *(f"<p class=note>{html.escape(note)}</p>" for note in result.notes),
        _expectations(result.expectations),
        "<h2>Over time</h2>",
        plots.draw(result),
        _events(result),
        "<h2>By page</h2>",
        _by_page(result.requests),
        "<h2>Requests that failed</h2>",
        _failures(failures, result.begin),
        "<h2>Requests sent again, and people who stumbled</h2>",
        _again(result),
        _broken(result),
        "<h2>The ledger</h2>",
        _ledger(result.audit),
        f"<footer>Written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC</footer></main></html>",
    ]
    return "\n".join(parts)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    cells = "".join(f"<th>{html.escape(text)}" for text in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(str(cell))}" for cell in row) for row in rows
    )
    return f"<div class=wide><table><thead><tr>{cells}<tbody>{body}</table></div>"


def _expectations(expectations: Sequence[Expectation]) -> str:
    rows = "".join(
        f"<tr class={'info' if e.met is None else 'good' if e.met else 'bad'}>"
        f"<td>{'' if e.met is None else '✓' if e.met else '✗'}<td>{html.escape(e.what)}"
        f"<td>{html.escape(e.wanted)}<td>{html.escape(e.seen)}"
        for e in expectations
    )
    head = "<tr><th><th>Expectation<th>Wanted<th>Seen"
    return f"<table class=expectations><thead>{head}<tbody>{rows}</table>"


def _events(result: Result) -> str:
    if not result.events:
        return ""
    begin = result.begin
    return _table(
        ("second", "what happened"), ((f"{m.at - begin:.1f}", m.text) for m in result.events)
    )


def _by_page(requests: Sequence[Entry]) -> str:
    pages: dict[str, list[Entry]] = defaultdict(list)
    for request in requests:
        pages[str(request["name"])].append(request)
    rows = []
    for name in sorted(pages):
        figures = summarize(pages[name])
        rows.append(
            (name, figures.count, figures.failed, figures.repeated,
             *(f"{ms:.0f}" for ms in (*figures.times.values(), figures.slowest)))
        )  # fmt: skip
    shares = (f"p{share:g}" for share in SHARES)
    return _table(("page", "requests", "failed", "sent again", *shares, "slowest, ms"), rows)


def _failures(failures: Sequence[Entry], begin: float) -> str:
    if not failures:
        return "<p>None.</p>"
    rows = [
        (
            f"{float(r['at']) - begin:.1f}",
            r["name"],
            r["status"],
            f"{float(r['ms']):.0f}",
            r["error"],
        )
        for r in failures[:500]
    ]
    more = f"<p>… and {len(failures) - 500} more.</p>" if len(failures) > 500 else ""
    return _table(("second", "request", "status", "ms", "what was wrong"), rows) + more


def _again(result: Result) -> str:
    """List what no answer came to at first, and where people could not go on."""
    begin = result.begin
    rows = [
        (f"{float(r['at']) - begin:.1f}", r["name"], f"{float(r['ms']):.0f}",
         "by the browser" if r.get("sent", 1) > 1 else f"by the person, {r['again']}. time")
        for r in result.requests
        if r.get("sent", 1) > 1 or r.get("again")
    ]  # fmt: skip
    rows += [
        (f"{float(i['t']) - begin:.1f}", f"{i['what']} of a {i['who']}", "", i["text"])
        for i in result.incidents
    ]
    if not rows:
        return "<p>None.</p>"
    return _table(("second", "what", "ms", "how"), rows[:500])


def _broken(result: Result) -> str:
    """List what was in flight on a lost edge."""
    if result.broken is None:
        return ""
    begin = result.begin
    rows = (
        (
            f"{float(r['at']) - begin:.2f}",
            r["name"],
            f"{float(r['ms']):.0f}",
            f"{float(r['at']) - float(r['opened']):.1f}",
            r["sent"],
            r["error"] or "answered when sent again",
        )
        for r in result.broken
    )
    head = ("second", "request", "ms", "connection's age, s", "sent", "what came of it")
    return "<h2>In flight on the lost edge</h2>" + (
        _table(head, rows) if result.broken else "<p>Nothing.</p>"
    )


def _ledger(audit: Audit | None) -> str:
    if audit is None:
        return "<p>Not compared: no database was named (--database).</p>"
    counts = _table(("what", "number"), audit.counts.items())
    if not audit.findings:
        return (
            f"<p class=good>Everything that was promised is there, once, and adds up.</p>{counts}"
        )
    rows = ((finding.kind, finding.what) for finding in audit.findings)
    return _table(("kind", "difference"), rows) + counts


_HEAD = """<!doctype html>
<html lang=en><meta charset=utf-8><meta name=viewport content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light; --verdict: {colour} }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: #222; background: #fbfaf7; margin: 0 }}
main {{ max-width: 1080px; margin: auto; padding: 1.5rem }}
h1 {{ font-family: Georgia, serif }} h2 {{ font-family: Georgia, serif; margin-top: 2rem }}
.verdict {{ background: var(--verdict); color: #fff; font: 600 1rem system-ui; padding: .2rem .7rem;
  border-radius: 1rem; vertical-align: middle }}
table {{ border-collapse: collapse; width: 100%; font-size: 14px }}
th, td {{ text-align: left; padding: .25rem .6rem; border-bottom: 1px solid #e4e0d8 }}
th {{ font-weight: 600; color: #666 }} .wide {{ overflow-x: auto }}
.good td:first-child, p.good {{ color: #2e7d4f }} .bad td {{ color: #b3352b; font-weight: 600 }}
.note {{ background: #fff3d6; padding: .5rem .8rem; border-radius: .3rem }}
svg {{ max-width: 100%; height: auto }} footer {{ margin-top: 2rem; color: #888 }}
</style>
<main>"""
