"""The figures of a run, kept beside its report, and how they spread over its repeats."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from loadtest.evidence.result import Result, summarize
from loadtest.evidence.run import RunFacts

FILE = "figures.json"
_NUMBERED = re.compile(r"(.+)-(\d{1,4})")  # as --repeat names the folders of a set


@dataclass(frozen=True)
class Repeat:
    """One run of several: times in milliseconds, from the intended start."""

    name: str
    seed: str
    commit: str
    passed: bool
    requests: int
    failed: int
    again: int
    rate: float
    p50: float
    p99: float
    slowest: float


def figures(name: str, result: Result, facts: RunFacts | None) -> Repeat:
    """Return the figures of a run."""
    seen = summarize(result.requests)
    return Repeat(
        name,
        facts.seed if facts else "",
        facts.commit if facts else "",
        result.passed,
        seen.count,
        seen.failed,
        seen.repeated,
        round(seen.rate, 2),
        round(seen.times[50.0], 2),
        round(seen.times[99.0], 2),
        round(seen.slowest, 2),
    )


def keep(folder: Path, one: Repeat) -> None:
    """Keep the figures of a run in its folder."""
    (folder / FILE).write_text(json.dumps(asdict(one), indent=1) + "\n")


def of_the_same_set(folder: Path) -> Sequence[Repeat]:
    """Return all runs so far of the set that a folder such as worker-loss-2 belongs to."""
    own = _NUMBERED.fullmatch(folder.resolve().name)
    if own is None:
        return ()
    found: dict[int, Repeat] = {}
    for path in folder.resolve().parent.glob(f"*/{FILE}"):
        other = _NUMBERED.fullmatch(path.parent.name)
        if other is None or other[1] != own[1]:
            continue
        try:
            found[int(other[2])] = Repeat(**json.loads(path.read_text()))
        except (OSError, ValueError, TypeError):
            continue
    return [found[number] for number in sorted(found)]
