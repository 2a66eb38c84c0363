"""Simulated people in a real shop: everything they do works, and the ledger agrees."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from loadtest.__main__ import main
from tests.loadtest.shops import (
    assert_fine_but_for_time,
    run_until_somebody_orders,
    running_shop,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The demo shop in a process of its own: its address and its database."""
    with running_shop(tmp_path) as made:
        yield made.host, made.database


@pytest.mark.timeout(300)  # a machine that is busy takes longer
@pytest.mark.parametrize(
    "scenario", [pytest.param("shopping", marks=[pytest.mark.nightly]), "sale"]
)
def test_people_find_everything_working(
    scenario: str, shop: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, database = shop
    options = ["--host", host, "-u", "12", "--database", database]

    def run(seconds: str, folder: Path) -> int:
        return main([scenario, *options, "-t", seconds, "--folder", str(folder)])

    folder, shown = run_until_somebody_orders(run, tmp_path, capsys)
    assert_fine_but_for_time(shown)
    assert "✓ copies sold twice" in shown
    page = (folder / "report.html").read_text()
    assert "Everything that was promised is there, once, and adds up." in page


@pytest.mark.timeout(300)
def test_several_processes_are_recorded_as_one_run(
    shop: tuple[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host, database = shop
    options = ["--rate", "30", "--processes", "2", "--database", database]
    options += ["--seed", "several processes"]

    def run(seconds: str, folder: Path) -> int:
        return main(["sale", "--host", host, *options, "-t", seconds, "--folder", str(folder)])

    folder, shown = run_until_somebody_orders(run, tmp_path, capsys)
    assert_fine_but_for_time(shown)
    assert len([p for p in folder.glob("requests.*.jsonl") if p.stat().st_size]) == 2


AS_IN_A_TERMINAL = "signal.SIG_DFL"
IN_THE_BACKGROUND = "signal.SIG_IGN"  # as a shell without a terminal starts what ends in &


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("started", "told"),
    [
        (AS_IN_A_TERMINAL, signal.SIGINT),
        (AS_IN_A_TERMINAL, signal.SIGTERM),
        (IN_THE_BACKGROUND, signal.SIGTERM),
    ],
)
def test_an_interrupted_run_gives_the_report_of_what_there_is(
    started: str,
    told: signal.Signals,
    shop: tuple[str, str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = tmp_path / "run"
    code = f"import os, signal, sys; signal.signal(signal.SIGINT, {started}); os.execv(sys.argv[1],"
    command = [
        *(sys.executable, "-c", f"{code} sys.argv[1:])", sys.executable),
        *("-m", "loadtest", "shopping", "--host", shop[0], "--rate", "10"),
        *("-t", "300", "--folder", str(folder)),
    ]
    with (tmp_path / "shown").open("w") as shown:
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=shown, stderr=shown, start_new_session=True
        )
    try:
        deadline = time.monotonic() + 60
        while not any(p.stat().st_size > 5000 for p in folder.glob("requests.*.jsonl")):
            assert time.monotonic() < deadline, (tmp_path / "shown").read_text()
            time.sleep(0.1)
        os.killpg(process.pid, told)  # as a terminal does
        assert process.wait(120) == 1, (tmp_path / "shown").read_text()
    finally:
        process.kill()
        process.wait(10)
    assert "✗ the run lasted to its end" in (tmp_path / "shown").read_text()
    assert (folder / "report.html").exists()
    assert main(["check", str(folder)]) == 1
    assert "✗ the run lasted to its end" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-u", "0"], "no number of people"),
        (["--ca", "/nowhere.pem"], "there is no file /nowhere.pem"),
        (["-t", "soon"], "no duration"),
        (["--rate", "-1"], "no number of clicks"),
        (["-t", "2"], "too short for shopping"),
        (["--host", "http://no.such.host.invalid"], "nobody knows the name"),
        (["--host", "http://127.0.0.1:99999"], "no address of a shop"),
        (["--host", "http://[::1"], "no address of a shop"),
        (["--folder", "/dev/null/run"], "cannot be made"),
        (["--ca", __file__], "holds no certificate"),
        (["--resolve", "nonsense"], "no NAME=ADDRESS"),
        (["--processes", "-5"], "no number of processes"),
        (["--processes", "0"], "no number of processes"),
        (["--objective", "100"], "no share between 0 and 100"),
        (["--database", "sqlite:////no/such/folder/shop.db"], "There is no database"),
        (["--database", "postgres://shop@127.0.0.1/shop"], "no database of the shop"),
        (["--database", "somewhere"], "cannot be read"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_sentence(
    options: list[str], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        folder = tmp_path / "run"
        try:
            status = main(["shopping", "--host", host, "--folder", str(folder), *options])
        except SystemExit as stopped:
            status = int(str(stopped.code))
    assert status == 2
    assert words in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.timeout(300)
def test_tags_that_leave_nobody_are_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        options = ["--host", host, "-t", "100", "--folder", str(tmp_path / "run")]
        assert main(["shopping", *options, "--", "--tags", "nothing-of-ours"]) == 2
    assert "--tags or --exclude-tags leave nobody anything to do" in capsys.readouterr().err


def test_a_folder_that_is_there_is_not_written_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert main(["shopping", "--host", host, "--folder", str(tmp_path)]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["check", str(tmp_path)]) == 2
    assert "holds no run" in capsys.readouterr().err


def test_locusts_own_page_starts_people(shop: tuple[str, str], tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        page = f"http://127.0.0.1:{probe.getsockname()[1]}"
    command = [
        *(sys.executable, "-m", "locust", "-f", "loadtest/scenarios/shopping.py"),
        *("--host", shop[0]),
        *("--web-host", "127.0.0.1", "--web-port", page.rpartition(":")[2]),
    ]
    with (tmp_path / "locust.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        form = urllib.parse.urlencode({"user_count": 2, "spawn_rate": 2}).encode()
        started = json.loads(patiently(lambda: fetch(f"{page}/swarm", form), tmp_path))
        assert started["success"], started

        def busy() -> bytes:
            stats = fetch(f"{page}/stats/requests")
            assert json.loads(stats)["total_rps"] > 0
            return stats

        assert json.loads(patiently(busy, tmp_path))["fail_ratio"] == 0
    finally:
        process.terminate()
        process.wait(30)


def fetch(url: str, form: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, form, timeout=5) as answer:  # noqa: S310 — http, as given
        text: bytes = answer.read()
    return text


def patiently(ask: Callable[[], bytes], folder: Path) -> bytes:
    deadline = time.monotonic() + 40
    while True:
        try:
            return ask()
        except (OSError, AssertionError):
            assert time.monotonic() < deadline, (folder / "locust.log").read_text()
            time.sleep(0.3)


def test_a_shop_that_is_not_there_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    status = main(
        ["shopping", "--host", "http://127.0.0.1:9", "-u", "1", "-t", "3", "--folder", str(folder)]
    )
    assert status == 2
    assert "does not answer on port 9" in capsys.readouterr().err
    assert not folder.exists()
