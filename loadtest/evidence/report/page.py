"""The page of a report, from its verdict to its raw data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from loadtest.errors import LoadError
from loadtest.evidence.budget import Budget
from loadtest.evidence.intervals import percent
from loadtest.evidence.report import plots, repeats, tables
from loadtest.evidence.report.palette import BAD, FAINT, GOOD, INK, LINE, declared
from loadtest.evidence.report.repeats import Repeat
from loadtest.evidence.report.tables import escaped
from loadtest.evidence.result import Result, summarize
from loadtest.evidence.run import RunFacts

PAPER = ("#fbfaf7", "#1b1a18")


def write(path: Path, result: Result) -> None:
    """Write the report of a run into its folder, with its figures beside it.

    The facts of the run are read from there; of a set of repeats, the figures of all so far.
    """
    folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    try:
        facts = RunFacts.read(folder)
    except LoadError:
        facts = None
    repeats.keep(folder, repeats.figures(folder.resolve().name, result, facts))
    raw = sorted(file.name for file in folder.iterdir() if file.suffix in (".jsonl", ".json"))
    page = render(result, facts, repeats.of_the_same_set(folder), raw)
    path.write_text(page, encoding="utf-8")


def render(
    result: Result,
    facts: RunFacts | None = None,
    of_set: Sequence[Repeat] = (),
    raw: Sequence[str] = (),
) -> str:
    """Make the page."""
    verdict, colour = ("passed", GOOD) if result.passed else ("FAILED", BAD)
    sections = [
        ("What had to hold", tables.expectations(result.expectations)),
        ("Over time", plots.draw(result) + _legend() + tables.events(result)),
        ("By page", tables.by_page(result.requests)),
        ("Requests that failed", tables.failed(result)),
        ("Requests sent again", tables.again(result)),
        ("In flight on the lost edge", "" if result.broken is None else tables.broken(result)),
        ("People who stumbled", tables.incidents(result)),
        ("The history", tables.history(result.audit)),
        ("The ledger", tables.ledger(result.audit)),
        ("Spread over repeats", tables.spread(of_set) if len(of_set) > 1 else ""),
        ("How to repeat it", _repeat(facts, raw)),
    ]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        '<meta name=viewport content="width=device-width">',
        f"<title>{escaped(result.title)}: {verdict}</title><style>{_style(colour)}</style><main>",
        f"<h1>{escaped(result.title)} <span class=verdict>{verdict}</span></h1>",
        f"<p>{escaped(result.about)}</p>",
        *(f"<p class=note>{escaped(note)}</p>" for note in result.notes),
        _tiles(result),
        *(f"<section><h2>{title}</h2>{text}</section>" for title, text in sections if text),
        f"<footer>Written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC</footer></main></html>",
    ]
    return "\n".join(parts)


def _style(verdict: str) -> str:
    css = Path(__file__).with_name("style.css").read_text(encoding="utf-8")
    made = []
    for dark, rule in ((False, ":root {{ {} }}"), (True, _WHERE_DARK)):
        names = f"--ink: {_var(INK)}; --faint: {_var(FAINT)}; --line: {_var(LINE)}"
        page = f"--paper: {PAPER[dark]}; --verdict: {_var(verdict)}"
        made.append(
            rule.format(f"color-scheme: light dark; {declared(dark=dark)}; {names}; {page}")
        )
    return "\n".join([*made, css])


def _var(colour: str) -> str:
    return f"var(--c{colour[1:]})"


_WHERE_DARK = "@media (prefers-color-scheme: dark) {{ :root {{ {} }} }}"


def _tiles(result: Result) -> str:
    """Return the few figures that a reader looks for first."""
    seen = summarize(result.requests)
    budget = Budget(seen.count, seen.failed, result.objective)
    low, high = budget.interval
    audit = result.audit
    found = len(audit.findings) if audit else 0
    p50, p99 = seen.times[50.0], seen.times[99.0]
    tiles = (
        ("Requests", f"{seen.count:,}", f"{seen.rate:.1f} a second for {seen.seconds:.0f} s"),
        ("Failed", f"{seen.failed:,}", f"{seen.repeated} had to be sent again by the browser"),
        ("Availability, at 95 %", percent(low), f"or more, up to {high:.2%} (Clopper and Pearson)"),
        (f"Budget of {result.objective:g} %", f"{budget.used:.0%} used",
         f"{seen.failed} of {budget.allowed:.1f} that may fail; at 95 % at most "
         f"{budget.used_at_most:.0%}: {budget.verdict}"),
        ("p99 from the intended start", f"{p99:,.0f} ms",
         f"half within {p50:.0f} ms, the slowest {seen.slowest:,.0f} ms"),
        ("Ledger and history", "not compared" if audit is None else f"{found} differ",
         "no database was named" if audit is None else "promises against the database"),
    )  # fmt: skip
    cells = "".join(
        f"<div><dt>{escaped(name)}<dd><span class=figure>{escaped(figure)}</span>"
        f"<small>{escaped(more)}</small></div>"
        for name, figure, more in tiles
    )
    return f"<dl class=tiles>{cells}</dl>"


def _legend() -> str:
    return (
        "<p class=note>Where answers fall below what was wanted, requests wait. Latency counts "
        "from when a click should have begun, so that what a slow answer held up is in it; what a "
        "page loads besides counts from when the browser asks. A cell is one column of time and "
        "a third more latency than the one below; its colour says how many requests. A cross: some "
        "of them failed. Dashed: something was done, with its number in the list.</p>"
    )


def _repeat(facts: RunFacts | None, raw: Sequence[str]) -> str:
    """Return commit, seed and the raw data beside the page."""
    if facts is None:
        return ""
    rows = [
        ("load", facts.words()),
        ("commit", facts.commit or "not known"),
        ("seed", facts.seed or "none"),
        ("p99 may be", f"{facts.bound} ms"),
        ("Locust's exit status", "interrupted" if facts.status is None else facts.status),
        ("raw data, beside this page", ", ".join(raw)),
        ("judge it again", "./run load check FOLDER --database URL"),
    ]
    return tables.table(("", ""), rows)
