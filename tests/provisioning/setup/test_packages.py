"""Packages are installed though the host's own upgrades hold the locks: with the real apt."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import threading
import time
from pathlib import Path

import pytest

from provisioning.setup.scripts import PATIENTLY

pytestmark = pytest.mark.skipif(not shutil.which("apt-get"), reason="needs apt")


def update(folder: Path) -> tuple[subprocess.CompletedProcess[str], float]:
    """Let the real apt read its (empty) lists in a folder; tell how long that took."""
    for name in ("lists/partial", "etc/apt.conf.d", "etc/preferences.d", "etc/sources.list.d"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    options = f"-o Dir::State::lists={folder}/lists -o Dir::Etc={folder}/etc"
    started = time.monotonic()
    done = subprocess.run(
        ["bash", "-c", f"{PATIENTLY}patiently apt-get {options} update"],
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return done, time.monotonic() - started


def test_a_lock_that_somebody_holds_is_waited_for(tmp_path: Path) -> None:
    assert update(tmp_path)[0].returncode == 0
    lock = os.open(tmp_path / "lists" / "lock", os.O_RDWR | os.O_CREAT, 0o640)
    fcntl.lockf(lock, fcntl.LOCK_EX)
    threading.Timer(2.5, os.close, [lock]).start()
    done, seconds = update(tmp_path)
    assert done.returncode == 0, done.stderr
    assert seconds > 2


def test_another_error_is_said_at_once(tmp_path: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{PATIENTLY}patiently apt-get -o Dir::State={tmp_path} nonsense"],
        text=True,
        capture_output=True,
        timeout=20,
        check=False,
    )
    assert done.returncode
    assert "nonsense" in done.stderr
