"""A machine that cannot rehearse is told so, and mounts are taken away for certain."""

import os
import shutil
import sys
import threading
import time
from pathlib import Path

import pytest

from provisioning.errors import OperatorError
from provisioning.rehearsal import mounts, system


def test_without_root_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(OperatorError, match="run the same command with sudo"):
        system.require_machine()


def test_another_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(OperatorError, match="needs Debian or Ubuntu"):
        system.require_machine()


def test_a_program_that_fails_is_named_with_its_last_words() -> None:
    with pytest.raises(OperatorError, match=r"failed \(3\):\n  no such luck"):
        system.run(["sh", "-c", "echo no such luck; exit 3"])


def test_a_program_that_hangs_is_ended() -> None:
    with pytest.raises(OperatorError, match=r"did not end within 0\.2 s"):
        system.run(["sleep", "30"], timeout=0.2)


def test_a_second_command_waits_for_the_first(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with system.only_one(tmp_path):
            order.append("second")

    thread = threading.Thread(target=second)
    with system.only_one(tmp_path):
        thread.start()
        time.sleep(0.1)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]


def test_waiting_ends_with_a_sentence() -> None:
    with pytest.raises(OperatorError, match=r"The moon did not rise \(waited 0\.1 s\)"):
        system.wait_for(lambda: False, "The moon did not rise", 0.1, 0.02)


def test_mounts_under_a_folder_are_listed_deepest_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = (
        "proc /proc proc rw 0 0\n"
        "overlay /state/a overlay rw 0 0\n"
        "tmpfs /state/a/b\\040c tmpfs rw 0 0\n"
        "tmpfs /stateful tmpfs rw 0 0\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda *_args, **_options: table)
    assert mounts.under(Path("/state")) == [Path("/state/a/b c"), Path("/state/a")]
