"""Run Locust: its command and its environment."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from loadtest.evidence import recorder

HERE = Path(__file__).parent
SCENARIO_FILES = HERE / "scenarios"
STOP_TIMEOUT = 15  # seconds that people have to finish what they are at
AT_ONCE = 20  # seconds after which a process that was told to end is killed


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
            *("--stop-timeout", str(STOP_TIMEOUT), "--only-summary", "--skip-log-setup"),
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


@contextmanager
def start(load: Load, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start Locust, which records into a folder; its log is there as well. It ends with this."""
    with _process(load.command, load, folder, "locust.log") as process:
        yield process


@contextmanager
def watched_from_outside(load: Load, folder: Path) -> Iterator[None]:
    """Ask the shop from outside of Locust as well, as long as this lasts."""
    command = [sys.executable, "-m", "loadtest.outside", "--host", load.host.rstrip("/")]
    command += ["--resolve", load.resolve]
    with _process(command, load, folder, "outside.log"):
        yield


@contextmanager
def _process(
    command: list[str], load: Load, folder: Path, log_name: str
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process in a group of its own, so that it is ended by us alone, and always is.

    Ctrl-C in a terminal would reach it as well as us, wherever it is at that moment.
    """
    path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {
        recorder.FOLDER: str(folder.resolve()),
        "LOADTEST_RESOLVE": load.resolve,
        "PYTHONPATH": path,
    }
    if load.authority:
        env["SSL_CERT_FILE"] = str(load.authority.resolve())
    with (folder / log_name).open("w") as log:
        process = subprocess.Popen(
            command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
        )
    try:
        yield process
    finally:
        try:
            if process.poll() is None:
                process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    process.wait(AT_ONCE)
        finally:
            _kill(process)


def run(load: Load, folder: Path) -> int | None:
    """Run Locust to its end; return its exit status, None where it was interrupted.

    Ctrl-C, or SIGTERM, has people finish what they are at; a second one ends them at once.
    """
    with watched_from_outside(load, folder), start(load, folder) as made:
        try:
            return made.wait()
        except KeyboardInterrupt:
            print(f"Ending, within {STOP_TIMEOUT} s. Once more: at once.", flush=True)
        # Who starts us in the background may have SIGINT ignored, and our children have it so.
        ignored = signal.getsignal(signal.SIGINT) == signal.SIG_IGN
        made.send_signal(signal.SIGTERM if ignored else signal.SIGINT)
        try:
            with suppress(subprocess.TimeoutExpired):
                made.wait(STOP_TIMEOUT + AT_ONCE)
        except KeyboardInterrupt:
            _kill(made)
    return None


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process, and what it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
