"""How much memory a guest may have, in a control group of the kernel's own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.rehearsal import cgroups, memory
from provisioning.rehearsal.system import wait_for

GREEDY = """
import pathlib, sys, time
ready, go = map(pathlib.Path, sys.argv[1:])
ready.touch()
while not go.exists():
    time.sleep(0.02)
kept = bytearray(b"x" * (64 << 20))
"""


@pytest.fixture
def guest(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the name of a guest that is a control group and nothing else."""
    if os.geteuid() != 0:
        pytest.skip("needs root, as a rehearsal does")
    monkeypatch.setattr(cgroups, "SLICE", f"bookstore-test-{os.getpid()}")
    cgroups.create("guest")
    yield "guest"
    cgroups.kill("guest")
    cgroups.delete("guest")


def greedy(folder: Path, name: str) -> tuple[subprocess.Popen[bytes], Path]:
    """Start who waits until a file is there, and takes 64 MiB then; return both."""
    ready, go = folder / f"{name}-ready", folder / f"{name}-go"
    enter = f'{cgroups.enter("guest")}exec "$@"'
    argv = ["sh", "-c", enter, "sh", sys.executable, "-c", GREEDY, str(ready), str(go)]
    process = subprocess.Popen(argv)
    wait_for(ready.exists, "it did not start", 60)
    return process, go


def test_a_squeezed_guest_gets_no_more_memory_until_it_is_given_some(
    guest: str, tmp_path: Path
) -> None:
    process, go = greedy(tmp_path, "squeezed")
    memory.squeeze(guest)
    assert process.poll() is None, "what it has it keeps"
    go.touch()
    assert process.wait(60) == -signal.SIGKILL
    assert memory.refused(guest) > 0
    memory.give(guest)
    process, go = greedy(tmp_path, "given")
    go.touch()
    assert process.wait(60) == 0
