"""A drill ends when nobody gets an answer any more, and says so."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.drills import watchdog
from loadtest.drills.watchdog import BEYOND, Watchdog, judged, unanswered
from loadtest.evidence import recorder


def seen(*answers: tuple[float, str | None]) -> list[dict[str, object]]:
    return [{"at": at, "ms": 500.0, "error": error} for at, error in answers]


@pytest.mark.parametrize(
    ("entries", "seconds"),
    [
        ([], 0),
        (seen((0, None), (70, None)), 0),
        (seen((0, None), (30, "a 503 page"), (61, "timeout")), 61),
        (seen((0, "timeout"), (70, "timeout")), 70.5),  # never any answer at all
        (seen((0, None), (30, "timeout"), (40, None), (50, "timeout")), 10),
    ],
)
def test_how_long_nobody_had_an_answer(entries: list[dict[str, object]], seconds: float) -> None:
    assert unanswered(entries) == pytest.approx(seconds)


@pytest.mark.parametrize(("last", "ends"), [(BEYOND + 1, True), (BEYOND - 1, False)])
def test_the_load_is_ended_when_the_cluster_is_beyond_help(
    last: float, ends: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(recorder.FOLDER, str(tmp_path))
    monkeypatch.setattr(watchdog, "LOOK", 0.02)
    for entry in seen((0, None), (last, "timeout")):
        recorder.write("outside", **entry)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as load:
        with Watchdog(tmp_path, load) as dog:
            assert dog.gave_up.wait(20 if ends else 0.5) is ends
        if not ends:
            load.terminate()
        assert load.wait(20) < 0


def test_a_drill_that_was_ended_has_not_passed() -> None:
    (line,) = judged(True)
    assert line.met is False
    assert judged(False) == []
