"""The plots of a report over one axis of time: load against answers, waiting, latency, replicas."""

from __future__ import annotations

import io
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from loadtest.evidence.report import axes, heatmap
from loadtest.evidence.report.palette import (
    BAD,
    FAINT,
    GOOD,
    HOSTS,
    INK,
    LINE,
    WANTED,
    WARN,
    themed,
)
from loadtest.evidence.result import Entry, Result, Sample, begun

WIDTHS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800)  # seconds of a bin
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 8, "text.color": INK,
    "axes.labelcolor": FAINT, "axes.edgecolor": LINE, "xtick.color": FAINT, "ytick.color": FAINT,
    "axes.titlesize": 9, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.spines.top": False, "axes.spines.right": False, "legend.fontsize": 7.5,
}  # fmt: skip


def draw(result: Result) -> str:
    """Draw the run twice, for wide and for narrow screens; the page shows the one that fits."""
    return "".join(
        f"<figure class={name}>{_sheet(result, name, inches, bins)}</figure>"
        for name, inches, bins in (("broad", 10.7, 120), ("narrow", 3.4, 40))
    )


def _sheet(result: Result, name: str, inches: float, bins: int) -> str:
    begin, end = result.begin, _end(result)
    width = next((w for w in WIDTHS if (end - begin) / w <= bins), WIDTHS[-1])
    heights = [1.7, 0.9, 2.6, *([1.4] if result.samples else [])]
    wide = name == "broad"
    if not wide:
        heights = [h + 0.4 for h in heights]  # legends have more lines
    with mpl.rc_context(_STYLE | {"svg.hashsalt": name}):
        figure = Figure(figsize=(inches, sum(heights) + 1.6), layout="constrained")
        sheet = list(figure.subplots(len(heights), sharex=True, height_ratios=heights))
        for axis in sheet:
            axis.grid(axis="y", color=LINE, linewidth=0.6)
            axis.set_axisbelow(True)
        _load(sheet[0], result, begin, width, columns=6 if wide else 2)
        _waiting(sheet[1], result.requests, begin, end, width)
        heatmap.draw(
            sheet[2], heatmap.cells(result.requests, begin, width), columns=9 if wide else 3
        )
        if result.samples:
            _replicas(sheet[3], result.samples, begin, columns=8 if wide else 3)
        _mark(sheet, result, begin, wide=wide)
        sheet[-1].set_xlim(0, max(end - begin, width))
        sheet[-1].set_xlabel(f"seconds; one column is {width:g} s")
        file = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    made = themed(file.getvalue()[file.getvalue().index("<svg") :])
    label = "Load, answers, latency and replicas over the seconds of the run"
    return made.replace("<svg ", f'<svg role="img" aria-label="{label}" ', 1)


def _end(result: Result) -> float:
    ends = [float(r["at"]) + float(r["ms"]) / 1000 for r in result.requests]
    return max([*ends, *(s.at for s in result.samples)], default=0.0)


def _bins(moments: Sequence[float], begin: float, width: float) -> Counter[int]:
    return Counter(int((moment - begin) // width) for moment in moments)


def _load(axis: Any, result: Result, begin: float, width: float, *, columns: int) -> None:
    """Draw what was wanted as a line over what was answered, by result."""
    requests = result.requests
    wanted = [begun(r) for r in requests]
    missed = [float(e["due"]) for e in result.arrivals if e["what"] == "missed"]
    ended: dict[str, list[float]] = {"answered": [], "503 page": [], "failed": []}
    for request in requests:
        ended[_outcome(request)].append(float(request["at"]) + float(request["ms"]) / 1000)
    last = int(max([*wanted, *(e for es in ended.values() for e in es)], default=begin) - begin)
    bins = range(int(last // width) + 1)
    edges = [b * width for b in (*bins, len(bins))]
    below = [0.0] * len(bins)
    for (name, moments), colour in zip(ended.items(), (GOOD, WARN, BAD), strict=True):
        if not moments:
            continue
        counts = _bins(moments, begin, width)
        above = [low + counts[b] / width for b, low in zip(bins, below, strict=True)]
        axis.stairs(above, edges, baseline=below, fill=True, color=colour, alpha=0.55, label=name)
        below = above
    counts = _bins(wanted, begin, width)
    rates = [counts[b] / width for b in bins]
    axis.stairs(rates, edges, color=WANTED, linewidth=1.3, label="wanted by intended start")
    if missed:
        counts = _bins(missed, begin, width)
        rates = [counts[b] / width or math.nan for b in bins]
        axis.stairs(rates, edges, color=BAD, linewidth=2, baseline=None, label="clicks not begun")
    axis.set_ylim(bottom=0)
    axes.head(axis, "Load and answers, each second", columns)


def _waiting(axis: Any, requests: Sequence[Entry], begin: float, end: float, width: float) -> None:
    """Draw how many requests should have begun and had no answer yet."""
    steps = sorted(
        step
        for r in requests
        for step in ((begun(r), 1), (float(r["at"]) + float(r["ms"]) / 1000, -1))
    )
    bins = int((end - begin) // width) + 1
    most, waiting, reached = [0] * bins, 0, 0
    for at, change in steps:
        number = min(max(int((at - begin) // width), 0), bins - 1)
        for between in range(reached + 1, number + 1):
            most[between] = waiting
        reached = max(reached, number)
        waiting += change
        most[number] = max(most[number], waiting)
    edges = [b * width for b in range(bins + 1)]
    axis.stairs(most, edges, fill=True, color=WANTED, alpha=0.35)
    axes.head(axis, "Waiting for an answer, at most")
    axis.set_ylim(bottom=0)
    axis.yaxis.set_major_locator(MaxNLocator(nbins=3, integer=True))


def _replicas(axis: Any, samples: Sequence[Sample], begin: float, *, columns: int) -> None:
    hosts = sorted({host for sample in samples for host in sample.replicas})
    times = [sample.at - begin for sample in samples]
    rows = [[sample.replicas.get(host, 0) for sample in samples] for host in hosts]
    if rows:
        colours = [colour for colour, _ in zip(itertools.cycle(HOSTS), hosts, strict=False)]
        axis.stackplot(times, rows, labels=hosts, step="post", alpha=0.75, colors=colours)
    configured = [sample.configured for sample in samples]
    axis.step(times, configured, where="post", color=INK, linewidth=1, label="configured")
    for sample, following in itertools.pairwise(samples):
        if sample.down:
            axis.axvspan(sample.at - begin, following.at - begin, color=BAD, alpha=0.15, lw=0)
    highest = max([*configured, *(sum(s.replicas.values()) for s in samples)], default=1)
    axis.set_ylim(0, highest * 1.1)
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.head(axis, "Replicas by host", columns)


def _mark(sheet: Sequence[Any], result: Result, begin: float, *, wide: bool) -> None:
    """Draw a line where something was done, with its number in the list below."""
    for number, event in enumerate(result.events, 1):
        for axis in sheet:
            axis.axvline(event.at - begin, color=WARN, linewidth=1, linestyle="--")
        sheet[0].annotate(
            f"{number} {event.text}" if wide else str(number),
            (event.at - begin, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -8 - 10 * (number % 3 if wide else 0)),
            textcoords="offset points",
            fontsize=7.5,
            color=WARN,
        )


def _outcome(request: Entry) -> str:
    if request["error"] is None:
        return "answered"
    return "503 page" if "503 page" in str(request["error"]) else "failed"
