"""The figures as a table for people and as a picture."""

import argparse
import importlib.metadata
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import processes
from benchmarks.figures import PROMISES, Round, ratios, spread
from benchmarks.stacks import DJANGO, FLASK, FLOOR, PEERS, SHOP, STARLETTE
from benchmarks.visits import Kind

ORDER = (SHOP, FLASK, STARLETTE, DJANGO, FLOOR)
_OURS = ("quart", "hypercorn", "databases", "aiomysql")
_THEIRS = ("flask", "gunicorn", "sqlalchemy", "pymysql", "starlette", "uvicorn", "django")

type Results = Mapping[tuple[str, str], Sequence[Round]]


def text(
    options: argparse.Namespace,
    wanted: Sequence[Kind],
    results: Results,
    memory: Mapping[str, float],
    sizes: Mapping[str, Mapping[str, int]],
) -> str:
    """Return everything that was measured, in lines of at most 110 characters."""
    stacks = [name for name in ORDER if name in memory]
    rounds = len(next(iter(results.values())))
    filling = f"{options.books:,} books, {options.sessions:,} sessions, {rounds} rounds"
    sent = "not compressed" if options.plain else "compressed"
    lines = ["", f"{filling}, pages {sent}; {processes.machine()}", _versions(stacks), ""]
    lines.append(
        "Processor µs of the server a visit (and of the database), median [least-greatest];"
    )
    lines.append("visits a second and latencies in ms with four browsers, median:")
    for kind in wanted:
        lines += ["", kind.title]
        for name in stacks:
            if (kind.name, name) in results:
                lines.append(_row(name, results[kind.name, name]))
    if len(stacks) > 1:
        lines += ["", *_ratios(wanted, results, stacks), *_promises(wanted, results)]
    if sizes:
        lines += ["", "Bytes of HTML, before compression:"]
    for name, found in sizes.items():
        each = ", ".join(f"{stack} {size:,}" for stack, size in found.items())
        lines.append(f"  {name:<10} {each}")
    lines += ["", "Peak memory, MB: " + ", ".join(f"{n} {memory[n]:.0f}" for n in stacks)]
    return "\n".join(lines)


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
        f"  {name:<10} {server.median:>7.0f} {between:<15} (db {database:>6.0f})"
        f" {rate:>7.0f}/s   p50 {p50:>7.2f}   p99 {p99:>7.2f}"
    )


def _ratios(wanted: Sequence[Kind], results: Results, stacks: Sequence[str]) -> list[str]:
    others = [name for name in stacks if name != SHOP]
    lines = ["Our processor time over theirs, median [least-greatest] over rounds; ! falls short:"]
    lines.append(f"  {'':<27}" + "".join(f"{name:<20}" for name in others))
    for kind in wanted:
        cells = []
        for name in others:
            if (kind.name, name) in results:
                found = ratios(results[kind.name, SHOP], results[kind.name, name])
                between = f"[{found.least:.2f}-{found.greatest:.2f}]"
                short = any(
                    promise.limit < found.median
                    for promise in PROMISES
                    if (promise.kind, promise.peer) == (kind.name, name)
                )
                cells.append(f"{found.median:.2f} {between}{' !' if short else ''}")
            else:
                cells.append("")
        lines.append(f"  {kind.title:<27}" + "".join(f"{cell:<20}" for cell in cells).rstrip())
    return lines


def _promises(wanted: Sequence[Kind], results: Results) -> list[str]:
    titles = {kind.name: kind.title for kind in wanted}
    lines = ["", "What must hold:"]
    for promise in PROMISES:
        if promise.kind not in titles:
            continue
        found = ratios(results[promise.kind, SHOP], results[promise.kind, promise.peer]).median
        verdict = "holds" if found <= promise.limit else "FALLS SHORT"
        against = f"{titles[promise.kind]}, {promise.peer}"
        lines.append(f"  {against:<40} at most {promise.limit:<5} {found:>6.2f}  {verdict}")
    return lines if len(lines) > 2 else []


def _versions(stacks: Sequence[str]) -> str:
    names = [f"{name} {importlib.metadata.version(name)}" for name in _OURS]
    if len(stacks) > 1:
        code = (
            "import importlib.metadata as m\n"
            f"print(*(f'{{n}} {{m.version(n)}}' for n in {_THEIRS!r}), sep=', ')"
        )
        asked = subprocess.run([str(PEERS), "-c", code], capture_output=True, text=True, check=True)
        names.append(asked.stdout.strip())
    mariadb = subprocess.run(["mariadbd", "--version"], capture_output=True, text=True, check=True)
    release = mariadb.stdout.partition("Ver ")[2].partition("-")[0]
    return f"Python {platform.python_version()}, MariaDB {release}, {', '.join(names)}"


def draw(path: Path, wanted: Sequence[Kind], results: Results) -> None:
    """Draw the processor time of each visit on each stack as a PNG, on a logarithmic scale."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot, ticker

    colours = ("#8a3b12", "#6b8ea4", "#8fae8b", "#b7a3c4", "#c9c2b4")
    figure, axes = pyplot.subplots(figsize=(11, 5.5), layout="constrained")
    width = 0.16
    for place, (name, colour) in enumerate(zip(ORDER, colours, strict=True)):
        spots, heights, errors = [], [], ([], [])  # type: ignore[var-annotated]
        for number, kind in enumerate(wanted):
            if (kind.name, name) not in results:
                continue
            found = spread([one.server for one in results[kind.name, name]])
            spots.append(number + (place - 2) * width)
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
    axes.legend(ncols=5, frameon=False, loc="upper left")
    axes.margins(y=0.2)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
