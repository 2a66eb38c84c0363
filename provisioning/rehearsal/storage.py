"""The shared storage: a folder that a process of its own serves, so that it can stop answering.

A file system in user space stands for EFS: while its process is stopped, whoever opens or writes a
file waits, as with a network file system that is mounted `hard`, and nothing is lost.
"""

from __future__ import annotations

import os
import signal
import subprocess

from provisioning.errors import OperatorError
from provisioning.rehearsal import cgroups, mounts
from provisioning.rehearsal.layout import SHARED, STATE
from provisioning.rehearsal.system import wait_for

NAME = "storage"  # of its control group
KEPT = STATE / "kept"  # where the files really are
COVERS = KEPT / "media/covers"
LOST = STATE / "lost"  # covers that were lost on purpose
LOG = STATE / "storage.log"


def serve() -> None:
    """Serve the shared folder unless it is served; one that was stalled answers again."""
    if mounts.under(SHARED):
        resume()
        return
    for folder in (KEPT, SHARED):
        folder.mkdir(parents=True, exist_ok=True)
    cgroups.create(NAME)
    argv = ["bindfs", "-f", "-o", "allow_other", str(KEPT), str(SHARED)]
    with LOG.open("ab") as log:
        subprocess.run(
            ["setsid", "--fork", "sh", "-c", cgroups.enter(NAME) + 'exec "$@"', "sh", *argv],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            check=True,
        )
    try:
        wait_for(lambda: mounts.under(SHARED), "The shared storage is not served", 20)
    except OperatorError as error:
        said = LOG.read_text(errors="replace").strip()
        raise OperatorError(
            f"{error} bindfs said: {said or 'nothing'}\n"
            "It needs FUSE: `modprobe fuse`, or a machine that has /dev/fuse."
        ) from None


def stall() -> None:
    """Let the storage stop answering."""
    _signal(signal.SIGSTOP)


def resume() -> None:
    """Let the storage answer again, and everything that waited go on."""
    _signal(signal.SIGCONT)


def lose() -> int:
    """Lose the covers, as with a file system that had to be made anew; give how many files."""
    if LOST.exists() or not COVERS.is_dir():
        return 0
    COVERS.rename(LOST)
    return sum(1 for _file in LOST.iterdir())


def find() -> None:
    """Put the lost covers back, beside those that have come since."""
    if not LOST.exists():
        return
    COVERS.mkdir(parents=True, exist_ok=True)
    found = LOST.stat()
    os.chown(COVERS, found.st_uid, found.st_gid)
    for file in LOST.iterdir():
        file.replace(COVERS / file.name)
    LOST.rmdir()


def _signal(number: signal.Signals) -> None:
    for pid in cgroups.processes(NAME):
        os.kill(pid, number)
