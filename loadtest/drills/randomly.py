"""`./run drill random`: carry schedules out, shrink one that fails, and keep the page of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from loadtest.drills import schedule
from loadtest.drills.cluster import Cluster
from loadtest.drills.run import Verdict, run_drill
from loadtest.drills.schedule import Fault
from provisioning.errors import OperatorError

PAGE = Path(__file__).parents[2] / "docs" / "drills" / "random.md"
KEPT = PAGE.parent / "schedules"
BEGIN, END = "<!-- seeds: begin -->", "<!-- seeds: end -->"
JUDGED = ("orders confirmed to buyers", "the cluster is healthy afterwards")

type CarryOut = Callable[[Sequence[Fault], Path], Verdict]


def holds(verdict: Verdict) -> bool:
    """Tell whether nothing was lost: no copy, order or cent differs, and the cluster is well."""
    clean = verdict.result.audit is not None and not verdict.result.audit.findings
    judged = [e for e in verdict.result.expectations if e.what in JUDGED]
    return clean and len(judged) == len(JUDGED) and all(e.met for e in judged)


def carry_out(cluster: Cluster, minutes: float, say: Callable[[str], None]) -> CarryOut:
    """Return what carries a schedule out on a cluster."""

    def once(faults: Sequence[Fault], folder: Path) -> Verdict:
        about = f"{len(faults)} faults at random."
        return run_drill("random", schedule.drill(faults, minutes, about), cluster, folder, say)

    return once


def of_seed(cluster: Cluster, seed: int, minutes: float) -> list[Fault]:
    """Return the schedule of a seed on a cluster; raise OperatorError where it has no workers."""
    hosts = sorted(cluster.inventory.host, key=lambda host: host.name)
    managers = [host.name for host in hosts if host.role == "manager"]
    workers = [host.name for host in hosts if host.role == "worker"]
    if not workers:
        raise OperatorError("A random drill needs workers; this cluster has none.")
    return schedule.plan(seed, minutes, managers, workers)


def fewest(faults: Sequence[Fault], once: CarryOut, folder: Path) -> list[Fault]:
    """Return the fewest faults that still fail, each try in a folder of its own."""
    tries = 0

    def fails(fewer: Sequence[Fault]) -> bool:
        nonlocal tries
        tries += 1
        return not holds(once(fewer, folder / f"fewer-{tries}"))

    return schedule.shrink(faults, fails)


def keep(faults: Sequence[Fault], minutes: float, name: str) -> Path:
    """Keep a schedule that failed, as a regression."""
    KEPT.mkdir(exist_ok=True)
    path = KEPT / f"{name}.json"
    path.write_text(schedule.written(faults, minutes) + "\n")
    return path


def line(name: str, minutes: float, faults: Sequence[Fault], verdict: Verdict, load: str) -> str:
    """Return the line of a run for the page."""
    requests = verdict.result.requests
    failed = sum(r["error"] is not None for r in requests)
    counts = verdict.result.audit.counts if verdict.result.audit else {}
    what = ", ".join(f"{fault.action} {fault.target}".strip() for fault in faults)
    how = "held" if holds(verdict) else "**FAILED**"
    when = time.strftime("%Y-%m-%d")
    orders = counts.get("orders confirmed to buyers", 0)
    return (
        f"| {name} | {minutes:g} | {what} | {len(requests)} | {failed} | {orders} | {how}"
        f" | {when}, load {load} |"
    )


def published(page: str, made: str) -> str:
    """Return the page with one more line."""
    before, end, after = page.partition(END)
    if not end or BEGIN not in before:
        raise OperatorError(f"There is no table to publish in: no {BEGIN} … {END} in the page.")
    return f"{before}{made}\n{end}{after}"
