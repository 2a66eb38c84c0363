"""Engines upgraded under readers, and back again where the new one does not come up."""

from __future__ import annotations

import time

import pytest

from tests.rehearsal.load import Load
from tests.rehearsal.operator import on, ops

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.rehearsal,
    pytest.mark.timeout(1500),
    pytest.mark.usefixtures("three_edges"),
]
# Makes another version of the engine's package in a host's mirror.
NEWER = """
cd /opt/mirror
rm -rf /tmp/new && dpkg-deb -R "$(ls docker.io_*.deb | head -1)" /tmp/new
sed -i 's/^Version: .*/&+rehearsed'NUMBER/ /tmp/new/DEBIAN/control
CHANGE
dpkg-deb --root-owner-group -Zgzip -z1 -b /tmp/new newer-NUMBER.deb >/dev/null
rm -rf /tmp/new
apt-ftparchive packages . > Packages 2>/dev/null
"""
BROKEN = "printf '#!/bin/sh\\nexit 1\\n' > /tmp/new/usr/sbin/dockerd"


def newer(host: str, number: int, change: str = "") -> None:
    """Let a newer engine be had on a host."""
    on(host, NEWER.replace("NUMBER", str(number)).replace("CHANGE", change))


def version(host: str) -> str:
    """Return the version of the engine's package."""
    return on(host, "dpkg-query -W -f '${Version}' docker.io")


def test_engines_are_upgraded_one_at_a_time_and_no_request_fails() -> None:
    newer("worker1", 1)
    newer("manager1", 1)
    with Load() as load:
        done = ops("upgrade", "--yes", timeout=900)
        time.sleep(3)
    print(load.summary())
    assert done.status == 0
    order = [line.split()[0] for line in done.text.splitlines() if "is upgraded" in line]
    assert order == ["worker1", "manager1"]
    assert not load.failures
    assert {version(h).endswith("+rehearsed1") for h in ("worker1", "manager1")} == {True}
    assert "Nothing to do" in ops("upgrade", "--yes").text


def test_an_engine_that_does_not_come_up_is_taken_back() -> None:
    before = version("worker2")
    newer("worker2", 2, BROKEN)
    with Load() as load:
        done = ops("upgrade", "--yes", timeout=900)
        time.sleep(3)
    print(load.summary())
    assert done.status == 1
    assert "worker2 did not come up with the new engine and runs the old one again" in done.text
    assert version("worker2") == before
    shown = "{{.Spec.Availability}} {{.Status.State}}"
    assert on("manager2", f"docker node inspect -f '{shown}' worker2").strip() == "active ready"
    assert not load.failures
