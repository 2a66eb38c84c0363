"""The table of verdicts: as text for the terminal, and as Markdown in docs/drills/README.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.evidence.intervals import at_least, percent

BEGIN, END = "<!-- drills: begin -->", "<!-- drills: end -->"
HEAD = (
    *("Drill", "Verdict", "Requests", "Failed", "with a 503 page", "Lost, duplicated, oversold"),
    *("Detection", "Rescheduled", "Rerouted"),
)
NONE = "–"


class TableError(Exception):
    """The table could not be published: one sentence."""


@dataclass(frozen=True)
class Row:
    """A drill's line: its verdict, and its figures unless it was not run."""

    name: str
    verdict: str
    figures: tuple[str, ...] = ()

    @property
    def cells(self) -> tuple[str, ...]:
        """Return the cells, one for each column."""
        missing = len(HEAD) - 2 - len(self.figures)
        return (self.name, self.verdict, *self.figures, *[NONE] * missing)


def row(name: str, *runs: Mapping[str, Any]) -> Row:
    """Sum up a drill that was carried out, once or several times, by what each run came to.

    Beside what failed stands the share of requests that succeed at least, at 95 %.
    """
    requests, failed, pages = (sum(run[k] for run in runs) for k in ("requests", "failed", "pages"))
    known = [run["ledger"] for run in runs if run["ledger"] is not None]
    ledger = ", ".join(str(sum(kind)) for kind in zip(*known, strict=True)) if known else "?"
    times = (_seen(runs, what) for what in ("detection", "rescheduled", "rerouted"))
    good = sum(run["passed"] for run in runs)
    verdict = "passed" if good == len(runs) else "FAILED"
    if len(runs) > 1:
        verdict += f" ({good} of {len(runs)})"
    bound = at_least(requests - failed, requests)
    counts = (str(requests), f"{failed} (≥ {percent(bound)})", str(pages))
    return Row(name, verdict, (*counts, ledger, *times))


def _seen(runs: Sequence[Mapping[str, Any]], what: str) -> str:
    """Return what was seen, each time."""
    seen = (found for run in runs for (name, _, found, _) in run["judged"] if name.startswith(what))
    return ", ".join(seen) or NONE


def text(rows: Sequence[Row]) -> str:
    """Write the table for the terminal."""
    lines = [HEAD, *(row.cells for row in rows)]
    # What was not run says why instead of figures, and widens no column.
    widths = [
        max(len(line[i]) for line in (HEAD, *(r.cells for r in rows if r.figures or not i)))
        for i in range(len(HEAD))
    ]
    made = []
    for line, given in zip(lines, (None, *rows), strict=True):
        cells = line if given is None or given.figures else line[:2]
        made.append("  ".join(c.ljust(w) for c, w in zip(cells, widths, strict=False)).rstrip())
    return "\n".join(made)


def published(page: str, rows: Iterable[Row], when: str, order: Sequence[str]) -> str:
    """Put rows into a page's table between the two marks, in place of older ones of the same name.

    `when` says when and on what they were run. Raises TableError where the page has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    old, end, after = rest.partition(END)
    if not begin or not end:
        raise TableError(f"There is no table to publish in: no {BEGIN} … {END} in the page.")
    lines: Mapping[str, str] = {
        match[1]: match[0] for match in re.finditer(r"^\| \[([^\]]+)\].*$", old, re.M)
    }
    lines = {**lines, **{row.name: _line(row, when) for row in rows if row.figures}}
    head = "| " + " | ".join((*HEAD, "Run")) + " |\n" + "|---" * (len(HEAD) + 1) + "|"
    body = "\n".join(lines[name] for name in order if name in lines)
    return f"{before}{BEGIN}\n{head}\n{body}\n{END}{after}"


def _line(row: Row, when: str) -> str:
    name, verdict, *figures = row.cells
    verdict = verdict if verdict.startswith("passed") else f"**{verdict}**"
    return "| " + " | ".join([f"[{name}]({name}.html)", verdict, *figures, when]) + " |"
