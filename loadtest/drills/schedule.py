"""Faults that nobody chose: a schedule from a seed, and the fewest of them that still fail. Pure.

At any moment a quorum of the managers and one worker are there. A host has one trouble at a time.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from loadtest.drills.catalogue import Drill, Step

LEAD, TAIL = 8.0, 12.0  # seconds of load before the first fault, and after the last one is healed
EVERY = 12.0  # seconds from one fault to the next, on average
FOREVER = 0.15  # share of faults that are healed after the run only
# What a fault does, what heals it, and on what: any host, a worker, or the whole cluster.
KINDS = (
    ("crash", "boot", "host"),
    ("partition", "heal", "host"),
    ("drain", "activate", "worker"),
    ("stop-database", "start-database", ""),
    ("stall-storage", "resume-storage", ""),
    ("hide-metrics", "show-metrics", ""),
    ("roll", "", ""),
    ("roll-edges", "", ""),
)
LONGEST = {"stop-database": 12.0, "stall-storage": 20.0}
UNDO = ("start-database", "resume-storage", "show-metrics")


@dataclass(frozen=True)
class Fault:
    """One fault; `heal` is when it is healed, None: after the run."""

    action: str
    target: str
    at: float
    heal: float | None = None


def plan(seed: int, minutes: float, managers: Sequence[str], workers: Sequence[str]) -> list[Fault]:
    """Return the schedule of a seed for a cluster: the same hosts, the same faults."""
    chance = random.Random(seed)  # it is to be foreseen
    end = minutes * 60 - TAIL
    made: list[Fault] = []
    at = LEAD
    while at < end:
        action, healed_by, what = chance.choice(KINDS)
        lasts = min(chance.uniform(3, 30), LONGEST.get(action, 30.0))
        heal = None if not healed_by or chance.random() < FOREVER else min(at + lasts, end)
        if action in LONGEST and heal is None:
            heal = min(at + lasts, end)  # nobody can shop without them: that would test nothing
        free = _free(made, at, what, managers, workers)
        if free:
            made.append(Fault(action, chance.choice(free), round(at, 1), heal and round(heal, 1)))
        at += chance.expovariate(1 / EVERY)
    return made


def _free(
    made: Sequence[Fault], at: float, what: str, managers: Sequence[str], workers: Sequence[str]
) -> list[str]:
    """Return what may be broken now; [""] stands for the whole cluster."""
    under_way = {f.target for f in made if f.heal is None or f.heal > at}
    if not what:
        return [""]
    troubled = [name for name in managers if name in under_way]
    spare = len(managers) // 2 + len(managers) % 2 - 1 - len(troubled)  # a quorum stays
    free = [name for name in workers if name not in under_way]
    some = free if len(free) > 1 else []
    return [*(managers if what == "host" and spare > 0 and not troubled else ()), *some]


def drill(faults: Sequence[Fault], minutes: float, about: str) -> Drill:
    """Return a schedule as a drill, which is judged by what is kept and not by how long it took."""
    heals = {action: healed_by for action, healed_by, _what in KINDS}
    steps = [Step(fault.at, fault.action, fault.target) for fault in faults]
    steps += [Step(f.heal, heals[f.action], f.target) for f in faults if f.heal is not None]
    return Drill(
        about,
        tuple(sorted(steps, key=lambda step: step.at)),
        undo=tuple(Step(0, action) for action in UNDO),
        seconds=round(minutes * 60),
        failures=None,
        begun=0,
        felt="",
        p99=None,
        slowest=None,
    )


def shrink(faults: Sequence[Fault], fails: Callable[[Sequence[Fault]], bool]) -> list[Fault]:
    """Return the fewest faults that still fail, by leaving out ever smaller parts."""
    left = list(faults)
    size = max(len(left) // 2, 1)
    while True:
        for start in range(0, len(left), size):
            fewer = left[:start] + left[start + size :]
            if fewer and fails(fewer):
                left = fewer
                break
        else:
            if size == 1:
                return left
            size = max(size // 2, 1)
            continue
        size = min(size, max(len(left) // 2, 1))


def written(faults: Sequence[Fault], minutes: float) -> str:
    """Write a schedule down, to be carried out again."""
    return json.dumps({"minutes": minutes, "faults": [asdict(fault) for fault in faults]}, indent=1)


def read(text: str) -> tuple[list[Fault], float]:
    """Read a schedule; raise ValueError where it is none."""
    known = {action for action, _heal, _what in KINDS}
    try:
        found = json.loads(text)
        faults = [Fault(**fault) for fault in found["faults"]]
        minutes = float(found["minutes"])
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError("it is no schedule that a random drill has written") from error
    if wrong := [fault.action for fault in faults if fault.action not in known]:
        raise ValueError(f"there is no fault {wrong[0]}")
    return faults, minutes
