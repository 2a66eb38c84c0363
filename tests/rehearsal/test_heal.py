"""Overlay networks broken on purpose, found and repaired while readers go on."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from provisioning.rehearsal.layout import INVENTORY
from tests.rehearsal.load import Load
from tests.rehearsal.operator import ROOT, on, ops, running

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.rehearsal,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("one_edge"),
]
SPACE = (
    "space=/var/run/docker/netns/1-$(docker network inspect -f '{{.Id}}' bookstore_public | "
    "cut -c1-10)"
)


@contextmanager
def healing(log: Path) -> Iterator[None]:
    """Let `heal --watch` run."""
    command = [
        sys.executable,
        "-m",
        "provisioning",
        "heal",
        "--watch",
        "--inventory",
        str(INVENTORY),
    ]
    with (
        log.open("w") as output,
        subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=subprocess.STDOUT) as process,
    ):
        try:
            wait_for(log, "Watching", 20)
            time.sleep(6)
            yield
            assert process.poll() is None
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            print(log.read_text())


def wait_for(log: Path, text: str, seconds: float) -> float:
    """Wait until the log says something; tell how long that took."""
    began = time.monotonic()
    while text not in log.read_text():
        assert time.monotonic() - began < seconds, f"{text}: {log.read_text()}"
        time.sleep(0.2)
    return time.monotonic() - began


def replica() -> tuple[str, str]:
    """Choose a replica; give its host and its address on the shop's network."""
    host = running("app_web")[0].node
    address = on(
        host,
        "docker inspect -f '{{.NetworkSettings.Networks.bookstore_public.IPAddress}}' "
        "$(docker ps -q --filter name=app_web | head -1)",
    ).strip()
    return host, address


INSIDE = 'inside() { nsenter --net=$space "$@"; }'
# What containers remember of their neighbours hides for a while what is broken beneath them.
FORGET = """
for container in $(docker ps -q); do
    pid=$(docker inspect -f '{{.State.Pid}}' $container)
    nsenter --target $pid --net ip neigh flush all
done
"""
BREAKS = {"records wiped": "inside ip neigh del ADDRESS dev vxlan0"}


@pytest.mark.parametrize("what", BREAKS)
def test_what_was_broken_is_found_in_10_s_and_healed_in_30_s(what: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with healing(log), Load() as load:
        host, address = replica()
        began = time.monotonic()
        script = f"{SPACE}\n{INSIDE}\n{BREAKS[what]}\n{FORGET}"
        on("manager1", script.replace("ADDRESS", address))
        found = wait_for(log, f"manager1 does not reach app_web on {host}", 10)
        wait_for(log, "Healed.", 30)
        healed = time.monotonic() - began
        time.sleep(3)
    print(f"{what}: found after {found:.1f} s, healed after {healed:.1f} s; {load.summary()}")
    assert healed < 30
    assert not load.failures
    assert ops("heal").status == 0
