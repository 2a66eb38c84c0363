"""The facts of a run that a report names, kept beside its record so that it can be judged again."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from loadtest.errors import LoadError
from loadtest.evidence.budget import OBJECTIVE

FILE = "run.json"


@dataclass(frozen=True)
class RunFacts:
    """What was put on which shop; `rate` 0: closed load."""

    scenario: str
    about: str
    host: str
    seconds: int
    users: int
    rate: float = 0.0
    arrivals: str = "poisson"
    seed: str = ""
    commit: str = ""
    bound: int = 2000  # milliseconds that p99 from the intended start may be
    objective: float = OBJECTIVE  # percent of requests that should succeed
    status: int | None = None  # Locust's; None: the run did not come to its end

    def words(self) -> str:
        """Return how the run was meant: load, people, time, in a line."""
        how = (
            f"{self.rate:g} clicks a second ({self.arrivals}), up to {self.users} people,"
            if self.rate
            else f"Up to {self.users} people"
        )
        return f"{how} for {self.seconds} s on {self.host}, seed {self.seed}"

    def write(self, folder: Path) -> None:
        """Keep the facts in the folder of the run."""
        (folder / FILE).write_text(json.dumps(asdict(self), indent=1) + "\n")

    def ended(self, folder: Path, status: int | None) -> None:
        """Keep how the run ended."""
        replace(self, status=status).write(folder)

    @classmethod
    def read(cls, folder: Path) -> RunFacts:
        """Read the facts of a kept run."""
        try:
            return cls(**json.loads((folder / FILE).read_text()))
        except (OSError, ValueError, TypeError):
            raise LoadError(f"{folder} holds no run: it has no {FILE} that can be read.") from None


def commit() -> str:
    """Return the commit of this tree, and whether code differs from it; "" where there is none."""
    here = str(Path(__file__).parents[2])
    try:
        found = _git(here, "rev-parse", "--short", "HEAD")
        changed = _git(here, "status", "--porcelain", "-uno", "--", ".", ":!docs")
    except (OSError, subprocess.SubprocessError):
        return ""
    return f"{found}-dirty" if changed else found


def _git(folder: str, *arguments: str) -> str:
    asked = ["git", "-C", folder, *arguments]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=10, check=True)
    return done.stdout.strip()
