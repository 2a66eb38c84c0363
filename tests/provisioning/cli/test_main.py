"""What an operator types, and what comes back when something is odd."""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from provisioning.cli import main as module
from provisioning.cli.care import moment
from provisioning.cli.main import main, unexpected
from provisioning.cli.prompts import confirm
from provisioning.errors import OperatorError
from provisioning.ssh.redaction import Redactor


def test_what_nobody_has_foreseen_is_a_sentence_with_a_file_to_send() -> None:
    redact = Redactor()
    redact.hide("hunter2hunter2")
    try:
        raise KeyError("hunter2hunter2")
    except KeyError as error:
        said = unexpected(error, redact)
    path = Path(said.partition("Send the file ")[2].partition(" ")[0])
    try:
        text = path.read_text()
        assert "Traceback" in text
        assert path.stat().st_mode & 0o077 == 0
        assert not any("hunter2" in t for t in (text, said))
    finally:
        path.unlink()


def test_an_exception_in_a_command_ends_with_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(args: argparse.Namespace) -> int:
        raise ZeroDivisionError("odd")

    monkeypatch.setattr(module, "_rehearse", fail)
    assert main(["rehearse"]) == 1
    said = capsys.readouterr().err
    assert "Traceback" not in said
    Path(said.partition("Send the file ")[2].partition(" ")[0]).unlink()


@pytest.mark.parametrize("image", ["shop:1; reboot", "$(reboot)", "-rf", "shop:1 --x", ""])
def test_an_image_that_is_none_is_refused(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["deploy", "--yes", "--", image])
    assert stop.value.code == 2
    assert "is no image name" in capsys.readouterr().err


def test_ages_and_times_of_log_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    assert moment("10m") == "10m"
    assert moment("2h30m") == "2h30m"
    local = datetime(2026, 11, 25, 16, 0).astimezone(UTC)
    assert moment("2026-11-25 16:00") == f"{local:%Y-%m-%dT%H:%M:%SZ}"
    assert moment("2026-11-25T16:00:00+02:00") == "2026-11-25T14:00:00Z"
    for odd in ("yesterday", "10m; reboot", ""):
        with pytest.raises(argparse.ArgumentTypeError, match="neither an age"):
            moment(odd)


def test_ctrl_d_at_a_question_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO("")
    monkeypatch.setattr(terminal, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", terminal)
    with pytest.raises(OperatorError, match="Nothing was changed"):
        confirm(argparse.Namespace(yes=False), "Really?")


def test_a_command_that_has_ended_waits_for_no_thread(tmp_path: Path) -> None:
    """Threads that try to reach a silent host go on for a while after Ctrl-C."""
    program = """
import runpy, sys, threading, time
threading.Thread(target=time.sleep, args=(100,)).start()
sys.argv = ["ops", "releases", "--inventory", "none.toml"]
runpy.run_module("provisioning", run_name="__main__")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "There is no inventory none.toml" in done.stderr
