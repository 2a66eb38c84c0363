"""Run the machine's own programs, and say on screen what takes time."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from provisioning.errors import OperatorError
from provisioning.rehearsal.layout import CACHE

PROGRAMS = {  # program: the Debian package that brings it
    "debootstrap": "debootstrap",
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "bindfs": "bindfs",
}
APT = ("apt-get", "-o", "DPkg::Lock::Timeout=400", "-y", "--no-install-recommends")
WATCHERS = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH_WATCHERS = 2048  # each guest's systemd needs a few, and there may be ten rehearsals
# A program that is in nobody's way when this command is killed: it dies with it.
DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")


def run(
    argv: Sequence[str | Path],
    *,
    stdin: str = "",
    env: dict[str, str] | None = None,
    timeout: float = 900,
) -> str:
    """Run a program to its end and give what it printed; stop with its last lines if it fails."""
    try:
        done = subprocess.run(
            [*DIES_WITH_US, *argv],
            input=stdin,
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", **(env or {})},
            timeout=timeout,
            text=True,
            errors="replace",
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise OperatorError(f"`{_shown(argv)}` did not end within {timeout:g} s.") from None
    if done.returncode:
        lines = "\n  ".join(done.stdout.strip().splitlines()[-12:])
        raise OperatorError(f"`{_shown(argv)}` failed ({done.returncode}):\n  {lines}")
    return done.stdout


def _shown(argv: Sequence[str | Path]) -> str:
    text = " ".join(map(str, argv))
    return text if len(text) < 160 else text[:150] + " …"


def require_machine() -> None:
    """Refuse a machine that cannot rehearse; install the Debian packages that it lacks."""
    if sys.platform != "linux" or not shutil.which("apt-get"):
        raise OperatorError(
            "The rehearsal needs Debian or Ubuntu: it builds its hosts with debootstrap. "
            "Use a virtual machine with one of them."
        )
    if os.geteuid() != 0:
        raise OperatorError(
            "The rehearsal makes network namespaces and mounts, which only root may do: "
            "run the same command with sudo."
        )
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    missing = sorted({package for name, package in PROGRAMS.items() if not shutil.which(name)})
    if missing:
        with step(f"Packages for this machine: {', '.join(missing)}"):
            # Without util-linux's setpriv, run() itself cannot start; apt brings it.
            env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
            for command in (["update"], ["install", *missing]):
                done = subprocess.run(
                    [*APT, "-qq", *command], env=env, text=True, capture_output=True, check=False
                )
                if done.returncode:
                    raise OperatorError(
                        f"apt-get could not install {', '.join(missing)}:\n  {done.stderr.strip()}"
                    )


def allow_many_guests() -> None:
    """Raise the kernel's limit on watchers of files; a systemd that gets none ends at once."""
    if int(WATCHERS.read_text()) < ENOUGH_WATCHERS:
        WATCHERS.write_text(str(ENOUGH_WATCHERS))


@contextmanager
def only_one(folder: Path = CACHE) -> Iterator[None]:
    """Hold a lock: on the cache for building and tearing down, on STATE for changing hosts.

    A rehearsal that is being built holds up no power cut in another.
    """
    folder.mkdir(mode=0o711, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)  # a folder can be locked: no lock file stays behind
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(
                "  Waiting for another rehearsal command to finish …", file=sys.stderr, flush=True
            )
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def wait_for(condition: object, what: str, seconds: float, pause: float = 0.1) -> None:
    """Call until true; stop with a sentence when it stays false for so many seconds."""
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise OperatorError(f"{what} (waited {seconds:g} s).")
        time.sleep(pause)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Print what is being done, then how long it took."""
    live = sys.stderr.isatty()
    if live:
        print(f"  {title} …", end="", file=sys.stderr, flush=True)
    begin = time.monotonic()
    try:
        yield
    except BaseException:
        print(f"{'\r' if live else ''}  {title}: failed", file=sys.stderr, flush=True)
        raise
    line = f"  {title:<58} {time.monotonic() - begin:6.1f} s"
    print(f"\r\033[K{line}" if live else line, file=sys.stderr, flush=True)
