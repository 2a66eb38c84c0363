"""The plots of a report: requests, times and replicas over the seconds of a run."""

from __future__ import annotations

import io
import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from loadtest.evidence.result import Entry, Result, Sample, latency, percentile

GOOD, BAD, WARN = "#2e7d4f", "#b3352b", "#b7791f"


def draw(result: Result) -> str:
    """Draw requests, times and replicas over the seconds of the run, as one SVG."""
    begin = result.begin
    heights = [2, 2, 1.6] if result.samples else [2, 2]
    figure = Figure(figsize=(11, 2.3 * len(heights)), layout="constrained")
    axes = list(figure.subplots(len(heights), sharex=True, height_ratios=heights))
    _plot_results(axes[0], result.requests, begin)
    _plot_times(axes[1], result.requests, begin)
    if result.samples:
        _plot_replicas(axes[2], result.samples, begin)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.25)
        for event in result.events:
            axis.axvline(event.at - begin, color=WARN, linewidth=1, linestyle="--")
    for number, event in enumerate(result.events):
        axes[0].annotate(
            event.text,
            (event.at - begin, 1),
            xycoords=("data", "axes fraction"),
            xytext=(3, -8 - 10 * (number % 3)),
            textcoords="offset points",
            fontsize=7,
            color=WARN,
        )
    axes[-1].set_xlabel("seconds")
    file = io.StringIO()
    figure.savefig(
        file, format="svg", metadata=dict.fromkeys(("Creator", "Date", "Format", "Type"))
    )
    return file.getvalue()[file.getvalue().index("<svg") :]


def _plot_results(axis: Any, requests: Sequence[Entry], begin: float) -> None:
    kinds: dict[str, Counter[int]] = defaultdict(Counter)
    for request in requests:
        kinds[_result(request)][int(float(request["at"]) - begin)] += 1
    end = max((second for counts in kinds.values() for second in counts), default=0)
    seconds = range(end + 1)
    colours = {"fine": GOOD, "503 page": WARN, "failed": BAD}
    present = [kind for kind in colours if kinds[kind]]
    if present:
        rows = [[kinds[kind][second] for second in seconds] for kind in present]
        axis.stackplot(
            seconds, rows, labels=present, colors=[colours[k] for k in present], alpha=0.8
        )
        axis.legend(loc="lower right", fontsize=7, frameon=False)
    axis.set_ylabel("requests/s")
    axis.set_ylim(bottom=0)


def _plot_times(axis: Any, requests: Sequence[Entry], begin: float) -> None:
    buckets: dict[int, list[float]] = defaultdict(list)
    for request in requests:
        buckets[int(float(request["at"]) - begin)].append(latency(request))
    seconds = sorted(buckets)
    for share, colour in ((0.5, "#8fb4d9"), (0.95, "#3a6ea5"), (0.99, "#1d3f66")):
        values = [percentile(sorted(buckets[second]), share) for second in seconds]
        axis.plot(seconds, values, color=colour, linewidth=1, label=f"p{share * 100:.0f}")
    axis.set_yscale("log")
    axis.set_ylabel("ms")
    axis.legend(loc="upper right", fontsize=7, frameon=False, ncols=3)


def _plot_replicas(axis: Any, samples: Sequence[Sample], begin: float) -> None:
    hosts = sorted({host for sample in samples for host in sample.replicas})
    times = [sample.at - begin for sample in samples]
    rows = [[sample.replicas.get(host, 0) for sample in samples] for host in hosts]
    if rows:
        axis.stackplot(times, rows, labels=hosts, step="post", alpha=0.75)
    configured = [sample.configured for sample in samples]
    axis.step(times, configured, where="post", color="#222", linewidth=1, label="configured")
    for sample, following in itertools.pairwise(samples):
        if sample.down:
            axis.axvspan(sample.at - begin, following.at - begin, color=BAD, alpha=0.15, lw=0)
    axis.set_ylabel("replicas")
    highest = max([*configured, *(sum(s.replicas.values()) for s in samples)], default=1)
    axis.set_ylim(0, highest * 1.3)  # room for the legend
    axis.yaxis.set_major_locator(MaxNLocator(integer=True))
    axis.legend(loc="upper left", fontsize=7, frameon=False, ncols=len(hosts) + 1)


def _result(request: Entry) -> str:
    if request["error"] is None:
        return "fine"
    return "503 page" if "503 page" in str(request["error"]) else "failed"
