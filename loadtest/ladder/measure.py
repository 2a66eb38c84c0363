"""Measure a step: how much it serves, and what faults cost readers."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from loadtest.drills.run import first_request
from loadtest.evidence import recorder, report
from loadtest.evidence.ledger.audit import compare
from loadtest.evidence.result import Event
from loadtest.evidence.run import RunFacts, commit
from loadtest.ladder import figures
from loadtest.ladder.figures import Rate
from loadtest.ladder.steps import OneMachine, Step
from loadtest.locust_process import Load, run, start, watched_from_outside
from loadtest.summary import assess
from provisioning.errors import OperatorError
from provisioning.rehearsal import cgroups

SHARE = 0.25  # of a core, for each host while it is measured how much a step serves
RATES = (4.0, 8.0, 12.0, 16.0, 24.0, 32.0)  # clicks a second
AT_A_RATE = 20  # seconds
# Seconds after the load has come up at which faults begin: each has the time until the next.
FAULTS = ((20.0, "process"), (50.0, "database"), (80.0, "release"), (170.0, "host"))
LONG = 255  # seconds of load with faults in it
PEOPLE = 2000
RECOVERS = 180.0  # seconds that a step may take to be well again

Say = Callable[[str], None]


def measure(
    step: Step, image: str, folder: Path, seed: str, clicks: float, say: Say
) -> figures.Step:
    """Put the same load on a step, twice, and break the same things under it."""
    _wait(step)
    say("A crowd first, so that there are books and everything is warm")
    folder.mkdir(parents=True)
    _load(step, "selling", 6.0, 20, seed, folder / "first")
    rates = _rates(step, folder, seed, say)
    _wait(step)
    return _broken(step, image, folder / "faults", seed, clicks, rates, say)


def _rates(step: Step, folder: Path, seed: str, say: Say) -> tuple[Rate, ...]:
    """Raise the rate until it is not served any more."""
    made: list[Rate] = []
    with step.steady(), cgroups.limited(step.guests, SHARE):
        for clicks in RATES:
            place = folder / f"rate-{clicks:g}"
            _load(step, "shopping", clicks, AT_A_RATE, seed, place)
            seen = (recorder.read(place, kind) for kind in ("requests", "arrivals"))
            made.append(figures.rate(clicks, *seen))
            say(f"  {made[-1]}")
            if not made[-1].served:
                break
    return tuple(made)


def _broken(
    step: Step,
    image: str,
    folder: Path,
    seed: str,
    clicks: float,
    rates: tuple[Rate, ...],
    say: Say,
) -> figures.Step:
    """Break things under load, one after the other; compare the ledger at the end."""
    actions: dict[str, Callable[[], None]] = {
        "process": step.kill_process,
        "database": step.restart_database,
        "release": lambda: step.release(image),
        "host": step.lose_host,
    }
    load = _of(step, "shopping", clicks, LONG, seed)
    facts = RunFacts(
        "shopping", "The same faults on each step.", load.host, LONG, PEOPLE, clicks, seed=seed,
        commit=commit(),
    )  # fmt: skip
    folder.mkdir()
    facts.write(folder)
    events: list[Event] = []
    with watched_from_outside(load, folder), start(load, folder) as process:
        begin = first_request(folder, process)
        for at, name in FAULTS:
            time.sleep(max(0.0, begin + at - time.time()))
            began = time.time()
            say(f"  {began - begin:5.1f} s  {name}")
            actions[name]()
            events.append(Event(began, name, time.time()))
        process.wait(LONG + 60)
    facts.ended(folder, process.returncode)
    _wait(step)
    with step.urls() as urls:
        result = assess(folder, facts, urls, process.returncode)
    result.events = events
    report.write(folder / "report.html", result)
    assert result.audit is not None
    kinds = result.audit.by_kind
    named = ("lost", "duplicated", "oversold")
    late = any("lateness" in e.what and e.met is False for e in result.expectations)
    return figures.Step(
        when=time.strftime("%Y-%m-%d"),
        commit=facts.commit,
        seed=seed,
        hosts=step.hosts,
        clicks=clicks,
        built=0.0,
        rates=rates,
        faults=figures.faults(result.requests, events, begin + LONG),
        orders=result.audit.counts["orders confirmed to buyers"],
        ledger={kind: kinds[kind] for kind in named}
        | {"other": sum(kinds.values()) - sum(kinds[kind] for kind in named)},
        late=late,
    )


def restored(step: Step, made: figures.Step, folder: Path, say: Say) -> figures.Step:
    """Lose the disk of a step that has but one, restore it from its backup, and compare again."""
    if not isinstance(step, OneMachine):
        return made
    say("The disk is lost; a new machine is restored from the backup")
    seconds = round(step.restore(), 1)
    with step.urls() as urls:
        audit = compare(recorder.read(folder / "faults", "ledger"), urls)
    return replace(made, restored=seconds, missing=len(audit.findings))


def _of(step: Step, scenario: str, clicks: float, seconds: int, seed: str) -> Load:
    door = step.entrance
    return Load(
        *(scenario, door.url, PEOPLE, seconds, 5),
        authority=door.authority,
        resolve=door.resolve,
        rate=clicks,
        seed=seed,
    )


def _load(step: Step, scenario: str, clicks: float, seconds: int, seed: str, place: Path) -> None:
    place.mkdir()
    if run(_of(step, scenario, clicks, seconds, f"{seed}:{place.name}"), place) is None:
        raise KeyboardInterrupt  # half a measurement is none


def _wait(step: Step) -> None:
    deadline = time.monotonic() + RECOVERS
    while wrong := step.trouble():
        if time.monotonic() > deadline:
            raise OperatorError(f"It did not get well: {wrong}")
        time.sleep(2)
