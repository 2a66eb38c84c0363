"""One HTML file that stands alone: verdict, expectations, plots over time, the ledger."""

from __future__ import annotations

import html
import io
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from loadtest.ledger import Audit

Entry = Mapping[str, Any]
GOOD, BAD, WARN = "#2e7d4f", "#b3352b", "#b7791f"


@dataclass(frozen=True)
class Expectation:
    """What had to hold, what was seen, and whether that is good; None: for information."""

    what: str
    wanted: str
    seen: str
    met: bool | None


@dataclass(frozen=True)
class Mark:
    """A moment worth a line in the plots, in seconds since the epoch; when it was done with."""

    at: float
    text: str
    done: float = 0.0


@dataclass(frozen=True)
class Sample:
    """The cluster at one moment: replicas by host, and the hosts that are not ready."""

    at: float
    replicas: Mapping[str, int]
    configured: int
    down: Sequence[str] = ()


@dataclass
class Story:
    """Everything a report tells."""

    title: str
    about: str
    requests: Sequence[Entry]
    expectations: list[Expectation] = field(default_factory=list)
    marks: Sequence[Mark] = ()
    samples: Sequence[Sample] = ()
    audit: Audit | None = None
    notes: Sequence[str] = ()
    broken: Sequence[Entry] | None = None  # what was in flight on a lost edge; None: no edge was

    @property
    def passed(self) -> bool:
        """Tell whether everything that had to hold did."""
        return all(expectation.met is not False for expectation in self.expectations)


@dataclass(frozen=True)
class Summary:
    """Figures over all requests; durations in milliseconds."""

    count: int
    failed: int
    seconds: float
    p50: float
    p95: float
    p99: float
    slowest: float

    @property
    def rate(self) -> float:
        """Give the requests per second."""
        return self.count / self.seconds if self.seconds else 0.0


def summarize(requests: Sequence[Entry]) -> Summary:
    """Work out the figures over all requests."""
    if not requests:
        return Summary(0, 0, 0, 0, 0, 0, 0)
    times = sorted(float(r["ms"]) for r in requests)
    first = min(float(r["at"]) for r in requests)
    last = max(float(r["at"]) + float(r["ms"]) / 1000 for r in requests)
    failed = sum(r["error"] is not None for r in requests)
    p50, p95, p99 = (percentile(times, share) for share in (0.5, 0.95, 0.99))
    return Summary(len(times), failed, last - first, p50, p95, p99, times[-1])


def percentile(ordered: Sequence[float], share: float) -> float:
    """Give the value that a share of the ordered values does not exceed."""
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else 0.0


def write(path: Path, story: Story) -> None:
    """Write a report."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(render(story), encoding="utf-8")


def render(story: Story) -> str:
    """Make the page."""
    verdict, colour = ("passed", GOOD) if story.passed else ("FAILED", BAD)
    failures = [r for r in story.requests if r["error"] is not None]
    parts = [
        _HEAD.format(title=html.escape(story.title), colour=colour),
        f"<h1>{html.escape(story.title)} <span class=verdict>{verdict}</span></h1>",
        f"<p>{html.escape(story.about)}</p>",
        *(f"<p class=note>{html.escape(note)}</p>" for note in story.notes),
        _expectations(story.expectations),
        "<h2>Over time</h2>",
        plots(story),
        _marks(story),
        "<h2>By page</h2>",
        _by_page(story.requests),
        "<h2>Requests that failed</h2>",
        _failures(failures, _begin(story)),
        _broken(story),
        "<h2>The ledger</h2>",
        _ledger(story.audit),
        f"<footer>Written {datetime.now(UTC):%Y-%m-%d %H:%M} UTC</footer></main></html>",
    ]
    return "\n".join(parts)


def plots(story: Story) -> str:
    """Draw requests, times and replicas over the seconds of the run, as one SVG."""
    begin = _begin(story)
    heights = [2, 2, 1.6] if story.samples else [2, 2]
    figure = Figure(figsize=(11, 2.3 * len(heights)), layout="constrained")
    axes = list(figure.subplots(len(heights), sharex=True, height_ratios=heights))
    _plot_results(axes[0], story.requests, begin)
    _plot_times(axes[1], story.requests, begin)
    if story.samples:
        _plot_replicas(axes[2], story.samples, begin)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", alpha=0.25)
        for mark in story.marks:
            axis.axvline(mark.at - begin, color=WARN, linewidth=1, linestyle="--")
    for number, mark in enumerate(story.marks):
        axes[0].annotate(
            mark.text,
            (mark.at - begin, 1),
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
        buckets[int(float(request["at"]) - begin)].append(float(request["ms"]))
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


def _begin(story: Story) -> float:
    moments = [float(r["at"]) for r in story.requests] + [s.at for s in story.samples]
    return min(moments, default=0.0)


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


def _marks(story: Story) -> str:
    if not story.marks:
        return ""
    begin = _begin(story)
    return _table(
        ("second", "what happened"), ((f"{m.at - begin:.1f}", m.text) for m in story.marks)
    )


def _by_page(requests: Sequence[Entry]) -> str:
    pages: dict[str, list[Entry]] = defaultdict(list)
    for request in requests:
        pages[str(request["name"])].append(request)
    rows = []
    for name in sorted(pages):
        figures = summarize(pages[name])
        rows.append(
            (name, figures.count, figures.failed, *(f"{ms:.0f}" for ms in (
                figures.p50, figures.p95, figures.p99, figures.slowest)))
        )  # fmt: skip
    return _table(("page", "requests", "failed", "p50 ms", "p95", "p99", "slowest"), rows)


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


def _broken(story: Story) -> str:
    """List what was in flight on a lost edge."""
    if story.broken is None:
        return ""
    begin = _begin(story)
    rows = (
        (
            f"{float(r['at']) - begin:.2f}",
            r["name"],
            f"{float(r['ms']):.0f}",
            f"{float(r['at']) - float(r['opened']):.1f}",
            r["sent"],
            r["error"] or "answered when sent again",
        )
        for r in story.broken
    )
    head = ("second", "request", "ms", "connection's age, s", "sent", "what came of it")
    return "<h2>In flight on the lost edge</h2>" + (
        _table(head, rows) if story.broken else "<p>Nothing.</p>"
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
