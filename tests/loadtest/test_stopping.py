"""What is said, and the status, when a command for testers is ended before its end."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

import pytest

from loadtest.stopping import run_to_its_end
from provisioning.errors import Interrupted

COMMAND = """
import sys, time
from loadtest.stopping import run_to_its_end
def main():
    print("begun", flush=True)
    try:
        time.sleep(60)
    finally:
        print("put right", flush=True)
sys.exit(run_to_its_end(main, "Nothing is left."))
"""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_it_has_it_put_right_what_it_must(by: signal.Signals) -> None:
    def heed() -> None:  # also where our own parent had them ignored
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)

    with subprocess.Popen(
        [sys.executable, "-c", COMMAND],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        preexec_fn=heed,
    ) as running:
        assert running.stdout
        assert running.stdout.readline() == "begun\n"
        running.send_signal(by)
        said, wrong = running.communicate(timeout=60)
    assert (running.returncode, said, wrong) == (
        130,
        "put right\n",
        "\nStopped. Nothing is left.\n",
    )


@pytest.mark.parametrize(
    ("raised", "said"),
    [((), "Nothing is left."), (("Half is mended.",), "Half is mended.")],
)
def test_what_is_left_behind_is_said(
    raised: Sequence[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def main() -> int:
        raise Interrupted(*raised)

    assert run_to_its_end(main, "Nothing is left.") == 130
    assert capsys.readouterr().err == f"\nStopped. {said}\n"


def test_the_status_of_what_ended_by_itself_is_its_own() -> None:
    assert run_to_its_end(lambda: 3, "") == 3
