"""Workers come and go: a host comes for replicas without room, and hosts that are idle go again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioning.inventory import load as load_inventory
from provisioning.rehearsal import guests, lifecycle
from provisioning.rehearsal.layout import INVENTORY
from tests.rehearsal.load import Load
from tests.rehearsal.operator import ROOT, on, running

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("two_workers"),
]
FAST = ("--interval", "2", "--idle-for", "15", "--after-growth", "15")


@contextmanager
def scaling(log: Path) -> Iterator[None]:
    """Let `scale-hosts` run, in less of a hurry to wait than it usually is."""
    command = [sys.executable, "-m", "provisioning", "scale-hosts", "--inventory", str(INVENTORY)]
    with (
        log.open("w") as output,
        subprocess.Popen(
            [*command, *FAST], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            yield
            assert process.poll() is None
        finally:
            process.terminate()
            try:
                assert process.wait(30) == 130  # stopped as by Ctrl-C, not killed
            finally:
                process.kill()
                print(log.read_text())


def pin(replicas: int) -> None:
    """Let the autoscaler want a number of replicas, whatever the load."""
    labels = {"min": replicas, "max": replicas, "down.window": "0s"}
    flags = " ".join(f"--label-add bookstore.autoscale.{k}={v}" for k, v in labels.items())
    on("manager1", f"docker service update --quiet --detach {flags} app_web")


def soon(what: Callable[[], bool], meaning: str, seconds: float = 180) -> float:
    """Wait until something is so; tell how long that took."""
    began = time.monotonic()
    while not what():
        assert time.monotonic() - began < seconds, meaning
        time.sleep(0.5)
    return time.monotonic() - began


def members() -> dict[str, str]:
    """List the swarm's workers with their state; one that is just joining has no name yet."""
    shown = "--format '{{.Hostname}} {{.Status}}'"
    rows = on("manager1", f"docker node ls --filter role=worker {shown}").splitlines()
    return dict(row.split() for row in rows if len(row.split()) == 2)


def machines() -> set[str]:
    """List the workers of which anything exists on this machine."""
    return {name for name in guests.everything() if name.startswith("worker")}


def test_a_host_comes_for_replicas_without_room_and_idle_ones_go(tmp_path: Path) -> None:
    # Three replicas fill a host of two cores, so two hosts hold six.
    on("manager1", "docker service update --quiet --detach=false --reserve-cpu 0.6 app_web")
    with Load() as load, scaling(tmp_path / "log"):
        time.sleep(5)
        assert sorted(members()) == ["worker1", "worker2"]

        pin(8)
        joined = soon(lambda: "worker3" in members(), "no host came")
        full = soon(lambda: len(running("app_web")) == 8, "not all replicas run")
        assert {task.node for task in running("app_web")} == {"worker1", "worker2", "worker3"}
        assert {h.name for h in load_inventory(INVENTORY).workers} == set(members())
        print(f"a host had joined after {joined:.0f} s; all replicas ran {full:.0f} s later")

        pin(2)
        alone = soon(lambda: len(members()) == 1, "idle hosts did not go")
        assert set(members().values()) == {"Ready"}
        soon(lambda: len(running("app_web")) == 2, "two replicas do not run")
        soon(lambda: len(machines()) == 1, "a machine was not given back")
        assert machines() == set(members())
        assert {h.name for h in load_inventory(INVENTORY).workers} == set(members())
        print(f"the idle hosts were gone after {alone:.0f} s")
        time.sleep(3)
    print(load.summary())
    assert not load.failures


def test_a_machine_that_vanishes_is_forgotten_and_replaced(tmp_path: Path) -> None:
    """As when a spot instance is taken, or a cloud ends a broken one."""
    pin(2)
    (lost,) = members()
    with scaling(tmp_path / "log"):
        lifecycle.remove_worker(lost)
        soon(lambda: lost not in members(), "the departed is still listed")
        soon(lambda: list(members().values()) == ["Ready"], "no other host came")
        soon(lambda: len(running("app_web")) == 2, "two replicas do not run")
