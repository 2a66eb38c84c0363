"""Run Locust: its command and its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from loadtest.evidence import recorder

HERE = Path(__file__).parent
SCENARIO_FILES = HERE / "scenarios"


@dataclass(frozen=True)
class Load:
    """What is put on a shop: who, how many, for how long, and how the shop is reached."""

    scenario: str
    host: str
    users: int
    seconds: int
    spawn: float  # people who come in a second
    processes: int = 1  # -1: one for each core
    authority: Path | None = None  # file of the authorities to trust
    resolve: str = ""  # NAME=ADDRESS,NAME=ADDRESS
    rate: float = 0.0  # clicks a second; 0: closed load
    arrivals: str = "poisson"
    seed: str = ""
    more: tuple[str, ...] = ()  # options of Locust's own

    @property
    def command(self) -> list[str]:
        """Return the command that runs the scenario without a page."""
        made = [
            *(sys.executable, "-m", "locust", "-f", str(SCENARIO_FILES / f"{self.scenario}.py")),
            *("--headless", "--host", self.host.rstrip("/")),
            *("-u", str(self.users), "-r", f"{self.spawn:g}", "-t", f"{self.seconds}s"),
            *("--stop-timeout", "15", "--only-summary", "--skip-log-setup"),
            *("--seed", self.seed),
        ]
        if self.processes != 1:
            made += ["--processes", str(self.processes)]
        if self.rate:
            made += ["--rate", f"{self.rate:g}", "--arrivals", self.arrivals]
            made += ["--most-people", str(self.users)]
            workers = os.cpu_count() or 1 if self.processes == -1 else self.processes
            made[made.index("-u") + 1] = made[made.index("-r") + 1] = str(workers)
        return [*made, *self.more]


def start(load: Load, folder: Path) -> subprocess.Popen[bytes]:
    """Start Locust, which records into a folder; its log is there as well."""
    return _start(load.command, load, folder, "locust.log")


@contextmanager
def watched_from_outside(load: Load, folder: Path) -> Iterator[None]:
    """Ask the shop from outside of Locust as well, as long as this lasts."""
    command = [sys.executable, "-m", "loadtest.outside", "--host", load.host.rstrip("/")]
    command += ["--resolve", load.resolve]
    with _start(command, load, folder, "outside.log") as process:
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


def _start(command: list[str], load: Load, folder: Path, log_name: str) -> subprocess.Popen[bytes]:
    path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {
        recorder.FOLDER: str(folder.resolve()),
        "LOADTEST_RESOLVE": load.resolve,
        "PYTHONPATH": path,
    }
    if load.authority:
        env["SSL_CERT_FILE"] = str(load.authority.resolve())
    with (folder / log_name).open("w") as log:
        return subprocess.Popen(command, env=env, stdout=log, stderr=log)


def run(load: Load, folder: Path) -> int | None:
    """Run Locust to its end; return its exit status, None where it was interrupted.

    Ctrl-C reaches Locust as well, which then lets people finish what they are at.
    """
    interrupted = False
    with watched_from_outside(load, folder), start(load, folder) as process:
        while True:
            try:
                status = process.wait()
                break
            except KeyboardInterrupt:
                if interrupted:
                    process.kill()
                interrupted = True
    return None if interrupted else status
