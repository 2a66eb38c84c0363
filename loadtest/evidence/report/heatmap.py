"""Latency over time as cells: how many requests that should have begun then took so long."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, NullFormatter

from loadtest.evidence.report import axes
from loadtest.evidence.report.palette import BAD, HEAT, INK, WARN
from loadtest.evidence.result import Entry, begun, latency, percentile

STEPS = 8  # buckets of latency from 10 ms to 100 ms: each is a third longer than the one before
SHORTEST = 1.0  # ms


@dataclass(frozen=True)
class Cells:
    """Requests by time bin and latency bucket; the cells in which some failed; p50 and p99."""

    width: float  # of a time bin, in seconds
    counts: Counter[tuple[int, int]]
    failed: frozenset[tuple[int, int]]
    p50: dict[int, float]
    p99: dict[int, float]

    @property
    def thresholds(self) -> list[int]:
        """Return from how many requests on a cell has the next colour."""
        most = max(self.counts.values(), default=1)
        for digits in ((1, 2, 5), (1, 3), (1,)):
            scale = [n * 10**e for e in range(7) for n in digits if n * 10**e <= most]
            if len(scale) <= len(HEAT):
                return scale
        return scale[: len(HEAT)]


def cells(requests: Sequence[Entry], begin: float, width: float) -> Cells:
    """Count requests by when they should have begun and how long they took from then."""
    counts: Counter[tuple[int, int]] = Counter()
    failed = set()
    times: dict[int, list[float]] = {}
    for request in requests:
        ms = latency(request)
        place = (math.floor((begun(request) - begin) / width), bucket(ms))
        counts[place] += 1
        times.setdefault(place[0], []).append(ms)
        if request["error"] is not None:
            failed.add(place)
    ordered = {bin_: sorted(values) for bin_, values in times.items()}
    return Cells(
        width,
        counts,
        frozenset(failed),
        {bin_: percentile(values, 0.5) for bin_, values in sorted(ordered.items())},
        {bin_: percentile(values, 0.99) for bin_, values in sorted(ordered.items())},
    )


def bucket(ms: float) -> int:
    """Return the bucket of a latency, counted from SHORTEST."""
    return math.floor(math.log10(max(ms, SHORTEST) / SHORTEST) * STEPS + 1e-9)


def edge(number: int) -> float:
    """Return where a bucket begins, in milliseconds."""
    return float(SHORTEST * 10 ** (number / STEPS))


def draw(axis: Any, made: Cells, *, columns: int) -> None:
    """Draw the cells, a cross where requests failed, p50 and p99, and what the colours mean."""
    thresholds = made.thresholds
    by_colour: dict[int, list[Path]] = {}
    for (bin_, level), count in sorted(made.counts.items()):
        colour = sum(count >= least for least in thresholds) - 1
        by_colour.setdefault(colour, []).append(_box(bin_ * made.width, made.width, level))
    for colour, boxes in sorted(by_colour.items()):
        whole = Path.make_compound_path(*boxes)
        axis.add_patch(PathPatch(whole, facecolor=HEAT[colour], linewidth=0))
    middle = [(bin_ + 0.5) * made.width for bin_ in made.p50]
    axis.plot(middle, list(made.p50.values()), color=INK, linewidth=1.2, label="p50")
    axis.plot(middle, list(made.p99.values()), color=WARN, linewidth=1.2, label="p99")
    if made.failed:
        axis.plot(
            [(bin_ + 0.5) * made.width for bin_, _ in made.failed],
            [math.sqrt(edge(level) * edge(level + 1)) for _, level in made.failed],
            "x", color=BAD, markersize=4, markeredgewidth=1.2, label="some failed",
        )  # fmt: skip
    levels = [level for _, level in made.counts]
    axis.set_yscale("log")
    axis.set_ylim(edge(min(levels, default=0)), edge(max(levels, default=STEPS) + 1))
    axis.yaxis.set_major_formatter(FuncFormatter(lambda ms, _: time_in_words(ms)))
    axis.yaxis.set_minor_formatter(NullFormatter())
    patches = [
        Patch(facecolor=HEAT[number], label=text) for number, text in enumerate(words(thresholds))
    ]
    axes.head(
        axis,
        "Latency from the intended start",
        columns,
        [*patches, *axis.get_legend_handles_labels()[0]],
    )


def words(thresholds: Sequence[int]) -> list[str]:
    """Return what each colour says of the number of requests."""
    made = []
    for number, least in enumerate(thresholds):
        if number + 1 == len(thresholds):
            made.append(f"{least} or more")
        elif thresholds[number + 1] == least + 1:
            made.append(f"{least}")
        else:
            made.append(f"{least}–{thresholds[number + 1] - 1}")
    return made


def time_in_words(ms: float) -> str:
    """Return a time as a reader says it: 20 ms, 3 s."""
    return f"{ms / 1000:g} s" if ms >= 1000 else f"{ms:g} ms"


def _box(left: float, width: float, level: int) -> Path:
    low, high = edge(level), edge(level + 1)
    corners = [(left, low), (left + width, low), (left + width, high), (left, high), (left, low)]
    return Path(corners, [Path.MOVETO, *[Path.LINETO] * 3, Path.CLOSEPOLY])
