"""Carry a drill out: load, fault, mending, ledger, report."""

from __future__ import annotations

import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from loadtest.drills import judge, kept
from loadtest.drills.cluster import Cluster
from loadtest.drills.drill import Drill
from loadtest.drills.guards import guards, slowest_outside
from loadtest.drills.tunnel import forwarded
from loadtest.drills.watchdog import Watchdog, judged
from loadtest.evidence import recorder, report
from loadtest.evidence.ledger.audit import compare
from loadtest.evidence.ledger.database import CONTEXTS
from loadtest.evidence.result import Event, Expectation, Result, Sample, summarize
from loadtest.evidence.run import RunFacts, commit
from loadtest.locust_process import Load, start, watched_from_outside
from loadtest.summary import differences, generator, outside
from provisioning.errors import Interrupted, OperatorError
from provisioning.inventory import Inventory

LOOK = 1.0  # seconds between samples
MOST_PEOPLE = 2000  # where clicks come whatever the shop does
BETWEEN = 180.0  # seconds that a cluster may take to recover from what was done to it before
Say = Callable[[str], None]


@dataclass(frozen=True)
class Verdict:
    """How a drill ended."""

    name: str
    result: Result
    path: Path


class NotHereError(OperatorError):
    """The cluster is too small for a drill: one sentence."""


def run_drill(name: str, drill: Drill, cluster: Cluster, folder: Path, say: Say) -> Verdict:
    """Run one drill; raise OperatorError, having changed nothing, when the cluster is not well.

    NotHereError where the cluster is too small for it, or runs another stack.
    """
    fits(drill, cluster.inventory)
    if wrong := cluster.trouble():
        say(f"{name}: waiting until the cluster is healthy. {wrong}")
        wrong = cluster.wait_until_well(BETWEEN)
    if wrong:
        raise OperatorError(
            f"The cluster is not healthy to begin with, so nothing is broken: {wrong}"
        )
    try:
        folder.mkdir(parents=True)
    except OSError as error:
        raise OperatorError(
            f"{folder} cannot take the report ({error.strerror}): name another --folder."
        ) from None
    planned = _load(drill, cluster)
    facts = RunFacts(
        drill.scenario, drill.about, planned.host, drill.seconds, planned.users,
        rate=planned.rate, seed=planned.seed, commit=commit(),
    )  # fmt: skip
    facts.write(folder)
    say(f"{name}: {drill.about}")
    events: list[Event] = []
    samples: list[Sample] = []
    over = threading.Event()
    watch = threading.Thread(
        target=_watch, args=(cluster, drill.service, samples, over), daemon=True
    )
    try:
        for step in drill.prepare:
            cluster.act(step.action, cluster.target(step.target))
        if drill.prepare:
            time.sleep(10)
        if wrong := cluster.wait_until_well(60):
            raise OperatorError(f"The cluster did not become healthy: {wrong}")
        watch.start()
        with watched_from_outside(planned, folder), start(planned, folder) as load:
            try:
                begin = first_request(folder, load)
                with Watchdog(folder, load) as watchdog:
                    _steps(drill, cluster, events, say, begin, watchdog.gave_up)
                    load.wait(drill.seconds + 60)
            finally:
                if load.poll() is None:
                    load.terminate()
                    load.wait(30)
        state = cluster.service(cluster.snapshot(), drill.service).update
    finally:
        over.set()
        if watch.is_alive():
            watch.join(30)  # what is undone is no part of what is judged
        _mend(drill, cluster)
    wrong = cluster.wait_until_well(150)
    if drill.outcome:
        state = cluster.service(cluster.snapshot(), drill.service).update
    if not drill.undo:
        with suppress(OperatorError):
            samples.append(cluster.sample())
    facts.ended(folder, load.poll())
    result = _assess(name, drill, cluster, folder, samples, events, state, facts, load.poll())
    result.expectations += judged(watchdog.gave_up.is_set())
    result.expectations.append(
        Expectation("the cluster is healthy afterwards", "", wrong or "yes", not wrong)
    )
    path = folder / f"{name}.html"
    report.write(path, result)
    kept.write(folder, result)
    return Verdict(name, result, path)


def _mend(drill: Drill, cluster: Cluster) -> None:
    """Undo what a drill did; raise Interrupted where somebody does not wait for that."""
    try:
        for step in drill.undo:
            with suppress(OperatorError, subprocess.SubprocessError):
                cluster.act(step.action, cluster.target(step.target))
        cluster.mend()
    except KeyboardInterrupt:
        raise Interrupted(
            "What the drill had broken is mended in part only: ./run ops status says what is left."
        ) from None


def fits(drill: Drill, inventory: Inventory) -> None:
    """Raise NotHereError where a cluster is too small for a drill, or runs another stack."""
    managers = sum(h.role == "manager" for h in inventory.host)
    have = {"manager": managers, "worker": len(inventory.host) - managers}
    for role, needed in (("manager", drill.managers), ("worker", drill.workers)):
        if have[role] < needed:
            number = {2: "two", 3: "three"}.get(needed, str(needed))
            raise NotHereError(f"it needs {number} {role}s")
    stack = drill.service.partition("_")[0]
    if stack not in inventory.cluster.stacks:
        raise NotHereError(f"it needs the stack {stack} (`stacks` under [cluster])")


def _load(drill: Drill, cluster: Cluster) -> Load:
    door = cluster.entrance
    users = MOST_PEOPLE if drill.rate else drill.users
    return Load(
        *(drill.scenario, door.url, users, drill.seconds, users),
        authority=door.authority,
        resolve=door.resolve,
        rate=drill.rate,
        seed=secrets.token_hex(4),
    )


def first_request(folder: Path, load: subprocess.Popen[bytes]) -> float:
    """Wait until the load has begun; give the moment."""
    for _ in range(600):
        if load.poll() is not None:
            break
        if any(path.stat().st_size for path in folder.glob("requests.*.jsonl")):
            return time.time()
        time.sleep(0.05)
    raise OperatorError(f"The load did not begin; Locust's log is {folder / 'locust.log'}.")


def _steps(
    drill: Drill,
    cluster: Cluster,
    events: list[Event],
    say: Say,
    begin: float,
    gave_up: threading.Event,
) -> None:
    for step in drill.steps:
        if gave_up.wait(max(0.0, begin + step.at - time.time())):
            return
        host = cluster.target(step.target)  # looking for it is no part of the fault
        at = time.time()
        try:
            text = cluster.act(step.action, host)
        except OperatorError as error:
            if not drill.lenient:
                raise
            text = f"{step.action} {host}: nothing was done. {error}"
        events.append(Event(at, text, time.time()))
        say(f"  {at - begin:5.1f} s  {text}")


def _watch(cluster: Cluster, service: str, samples: list[Sample], over: threading.Event) -> None:
    while not over.wait(LOOK):
        with suppress(OperatorError, OSError, ValueError):
            samples.append(cluster.sample(service))


def _assess(
    name: str,
    drill: Drill,
    cluster: Cluster,
    folder: Path,
    samples: Sequence[Sample],
    events: Sequence[Event],
    state: str,
    facts: RunFacts,
    status: int | None,
) -> Result:
    requests = recorder.read(folder, "requests")
    minimum = cluster.inventory.cluster.replicas[0]
    arrivals = recorder.read(folder, "arrivals")
    result = Result(name, drill.about, requests, events=events, samples=samples, arrivals=arrivals)
    if drill.cut is not None and events:
        result.broken = judge.broken_in_flight(requests, events[0])
    result.expectations += judge.expectations(drill, requests, samples, events, state, minimum)
    ledger, incidents = (recorder.read(folder, kind) for kind in ("ledger", "incidents"))
    result.incidents = incidents
    result.expectations += guards(drill, requests, ledger, incidents, samples, events)
    seen = recorder.read(folder, "outside")
    # Who is outside asks for what the fault takes away, or for none of it.
    taken = len(judge.free_of(drill, seen)) < len(seen)
    alike = requests if taken else judge.free_of(drill, requests)
    result.expectations += outside(alike, seen, failures=taken or drill.failures is None)
    result.expectations += slowest_outside(drill, seen)
    result.expectations += generator(facts, requests, arrivals, status)
    if facts.commit:
        result.notes = [f"Commit {facts.commit}, seed {facts.seed}."]
    url = sa.make_url(cluster.inventory.cluster.database_url_file.read_text().strip())
    connection = cluster.swarm.manager()
    with forwarded(connection, url.host or "", url.port or 3306) as port:
        local = url.set(host="127.0.0.1", port=port).render_as_string(hide_password=False)
        urls = dict.fromkeys(CONTEXTS, local)
        result.audit = compare(ledger, urls)
    result.expectations += differences(result.audit)
    figures = summarize(requests)
    result.expectations.append(Expectation("requests per second", "", f"{figures.rate:.1f}", None))
    result.expectations.append(Expectation("drilled service", "", drill.service, None))
    return result
