"""The rehearsal's own life: interrupted, crashed, cut off, and gone without a trace."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioning.errors import OperatorError
from provisioning.rehearsal import cgroups, guests, lifecycle, mounts, network
from provisioning.rehearsal.layout import (
    OPERATOR_LINK,
    SHARED,
    SHARED_IN_HOST,
    SLICE,
    STATE,
    Host,
)
from tests.rehearsal.operator import ROOT, ops, reachable

pytestmark = [pytest.mark.rehearsal, pytest.mark.timeout(900)]
WORKER = Host("worker", 1)


def traces() -> list[str]:
    """List whatever of this rehearsal exists on the machine, the cache apart."""
    groups = [str(p) for p in cgroups.ROOT.glob(f"*/{SLICE}")]
    links = [OPERATOR_LINK] if Path("/sys/class/net", OPERATOR_LINK).exists() else []
    folder = [str(STATE)] if STATE.exists() else []
    points = [str(p) for p in mounts.under(STATE)]
    arguments = [p.read_bytes() for p in Path("/proc").glob("[0-9]*/cmdline") if readable(p)]
    processes = [a.decode(errors="replace") for a in arguments if f"{STATE}/".encode() in a]
    return [*groups, *links, *folder, *points, *processes, *network.namespaces()]


def readable(path: Path) -> bool:
    """Tell whether a process still exists to be read."""
    try:
        path.read_bytes()
    except OSError:
        return False
    return True


def soon_reachable() -> bool:
    """Tell whether the worker is reached within some seconds: neighbours have to find it again."""
    deadline = time.monotonic() + 5
    while not reachable(WORKER.address, 22):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


@pytest.fixture
def nothing() -> Iterator[None]:
    """A machine without this rehearsal, before and after."""
    lifecycle.down()
    yield
    lifecycle.down()


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("seconds", [0.6, 1.5, 2.5, 4.0])
def test_an_up_that_was_killed_is_taken_down_without_a_trace(seconds: float) -> None:
    command = [sys.executable, "-m", "provisioning", "rehearsal", "up", "--workers", "1"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
    assert ops("rehearsal", "down").status == 0
    assert traces() == []


@pytest.mark.usefixtures("nothing")
def test_power_cables_and_a_second_up() -> None:
    lifecycle.up(1, 1)
    assert soon_reachable()

    lifecycle.crash(WORKER.name)
    assert not reachable(WORKER.address, 22)
    assert not guests.running(WORKER.name)
    with pytest.raises(OperatorError, match="no power already"):
        lifecycle.crash(WORKER.name)

    lifecycle.boot(WORKER.name)
    assert soon_reachable()

    lifecycle.partition(WORKER.name, apart=True)
    assert not reachable(WORKER.address, 22)
    assert lifecycle.state(WORKER) == "partitioned"
    lifecycle.partition(WORKER.name, apart=False)
    assert soon_reachable()

    before = cgroups.first_process(WORKER.name)
    lifecycle.up(1, 1)  # finds everything there
    assert cgroups.first_process(WORKER.name) == before
    with pytest.raises(OperatorError, match="Take it down first"):
        lifecycle.up(3, 1)

    lifecycle.stall_storage(stalled=True)
    write = guests.shell(WORKER.name, f"echo kept > {SHARED_IN_HOST}/note")
    with subprocess.Popen(write) as writing:
        time.sleep(2)
        assert writing.poll() is None
        lifecycle.stall_storage(stalled=False)
        assert writing.wait(5) == 0
    assert (SHARED / "note").read_text() == "kept\n"

    lifecycle.stall_storage(stalled=True)
    with subprocess.Popen(write):  # what waits is in nobody's way
        time.sleep(0.5)
        lifecycle.down()
    assert traces() == []
