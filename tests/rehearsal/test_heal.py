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

from provisioning.rehearsal.layout import INVENTORY, parse_host
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


# EDGE is the address of the edge on manager1, and ADDRESS that of a replica on another host, THERE.
START = """
traefik=$(docker ps -q --filter name=traefik)
inside() { nsenter --net=$space "$@"; }
edge() { nsenter --net=$(docker inspect -f '{{.NetworkSettings.SandboxKey}}' $traefik) "$@"; }
"""
# What containers remember of their neighbours hides for a while what is broken beneath them.
FORGET = """
for container in $(docker ps -q); do
    pid=$(docker inspect -f '{{.State.Pid}}' $container)
    nsenter --target $pid --net ip neigh flush all
done
"""
FALSE = "lladdr 02:42:de:ad:be:ef nud permanent"
MAC = "mac=$(inside ip neigh show ADDRESS dev vxlan0 | sed 's/.*lladdr \\([^ ]*\\).*/\\1/')\n"
BREAKS = {  # what is done, and whether on the edge's host or on the replica's
    "record wiped": ("edge", f"inside ip neigh del ADDRESS dev vxlan0\n{FORGET}"),
    "neighbour poisoned": ("edge", f"inside ip neigh replace ADDRESS dev vxlan0 {FALSE}\n{FORGET}"),
    "neighbour poisoned at the other end": (
        "replica",
        f"inside ip neigh replace EDGE dev vxlan0 {FALSE}\n{FORGET}",
    ),
    "neighbour poisoned in the edge itself": (
        "edge",
        f"edge ip neigh replace ADDRESS dev $(edge ip -o route get ADDRESS | "
        f"sed 's/.* dev \\([^ ]*\\).*/\\1/') {FALSE}",
    ),
    "forwarding entry astray": (
        "edge",
        f"{MAC}inside bridge fdb replace $mac dev vxlan0 dst 192.0.2.1 self permanent",
    ),
}


@pytest.mark.parametrize("what", BREAKS)
def test_what_was_broken_is_found_in_10_s_and_healed_in_30_s(what: str, tmp_path: Path) -> None:
    where, how = BREAKS[what]
    log = tmp_path / "log"
    with healing(log), Load() as load:
        host, address = replica()
        began = time.monotonic()
        do(how, host if where == "replica" else "manager1", host, address)
        found = wait_for(log, "does not reach", 10)
        wait_for(log, "Healed.", 30)
        healed = time.monotonic() - began
        time.sleep(3)
    print(f"{what}: found after {found:.1f} s, healed after {healed:.1f} s; {load.summary()}")
    assert healed < 30
    assert "is replaced" not in log.read_text()  # in the gentlest way
    assert not load.failures
    assert ops("heal").status == 0


def test_a_deleted_forwarding_entry_costs_no_request(tmp_path: Path) -> None:
    """It may come back before a fault has lasted: whatever the task sends teaches it."""
    log = tmp_path / "log"
    with healing(log), Load() as load:
        host, address = replica()
        do(f"{MAC}inside bridge fdb del $mac dev vxlan0 dst THERE self", "manager1", host, address)
        began = time.monotonic()
        knock = f"edge timeout 2 bash -c 'exec 3<>/dev/tcp/{address}/8000'"
        while "reached" not in do(f"{knock} 2>/dev/null && echo reached || true"):
            assert time.monotonic() - began < 30, log.read_text()
        back = time.monotonic() - began
        time.sleep(3)
    by = "heal" if "Healed." in log.read_text() else "itself"
    print(f"forwarding entry deleted: back after {back:.1f} s, by {by}; {load.summary()}")
    assert not load.failures
    assert ops("heal").status == 0


def do(script: str, at: str = "manager1", host: str = "", address: str = "") -> str:
    """Run a script that knows the networks of a replica and of the edge."""
    edge = on(
        "manager1",
        "docker inspect -f '{{.NetworkSettings.Networks.bookstore_public.IPAddress}}' "
        "$(docker ps -q -f name=traefik)",
    ).strip()
    pairs = (("ADDRESS", address), ("EDGE", edge), ("THERE", there(host) if host else ""))
    for name, value in pairs:
        script = script.replace(name, value)
    return on(at, f"{SPACE}\n{START}\n{script}")


def there(host: str) -> str:
    """Return a host's own address."""
    return parse_host(host).address
