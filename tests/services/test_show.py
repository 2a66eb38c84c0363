"""`./run app --services` as a show: what is killed starts again, and says so."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from bookstore.commands.services import LIVES, Part
from bookstore.settings import SettingsError
from tests.support.server import free_port
from tests.support.topology import wait_until_answered

STARTED = re.compile(r"^(?:  )?(\w+) .*process (\d+)$", re.MULTILINE)


class Show(NamedTuple):
    """A running show; `said` is what it wrote until now."""

    origin: str
    process: "subprocess.Popen[str]"
    lines: list[str]

    @property
    def said(self) -> str:
        return "".join(self.lines)

    def number_of(self, part: str) -> int:
        """Return the newest process of a part."""
        return [int(number) for name, number in STARTED.findall(self.said) if name == part][-1]


@pytest.fixture
def show(tmp_path: Path) -> Iterator[Show]:
    port = free_port()
    clean = {key: value for key, value in os.environ.items() if "BOOKSTORE" not in key}
    process = subprocess.Popen(
        [sys.executable, "-m", "bookstore", "demo", "--services", "--port", str(port),
         "--data", str(tmp_path)],
        env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    lines: list[str] = []
    reading = threading.Thread(target=lambda output: lines.extend(output), args=(process.stdout,))
    reading.start()
    show = Show(f"http://127.0.0.1:{port}", process, lines)
    for path in ("/", "/login", "/basket"):
        wait_until_answered(show.origin + path, 60)
    yield show
    if process.poll() is None:
        process.kill()
    process.wait(timeout=10)
    reading.join(timeout=10)
    process.stdout.close()


def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_what_is_killed_starts_again_while_the_others_serve_on(show: Show) -> None:
    first = show.number_of("orders")
    os.kill(first, signal.SIGKILL)
    assert httpx.get(f"{show.origin}/").status_code == 200
    until(lambda: "orders is started again" in show.said)
    assert "orders was ended by SIGKILL." in show.said
    assert show.number_of("orders") != first
    wait_until_answered(f"{show.origin}/basket")

    traefik = subprocess.run(
        ["pgrep", "-P", str(show.process.pid), "traefik"], capture_output=True, text=True
    )
    os.kill(int(traefik.stdout), signal.SIGTERM)
    until(lambda: "traefik is started again" in show.said)
    wait_until_answered(f"{show.origin}/")

    show.process.send_signal(signal.SIGINT)
    assert show.process.wait(timeout=40) == 0, show.said
    with pytest.raises(httpx.ConnectError):
        httpx.get(show.origin)


def test_a_part_that_never_lives_ends_the_show_with_a_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    part = Part("orders", [sys.executable, "-c", "raise SystemExit(3)"], None)
    part.start()

    def keep_running() -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            part.start_again_if_ended()
            time.sleep(0.05)

    with pytest.raises(SettingsError, match=f"orders ended 3 times within {LIVES:.0f} s"):
        keep_running()
    assert capsys.readouterr().out.count("orders ended (3).") == 3
    assert part.wait() == 0
