"""Carry a drill out: load, fault, mending, ledger, report."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from loadtest.__main__ import differences, environment, locust_command
from loadtest.drills import judge
from loadtest.drills.catalogue import Drill, Step
from loadtest.drills.cluster import Cluster
from loadtest.drills.tunnel import forwarded
from loadtest.evidence import ledger, recorder, report
from loadtest.evidence.story import Expectation, Mark, Sample, Story, summarize
from provisioning.errors import OperatorError
from provisioning.inventory import Inventory
from provisioning.setup.facts import seat

LOOK = 1.0  # seconds between samples
BETWEEN = 180.0  # seconds that a cluster may take to recover from what was done to it before
Say = Callable[[str], None]


@dataclass(frozen=True)
class Verdict:
    """How a drill ended."""

    name: str
    story: Story
    path: Path


class NotHereError(OperatorError):
    """The cluster is too small for a drill: one sentence."""


def carry_out(name: str, drill: Drill, cluster: Cluster, folder: Path, say: Say) -> Verdict:
    """Run one drill; raise OperatorError, having changed nothing, when the cluster is not well.

    NotHereError where the cluster is too small for it.
    """
    fits(drill, cluster.inventory)
    if wrong := cluster.trouble():
        say(f"{name}: waiting until the cluster is healthy. {wrong}")
        wrong = cluster.wait_until_well(BETWEEN)
    if wrong:
        raise OperatorError(
            f"The cluster is not healthy to begin with, so nothing is broken: {wrong}"
        )
    folder.mkdir(parents=True, exist_ok=False)
    say(f"{name}: {drill.about}")
    marks: list[Mark] = []
    samples: list[Sample] = []
    over = threading.Event()
    watch = threading.Thread(target=_watch, args=(cluster, samples, over), daemon=True)
    try:
        for step in drill.prepare:
            cluster.act(step.action, cluster.target(step.target))
        if drill.prepare:
            time.sleep(10)
        if wrong := cluster.wait_until_well(60):
            raise OperatorError(f"The cluster did not become healthy: {wrong}")
        watch.start()
        with _load(drill, cluster, folder) as load:
            try:
                _steps(drill.steps, cluster, marks, say, _first_request(folder, load))
                load.wait(drill.seconds + 60)
            finally:
                if load.poll() is None:
                    load.terminate()
                    load.wait(30)
        state = cluster.service(cluster.snapshot(), drill.service).update_state
    finally:
        over.set()
        if watch.is_alive():
            watch.join(30)  # what is undone is no part of what is judged
        for step in drill.undo:
            with suppress(OperatorError, subprocess.SubprocessError):
                cluster.act(step.action, cluster.target(step.target))
        cluster.mend()
    wrong = cluster.wait_until_well(150)
    if drill.outcome:
        state = cluster.service(cluster.snapshot(), drill.service).update_state
    if not drill.undo:
        with suppress(OperatorError):
            samples.append(cluster.sample())
    story = _tell(name, drill, cluster, folder, samples, marks, state)
    story.expectations.append(
        Expectation("the cluster is healthy afterwards", "", wrong or "yes", not wrong)
    )
    path = folder / f"{name}.html"
    report.write(path, story)
    return Verdict(name, story, path)


def fits(drill: Drill, inventory: Inventory) -> None:
    """Raise NotHereError where a cluster is too small for a drill."""
    managers = sum(h.role == "manager" for h in inventory.host)
    have = {"manager": managers, "worker": len(inventory.host) - managers}
    for role, needed in (("manager", drill.managers), ("worker", drill.workers)):
        if have[role] < needed:
            number = {2: "two", 3: "three"}.get(needed, str(needed))
            raise NotHereError(f"it needs {number} {role}s")


def _load(drill: Drill, cluster: Cluster, folder: Path) -> subprocess.Popen[bytes]:
    door = cluster.entrance
    command = locust_command(drill.scenario, door.url, drill.users, drill.seconds, drill.users)
    env = environment(folder, door.authority, door.resolve)
    with (folder / "locust.log").open("w") as log:
        return subprocess.Popen(command, env=env, stdout=log, stderr=log)


def _first_request(folder: Path, load: subprocess.Popen[bytes]) -> float:
    """Wait until the load has begun; give the moment."""
    for _ in range(600):
        if load.poll() is not None:
            break
        if any(path.stat().st_size for path in folder.glob("*.jsonl")):
            return time.time()
        time.sleep(0.05)
    raise OperatorError(f"The load did not begin; Locust's log is {folder / 'locust.log'}.")


def _steps(
    steps: Sequence[Step], cluster: Cluster, marks: list[Mark], say: Say, begin: float
) -> None:
    for step in steps:
        time.sleep(max(0.0, begin + step.at - time.time()))
        host = cluster.target(step.target)  # looking for it is no part of the fault
        at = time.time()
        text = cluster.act(step.action, host)
        marks.append(Mark(at, text, time.time()))
        say(f"  {at - begin:5.1f} s  {text}")


def _watch(cluster: Cluster, samples: list[Sample], over: threading.Event) -> None:
    while not over.wait(LOOK):
        with suppress(OperatorError, OSError, ValueError):
            samples.append(cluster.sample())


def _tell(
    name: str,
    drill: Drill,
    cluster: Cluster,
    folder: Path,
    samples: Sequence[Sample],
    marks: Sequence[Mark],
    state: str,
) -> Story:
    requests = recorder.read(folder, "requests")
    minimum = cluster.inventory.cluster.replicas[0]
    story = Story(name, drill.about, requests, marks=marks, samples=samples)
    if drill.cut is not None and marks:
        story.broken = judge.broken_in_flight(requests, marks[0])
    story.expectations += judge.expectations(drill, requests, samples, marks, state, minimum)
    url = sa.make_url(cluster.inventory.cluster.database_url_file.read_text().strip())
    connection = seat(cluster.inventory, cluster.fleet)
    with forwarded(connection, url.host or "", url.port or 3306) as port:
        local = url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        urls = dict.fromkeys(ledger.CONTEXTS, local)
        story.audit = ledger.settle(recorder.read(folder, "ledger"), urls)
    story.expectations += differences(story.audit)
    figures = summarize(requests)
    story.expectations.append(Expectation("requests per second", "", f"{figures.rate:.1f}", None))
    story.expectations.append(Expectation("drilled service", "", drill.service, None))
    return story
