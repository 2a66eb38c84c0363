"""Open load: when clicks come, who gets them, and what becomes of those that nobody can take."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from loadtest.people.arrivals import moments, share_at

SPIKE = ((30, 0.2), (90, 1.0), (60, 0.2))
ROOT = Path(__file__).parents[2]


def first(clicks: Iterator[float], seconds: float) -> list[float]:
    return list(itertools.takewhile(lambda at: at < seconds, clicks))


def test_constant_clicks_are_evenly_spaced() -> None:
    clicks = first(moments(4, "constant", Random(1)), 10)
    assert clicks == pytest.approx([i / 4 for i in range(1, 40)])


def test_poisson_clicks_have_their_rate_and_spread() -> None:
    clicks = first(moments(50, "poisson", Random("seed")), 400)
    assert len(clicks) == pytest.approx(20_000, rel=0.03)
    counts = [sum(1 for _ in group) for _, group in itertools.groupby(clicks, int)]
    mean = sum(counts) / len(counts)
    variance = sum((n - mean) ** 2 for n in counts) / len(counts)
    assert variance == pytest.approx(mean, rel=0.25)  # evenly spaced ones would have almost none


def test_the_seed_decides_about_every_click() -> None:
    one, again, other = (first(moments(20, "poisson", Random(s)), 20) for s in ("a", "a", "b"))
    assert one == again != other


def test_clicks_follow_a_shape_and_end_with_it() -> None:
    clicks = list(moments(100, "constant", Random(1), lambda now: share_at(SPIKE, now, 18.0)))
    by_stage = [sum(a <= at < b for at in clicks) for a, b in ((0, 3), (3, 12), (12, 18))]
    assert by_stage == pytest.approx([60, 900, 120], abs=5)  # a click of the slower stage
    assert max(clicks) < 18.1


SCRIPT = """
from gevent import monkey; monkey.patch_all()
import time, gevent
from loadtest.people.arrivals import Arrivals, Over
{body}
"""


def carry_out(body: str, folder: Path) -> list[dict[str, object]]:
    """Run a few lines where gevent is at home; return what was recorded."""
    script = SCRIPT.format(body=body)
    env = {"LOADTEST_RUN": str(folder), "PYTHONPATH": str(ROOT), "PATH": "/usr/bin"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=env, cwd=ROOT, capture_output=True, timeout=60,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    lines = "".join(p.read_text() for p in folder.glob("arrivals.*.jsonl"))
    return [json.loads(line) for line in lines.splitlines()]


def test_people_come_as_they_are_needed_and_their_slowness_holds_no_click_up(
    tmp_path: Path,
) -> None:
    """Ten clicks in a second, each taken for a second: ten people, none later than its moment."""
    body = """
taken = []
def person():
    try:
        while True:
            due = arrivals.next_click()
            taken.append(time.time() - due)
            gevent.sleep(1.5)
    except Over:
        pass
def create():
    arrivals.people += 1
    gevent.spawn(person)
arrivals = Arrivals(iter([i / 10 for i in range(10)]), create, most=20)
arrivals.run()
gevent.sleep(0.1)
arrivals.stop()
assert arrivals.people == 10, arrivals.people
assert len(taken) == 10 and max(taken) < 0.1, taken
"""
    recorded = carry_out(body, tmp_path)
    assert sum(int(str(e["clicks"])) for e in recorded if e["what"] == "second") == 10
    assert not [e for e in recorded if e["what"] == "missed"]


def test_a_click_that_nobody_can_take_in_time_is_missed(tmp_path: Path) -> None:
    body = """
def person():
    try:
        while True:
            arrivals.next_click()
            gevent.sleep(1.6)
    except Over:
        pass
def create():
    arrivals.people += 1
    gevent.spawn(person)
arrivals = Arrivals(iter([i / 10 for i in range(20)]), create, most=1)
arrivals.run()
gevent.sleep(0.2)
arrivals.stop()
"""
    recorded = carry_out(body, tmp_path)
    missed = [e for e in recorded if e["what"] == "missed"]
    assert 17 <= len(missed) <= 19, recorded
