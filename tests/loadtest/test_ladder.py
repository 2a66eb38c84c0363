"""What a step came to, and the table of them in two languages."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from loadtest.evidence.result import Event
from loadtest.ladder import __main__ as ladder
from loadtest.ladder import figures, page
from loadtest.ladder.figures import Fault, Rate, Step
from provisioning.rehearsal import lifecycle
from provisioning.rehearsal.layout import hosts


def asked(at: float, ms: float = 50, error: str | None = None) -> dict[str, Any]:
    return {"at": at, "ms": ms, "error": error, "late": 0}


def step(**changed: object) -> Step:
    given: dict[str, Any] = {
        "when": "2026-01-02", "commit": "abc", "seed": "s", "hosts": "1 machine", "clicks": 5.0,
        "built": 61.0, "rates": (rate(2),), "faults": (fault("process"),), "orders": 7,
        "ledger": {"lost": 0, "duplicated": 0, "oversold": 0, "other": 0},
    }  # fmt: skip
    return Step(**{**given, **changed})


def rate(clicks: float, **changed: Any) -> Rate:
    return Rate(**{"clicks": clicks, "requests": 4 * clicks, "p50": 20, "p99": 300, "failed": 0,
                   "missed": 0, **changed})  # fmt: skip


def fault(name: str, **changed: Any) -> Fault:
    return Fault(**{"name": name, "requests": 100, "failed": 0, "pages": 0, "noticed": 0.0,
                    "lasted": 1.0, **changed})  # fmt: skip


EVENTS = [Event(100, "process", 101), Event(200, "host", 221)]


@pytest.mark.parametrize(
    ("request_", "counts"),
    [
        (asked(99), (0, 0)),  # over before anything happened
        (asked(99, ms=1001), (1, 0)),  # in flight when it did
        (asked(100), (1, 0)),
        (asked(199.9, ms=5000), (1, 1)),  # began with the first, and ran into the second
        (asked(200), (0, 1)),
        (asked(299), (0, 1)),
        (asked(300), (0, 0)),  # the load is over
    ],
)
def test_a_request_belongs_to_the_faults_that_it_meets(
    request_: dict[str, Any], counts: tuple[int, int]
) -> None:
    made = figures.faults([request_], EVENTS, 300)
    assert tuple(f.requests for f in made) == counts


@pytest.mark.parametrize(
    ("requests", "noticed", "failed", "pages"),
    [
        ([asked(101)], 0.0, 0, 0),
        ([asked(101, ms=1000)], 0.0, 0, 0),
        ([asked(101, ms=1500)], 2.5, 0, 0),
        ([asked(110, error="503 page"), asked(120, ms=100, error="no answer")], 20.1, 2, 1),
        ([asked(250, error="no answer")], 0.0, 0, 0),  # another fault's
    ],
)
def test_a_fault_is_noticed_until_the_last_slow_or_failed_request_has_ended(
    requests: list[dict[str, Any]], noticed: float, failed: int, pages: int
) -> None:
    first = figures.faults(requests, EVENTS, 300)[0]
    assert (first.noticed, first.failed, first.pages) == (noticed, failed, pages)
    assert [f.lasted for f in figures.faults(requests, EVENTS, 300)] == [1, 21]


def test_the_first_seconds_do_not_count_for_a_rate() -> None:
    requests = [asked(10, ms=9000), asked(12, error="x"), asked(16), asked(20)]
    made = figures.rate(3, requests, [{"what": "missed"}, {"what": "second"}])
    assert (made.failed, made.missed) == (0, 1)
    assert made.p99 < 60


@pytest.mark.parametrize(
    ("tried", "best"),
    [
        ((), None),
        ((rate(1),), 1),
        ((rate(1), rate(2), rate(3, p99=1001)), 2),
        ((rate(1), rate(2, failed=1)), 1),
        ((rate(1, missed=1),), None),
    ],
)
def test_the_best_rate_is_the_highest_that_was_served(
    tried: tuple[Rate, ...], best: float | None
) -> None:
    found = step(rates=tried).best
    assert (found and found.clicks) == best


def test_steps_are_kept_beside_those_that_are_there(tmp_path: Path) -> None:
    path = tmp_path / "ladder.json"
    page.keep(path, {"swarm": step(hosts="5 hosts")})
    page.keep(path, {"machine": step(restored=70.0, missing=0)})
    assert page.read(path) == {
        "swarm": step(hosts="5 hosts"),
        "machine": step(restored=70.0, missing=0),
    }


@pytest.mark.parametrize("language", page.PAGES)
def test_the_table_says_what_was_measured_and_what_was_not(language: str) -> None:
    bad = {"lost": 1, "duplicated": 0, "oversold": 2, "other": 0}
    machine = step(faults=(fault("host", failed=9, pages=2, noticed=31.5),), ledger=bad)
    text = page.table({"machine": machine}, language)
    lines = [line.split(" | ") for line in text.splitlines()]
    assert {len(line) for line in lines[2:]} == {4}
    say = page.TEXTS[language]
    host = next(line for line in text.splitlines() if say["host"] in line)
    assert f"9 {say['of']} 100 {say['failed']}, 2 {say['pages']}" in host
    assert f"31{'.' if language == 'en' else ','}5 s" in host
    assert host.count(say["not"]) == 2
    assert "7; 1, 0, 2, 0" in text
    assert not machine.clean


def test_both_languages_say_the_same_things() -> None:
    assert page.TEXTS["en"].keys() == page.TEXTS["es"].keys()


def test_every_step_has_a_price_and_each_costs_more_than_the_one_before() -> None:
    paid = list(page.prices().values())
    assert len(paid) == 3
    assert paid == sorted(paid)
    assert paid[0] > 10


@pytest.mark.parametrize("language", page.PAGES)
def test_the_pages_are_as_the_figures_make_them(language: str) -> None:
    text = page.PAGES[language].read_text()
    assert page.published(text, page.read(), language) == text


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="no table to publish in"):
        page.published("# Nothing\n", {}, "en")


def test_what_is_kept_is_json_that_a_person_can_read(tmp_path: Path) -> None:
    page.keep(tmp_path / "kept.json", {"machine": step()})
    text = (tmp_path / "kept.json").read_text()
    assert re.search(r'^  "commit": "abc",$', text, re.M)
    assert list(json.loads(text)) == ["machine"]


def test_a_rehearsal_of_somebody_else_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def touched(*_: object) -> None:
        raise AssertionError("it was touched")

    monkeypatch.setattr(lifecycle, "current_hosts", lambda: hosts(1, 1))
    monkeypatch.setattr(lifecycle, "down", touched)
    monkeypatch.setattr(ladder, "build", touched)
    assert ladder.main(["--folder", str(tmp_path / "runs")]) == 2
    assert "A rehearsal is up." in capsys.readouterr().err
