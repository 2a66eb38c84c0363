"""What a terminal, a pipe or whoever ends a command may do to it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

# A command that asks, and has something to put right however it ends.
ASKS = """
import argparse, pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # who runs the tests may ignore them
signal.signal(signal.SIGHUP, signal.SIG_DFL)
from provisioning.cli import main as module
from provisioning.cli.prompts import confirm
def ask(args):
    try:
        confirm(argparse.Namespace(yes=False), "Really?")
    finally:
        print("tidied up")
        print("tidied up", file=sys.stderr)
        pathlib.Path(sys.argv[1]).write_text("tidied up")
module._rehearse = ask
sys.exit(module.main(["rehearse"]))
"""
Act = Callable[[subprocess.Popen[bytes], int], object]


def keys(content: bytes) -> Act:
    return lambda process, terminal: os.write(terminal, content)


def hang_up(process: subprocess.Popen[bytes], terminal: int) -> None:
    os.close(terminal)


def until(words: bytes, process: subprocess.Popen[bytes], terminal: int) -> None:
    """Read until these words have come; end the process where they do not."""
    said, deadline = b"", time.monotonic() + 120
    while words not in said:
        if not select.select([terminal], [], [], max(0, deadline - time.monotonic()))[0]:
            process.kill()
            raise AssertionError(said)
        said += os.read(terminal, 4096)


def until_it_reads(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process has fallen asleep: a signal that comes between a question and the wait
    for its answer is noted by Python, and seen by it only once somebody answers."""
    status, asleep, deadline = Path(f"/proc/{process.pid}/stat"), 0, time.monotonic() + 60
    while asleep < 4 and time.monotonic() < deadline:
        state = status.read_text().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("act", "status"),
    [
        pytest.param(keys(b"\x03"), 130, id="Ctrl-C"),
        pytest.param(keys(b"\x04"), 1, id="Ctrl-D"),
        pytest.param(keys(b"\xff\xfe\n"), 1, id="no UTF-8"),
        pytest.param(keys(b"\n"), 1, id="Enter"),
        pytest.param(lambda process, terminal: process.send_signal(signal.SIGTERM), 130, id="TERM"),
        pytest.param(lambda process, terminal: process.send_signal(signal.SIGHUP), 130, id="HUP"),
        pytest.param(hang_up, 130, id="terminal is gone"),
    ],
)
def test_whatever_ends_a_question_lets_the_command_tidy_up(
    act: Act, status: int, tmp_path: Path
) -> None:
    tidied = tmp_path / "tidied"
    ours, theirs = os.openpty()
    words = ["setsid", "--ctty", "--wait", sys.executable, "-c", ASKS, str(tidied)]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        until(b"Really? [y/N] ", process, ours)
        until_it_reads(process)
        act(process, ours)
        assert process.wait(60) == status
    assert tidied.read_text() == "tidied up"
    if act is not hang_up:
        os.close(ours)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_exception(closed: str, tmp_path: Path) -> None:
    command = f"{sys.executable} -m provisioning releases --inventory none.toml {closed}"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert ("There is no inventory" in done.stderr) == ("2>&-" not in closed)


def test_a_question_without_standard_input_is_refused() -> None:
    program = f"{ASKS.replace('sys.argv[1]', repr(os.devnull))}"
    done = subprocess.run(
        ["bash", "-c", f'{sys.executable} -c "$0" <&-', program],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, "There is no terminal to ask on" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


def test_what_a_terminal_has_no_sign_for_is_written_otherwise() -> None:
    program = ASKS.replace("confirm(argparse", 'print("… → Ñandú"); confirm(argparse')
    program = program.replace("sys.argv[1]", repr(os.devnull))
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"}, encoding="latin-1",
    )  # fmt: skip
    assert "Ñandú" in done.stdout
    assert "There is no terminal" in done.stderr
    assert "foreseen" not in done.stderr


def test_a_full_disk_on_this_side_gets_a_sentence() -> None:
    program = ASKS.replace("sys.argv[1]", repr(os.devnull))
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdin=subprocess.DEVNULL, stdout=full,
            stderr=subprocess.PIPE, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert "foreseen" not in done.stderr
    assert "No space left on device" in done.stderr


CHANGES = """
import pathlib, sys
from provisioning.cli import main as module
from provisioning.saying import sayer
def change(args):
    say = sayer()
    try:
        while True:
            say("one more task runs")
    finally:
        say("taking it back")
        pathlib.Path(sys.argv[1]).write_text("taken back")
module._rehearse = change
sys.exit(module.main(["rehearse"]))
"""


def test_a_reader_who_leaves_a_change_stops_it_and_it_is_put_right(tmp_path: Path) -> None:
    """`deploy | head` ended in the middle, with status 0 and without a word."""
    words = [sys.executable, "-c", CHANGES, str(tmp_path / "put right")]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait(60) == 130
    assert said.strip() == "Stopped. Nothing is lost: run the same command again to go on."
    assert (tmp_path / "put right").read_text() == "taken back"


SCALES = """
from provisioning.cli import hosts
class Scaler:
    def __init__(self, cluster, provider, rules, say, clock, dry_run):
        self.round = lambda: say("a host is asked for") or True
hosts.Scaler, hosts.provider_of = Scaler, lambda inventory: None
rules = dict(idle_below=0.5, idle_for=1, after_growth=1, boot_time=1)
work = lambda cluster: hosts.scale_hosts(cluster, N(once=False, dry_run=True, **rules))
"""
KEEPS = """
from provisioning.cli import backups
class Keeper:
    def __init__(self, cluster, say):
        self.say = say
    def take(self):
        while True:
            self.say("one more table")
backups.Keeper, backups.hide_secrets = Keeper, lambda cluster: None
work = lambda cluster: backups._backup(cluster, N(file=None, list=0, logs=0, watch=0))
"""
MAKES = """
from provisioning.cloud import cli
def work(cluster):
    with cli._progress() as tell:
        while True:
            tell("one more resource")
"""
RUN = """
import sys
from types import SimpleNamespace as N
from provisioning.cli import main as module
{}
cluster = N(redact=str, inventory=N(node_group=N(size=(1, 2), provider="rehearsal")))
module._rehearse = lambda args: work(cluster)
sys.exit(module.main(["rehearse"]))
"""


@pytest.mark.parametrize("work", [SCALES, KEEPS, MAKES], ids=["scale-hosts", "backup", "cloud up"])
def test_so_does_one_who_leaves_what_tells_of_hosts_backups_and_stacks(work: str) -> None:
    words = [sys.executable, "-c", RUN.format(work)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(60) == 130
