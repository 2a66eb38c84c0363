"""Faults that nobody chose: a schedule from a seed, and the fewest of them that still fail. Pure.

At any moment a quorum of the managers and one worker are there. A host has one trouble at a time.
"""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

from loadtest.drills.drill import Drill, Step

LEAD, TAIL = 8.0, 12.0  # seconds of load before the first fault, and after the last one is healed
EVERY = 12.0  # seconds from one fault to the next, on average
SHORTEST = 3.0  # seconds that a fault lasts
FOREVER = 0.15  # share of faults that are healed after the run only
# What a fault does, what heals it, and on what: any host, a manager, a worker, or something of the
# whole cluster, which has one trouble at a time as well.
KINDS = (
    ("crash", "boot", "host"),
    ("partition", "heal", "host"),
    ("drain", "activate", "worker"),
    ("freeze-replica", "thaw-replica", "worker"),
    ("kill-engine", "", "worker"),
    ("kill-edge", "", "manager"),
    ("kill-socket", "", "manager"),
    ("lose-packets", "keep-packets", "worker"),
    ("mute", "keep-packets", "worker"),
    ("stop-database", "start-database", "database"),
    ("forbid-writes", "allow-writes", "database"),
    ("take-connections", "give-connections", "database"),
    ("silence-resolver", "resume-resolver", "resolver"),
    ("stall-storage", "resume-storage", "storage"),
    ("stop-registry", "start-registry", "registry"),
    ("hide-metrics", "show-metrics", "autoscaler"),
    ("roll", "", "shop"),
    ("roll-edges", "", "edges"),
)
PLACES = ("host", "manager", "worker")
LONGEST = {
    "stop-database": 12.0,
    "forbid-writes": 20.0,
    "take-connections": 12.0,
    "silence-resolver": 20.0,
    "stall-storage": 20.0,
}
PASSES = 10.0  # seconds in which what heals by itself has done so
UNDO = (
    *("start-database", "allow-writes", "give-connections"),
    *("resume-resolver", "resume-storage", "start-registry", "show-metrics"),
)


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
    while at < end - SHORTEST:
        action, healed_by, what = chance.choice(KINDS)
        lasts = min(chance.uniform(SHORTEST, 30), LONGEST.get(action, 30.0))
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
    """Return what may be broken now; [""] stands for something of the whole cluster."""
    under_way = [fault for fault in made if over(fault) > at]
    if what not in PLACES:
        rests = [f for f in made if over(f) + PASSES > at]  # two outages in a row were one too long
        return [] if any(_what(f) == what for f in rests) else [""]
    troubled = {f.target for f in under_way}
    spare = len(managers) // 2 + len(managers) % 2 - 1  # a quorum stays, and an edge
    some = [name for name in workers if name not in troubled]
    free = some if what != "manager" and len(some) > 1 else []
    if what != "worker" and spare > 0 and not troubled.intersection(managers):
        free = [*managers, *free]
    return free


def _what(fault: Fault) -> str:
    return next(what for action, _heal, what in KINDS if action == fault.action)


def over(fault: Fault) -> float:
    """Return when a fault is over: when it is healed, or has passed by itself."""
    if fault.heal is not None:
        return fault.heal
    healed_by = next(heal for action, heal, _what in KINDS if action == fault.action)
    return math.inf if healed_by else fault.at + PASSES


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
        lenient=True,
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
