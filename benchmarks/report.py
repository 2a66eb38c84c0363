"""The figures as a table for people and as a picture."""

import argparse
import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks import processes
from benchmarks.figures import DEFAULTS, FASTEST, PROMISES, Round, Spread, ratios, spread, verdict
from benchmarks.stacks import CACHED, DJANGO, FLASK, FLOOR, PEERS, STARLETTE
from benchmarks.visits import Kind

ORDER = (DEFAULTS, FASTEST, FLASK, STARLETTE, CACHED, DJANGO, FLOOR)
AGAINST = {DEFAULTS: (FLOOR, FLASK, STARLETTE, DJANGO), FASTEST: (STARLETTE, CACHED)}
_OURS = ("quart", "hypercorn", "uvicorn", "databases", "aiomysql", "asyncmy")
_THEIRS = ("flask", "gunicorn", "sqlalchemy", "pymysql", "starlette", "uvicorn", "django")

type Results = dict[tuple[str, str], list[Round]]


class Table(NamedTuple):
    """One table of figures, with or without compression."""

    name: str
    plain: bool
    results: Results


def text(
    options: argparse.Namespace,
    wanted: Sequence[Kind],
    tables: Sequence[Table],
    memory: Mapping[str, float],
    sizes: Mapping[str, Mapping[str, int]],
    unlike: Sequence[str],
) -> str:
    """Return everything that was measured, in lines of at most 110 characters."""
    stacks = [name for name in ORDER if any(key[1] == name for key in tables[0].results)]
    filling = f"{options.books:,} books, {options.sessions:,} sessions"
    lines = ["", f"{filling}, {options.rounds} rounds a table; {processes.machine()}"]
    lines += [*_versions(stacks), "", *_explained()]
    for table in tables:
        lines += ["", f"== {table.name}", *_figures(table, wanted, stacks)]
        if len(stacks) > len(AGAINST):
            lines += ["", *_ratios(table, wanted, stacks)]
    lines += ["", *_promises(wanted, tables)]
    if sizes:
        lines += ["", "Bytes of HTML, before compression:"]
    for name, found in sizes.items():
        each = ", ".join(f"{stack} {size:,}" for stack, size in found.items())
        lines.append(f"  {name:<10} {each}")
    if unlike:
        lines += ["", "Elements that one page has and the other has not, each with its number:"]
        lines += [f"  {line}" for line in unlike]
    lines += ["", "Peak memory, MB: " + ", ".join(f"{n} {m:.0f}" for n, m in memory.items())]
    return "\n".join(lines)


def _explained() -> list[str]:
    return [
        "Processor µs a visit: the server's, its median [least-greatest], and the database's;",
        "visits a second and latencies in ms with four browsers, median. 18 headers a request.",
        "Ratios are of server and database together, taken within each round.",
    ]


def _figures(table: Table, wanted: Sequence[Kind], stacks: Sequence[str]) -> list[str]:
    lines = []
    for kind in wanted:
        lines += ["", kind.title]
        lines += [
            _row(name, table.results[kind.name, name])
            for name in stacks
            if (kind.name, name) in table.results
        ]
    return lines


def has_place(page: Path) -> bool:
    """Tell whether a page has a block of text, for a table to take its place."""
    return page.is_file() and "```text\n" in page.read_text()


def put_into(page: Path, table: str) -> None:
    """Put a table into a Markdown page, in place of its first block of text."""
    head, opening, rest = page.read_text().partition("```text\n")
    if not opening:
        raise ValueError(f"{page} has no block that starts with ```text, to put the table into")
    page.write_text(f"{head}{opening}{table.strip()}\n{rest[rest.index('```') :]}")


def _row(name: str, rounds: Sequence[Round]) -> str:
    server = spread([one.server for one in rounds])
    rate, database, p50, p99 = (
        spread([getattr(one, field) for one in rounds]).median
        for field in ("rate", "database", "p50", "p99")
    )
    between = f"[{server.least:.0f}-{server.greatest:.0f}]"
    return (
        f"  {name:<15} {server.median:>7.0f} {between:<15} (db {database:>6.0f})"
        f" {rate:>7.0f}/s   p50 {p50:>7.2f}   p99 {p99:>7.2f}"
    )


def _ratios(table: Table, wanted: Sequence[Kind], stacks: Sequence[str]) -> list[str]:
    lines = []
    for ours, others in AGAINST.items():
        shown = [name for name in others if name in stacks]
        lines.append(f"{f'{ours} over':<26}" + "".join(f"{name:<20}" for name in shown).rstrip())
        for kind in wanted:
            cells = []
            for name in shown:
                found = _ratio(table, kind.name, ours, name)
                cells.append(f"{found.median:.2f} [{found.least:.2f}-{found.greatest:.2f}]"
                             if found else "")  # fmt: skip
            lines.append(f"  {kind.title:<24}" + "".join(f"{cell:<20}" for cell in cells).rstrip())
    return lines


def _ratio(table: Table, kind: str, ours: str, theirs: str) -> Spread | None:
    if not {(kind, ours), (kind, theirs)} <= set(table.results):
        return None
    return ratios(table.results[kind, ours], table.results[kind, theirs])


def _promises(wanted: Sequence[Kind], tables: Sequence[Table]) -> list[str]:
    """Return the verdicts: what must hold in each table with compression; the plain one beside."""
    titles = {kind.name: kind.title for kind in wanted}
    lines = ["What must hold: ours over theirs, each compressed table's median; (plain)"]
    for promise in PROMISES:
        found: dict[bool, list[float]] = {table.plain: [] for table in tables}
        for table in tables:
            ratio = _ratio(table, promise.kind, promise.ours, promise.peer)
            if ratio is not None:
                found[table.plain].append(ratio.median)
        if not found.get(False):
            continue
        medians = " ".join(f"{median:5.2f}" for median in found[False])
        plain = f"({found[True][0]:.2f})" if found.get(True) else ""
        who = f"{promise.ours}: {titles[promise.kind]} / {promise.peer}"
        lines.append(f"  {who:<56} <= {promise.limit:<4}  {medians} {plain:<7}"
                     f" {verdict(found[False], promise.limit)}")  # fmt: skip
    return lines if len(lines) > 1 else []


def _versions(stacks: Sequence[str]) -> list[str]:
    names = [f"{name} {importlib.metadata.version(name)}" for name in _OURS]
    theirs = ""
    if len(stacks) > len(AGAINST):
        code = (
            "import importlib.metadata as m\n"
            f"print(*(f'{{n}} {{m.version(n)}}' for n in {_THEIRS!r}), sep=', ')"
        )
        asked = subprocess.run([str(PEERS), "-c", code], capture_output=True, text=True, check=True)
        theirs = asked.stdout.strip()
    mariadb = subprocess.run(["mariadbd", "--version"], capture_output=True, text=True, check=True)
    release = mariadb.stdout.partition("Ver ")[2].partition("-")[0]
    lines = [f"Python {platform.python_version()}, MariaDB {release}, {', '.join(names)}"]
    return [*lines, f"Peers: {theirs}"] if theirs else lines


def draw(path: Path, wanted: Sequence[Kind], results: Results) -> None:
    """Draw the processor time of each visit on each stack as a PNG, on a logarithmic scale."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot, ticker

    colours = ("#8a3b12", "#d08a5b", "#6b8ea4", "#8fae8b", "#4f7a5a", "#b7a3c4", "#c9c2b4")
    figure, axes = pyplot.subplots(figsize=(11, 5.5), layout="constrained")
    width = 0.12
    for place, (name, colour) in enumerate(zip(ORDER, colours, strict=True)):
        spots, heights, errors = [], [], ([], [])  # type: ignore[var-annotated]
        for number, kind in enumerate(wanted):
            if (kind.name, name) not in results:
                continue
            found = spread([one.server for one in results[kind.name, name]])
            spots.append(number + (place - 3) * width)
            heights.append(found.median)
            errors[0].append(found.median - found.least)
            errors[1].append(found.greatest - found.median)
        axes.bar(spots, heights, width, yerr=errors, label=name, color=colour, ecolor="#00000066")
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(ticker.StrMethodFormatter("{x:,.0f}"))
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    axes.grid(axis="y", color="#00000018")
    axes.set_axisbelow(True)
    axes.set_ylabel("processor µs of the server a visit (log)")
    labels = [kind.title.replace(", ", ",\n", 1) for kind in wanted]
    axes.set_xticks(range(len(wanted)), labels, fontsize=8)
    axes.legend(ncols=7, frameon=False, loc="upper left")
    axes.margins(y=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
