"""A report tells all that a sceptic asks for, in one file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loadtest.evidence import report
from loadtest.evidence.budget import Budget
from loadtest.evidence.ledger.model import Audit, Finding
from loadtest.evidence.report import heatmap, repeats, tables
from loadtest.evidence.result import Entry, Event, Expectation, Result, Sample
from loadtest.evidence.run import RunFacts

pytestmark = pytest.mark.timeout(300)  # what draws takes longer where the machine is busy


def request(at: float, ms: float = 20, error: str | None = None, **more: object) -> Entry:
    made = {"at": at, "ms": ms, "name": "GET /books/[id]", "path": "/books/7", "status": 200}
    return made | {"error": error, "replica": "a-1", "opened": at - 2, "sent": 1} | more


def result(requests: list[Entry], **more: object) -> Result:
    return Result("worker-loss", "A worker loses its power.", requests, **more)  # type: ignore[arg-type]


def facts(**more: object) -> RunFacts:
    known = {"seed": "4711", "commit": "abc1234"} | more
    return RunFacts("shopping", "A day.", "https://shop.test", 90, 16, **known)  # type: ignore[arg-type]


def test_a_cell_counts_from_the_intended_start() -> None:
    late = request(110.2, ms=50, late=9700)  # should have begun at 100.5, and took 9.75 s from then
    made = heatmap.cells([late, request(110.2, ms=50)], 100, 1)
    assert dict(made.counts) == {(0, heatmap.bucket(9750)): 1, (10, heatmap.bucket(50)): 1}
    assert made.p99[0] == 9750


def test_a_cell_in_which_one_failed_is_marked() -> None:
    made = heatmap.cells([request(1), request(1.2, error="x"), request(5)], 0, 2)
    assert made.failed == {(0, heatmap.bucket(20))}


@pytest.mark.parametrize(
    ("most", "words"),
    [
        (1, ["1 or more"]),
        (7, ["1", "2–4", "5 or more"]),
        (60, ["1", "2–4", "5–9", "10–19", "20–49", "50 or more"]),
        (400, ["1–2", "3–9", "10–29", "30–99", "100–299", "300 or more"]),
        (90_000, ["1–9", "10–99", "100–999", "1000–9999", "10000 or more"]),
    ],
)
def test_colours_say_how_many_requests(most: int, words: list[str]) -> None:
    made = heatmap.cells([request(0)], 0, 1)
    made.counts[0, 0] = most
    assert heatmap.words(made.thresholds) == words


@pytest.mark.parametrize(
    ("requests", "failed", "objective", "used", "verdict"),
    [
        (1000, 0, 99.9, 0.0, "neither met nor missed for sure"),
        (10_000, 0, 99.9, 0.0, "met"),
        (10_000, 5, 99.9, 0.5, "neither met nor missed for sure"),
        (10_000, 40, 99.9, 4.0, "missed"),
        (10_000, 40, 99.0, 0.4, "met"),
        (0, 0, 99.9, 0.0, "neither met nor missed for sure"),
    ],
)
def test_the_budget_of_an_objective(
    requests: int, failed: int, objective: float, used: float, verdict: str
) -> None:
    made = Budget(requests, failed, objective)
    assert made.used == pytest.approx(used)
    assert made.verdict == verdict
    assert made.used_at_most >= made.used


def test_what_no_failure_leaves_of_a_budget_is_the_rule_of_three() -> None:
    assert Budget(3000, 0).used_at_most == pytest.approx(1.0, rel=0.01)


def test_every_request_that_failed_or_was_sent_again_is_listed() -> None:
    failed = [request(i, error="status 500", path=f"/books/{i}", status=500) for i in range(700)]
    again = [request(800, sent=2, path="/books/twice"), request(801, again=3, path="/checkout")]
    page = report.render(result([*failed, *again]))
    for i in range(700):
        assert f"<td>GET /books/{i}<td>500" in page
    assert re.search(r"/books/twice.*by the browser, sent 2 times; answered", page)
    assert re.search(r"/checkout.*by the person, try 4; answered", page)
    assert "<td>status 500<td class=number>700<td class=number>0.0<td class=number>699.0" in page


def test_the_history_has_a_verdict_of_its_own() -> None:
    found = [
        Finding("history", "Order 3 was seen paid, and awaiting_payment after that."),
        Finding("lost", "Order 9 was confirmed and does not exist."),
    ]
    audit = Audit({}, found, {"operations": 12})
    assert "Order 3 was seen paid" in tables.history(audit)
    assert "Order 9" not in tables.history(audit)
    assert "Order 3" not in tables.ledger(audit)
    assert "Order 9" in tables.ledger(audit)
    assert "Consistent:" in tables.history(Audit())
    assert "Consistent:" not in tables.history(None)


def test_a_report_names_its_commit_its_seed_and_its_raw_data(tmp_path: Path) -> None:
    facts().write(tmp_path)
    (tmp_path / "requests.7.jsonl").write_text("{}")
    report.write(tmp_path / "report.html", result([request(0)]))
    page = (tmp_path / "report.html").read_text()
    for text in ("abc1234", "4711", "requests.7.jsonl"):
        assert text in page


def test_repeats_of_one_drill_are_found_beside_it(tmp_path: Path) -> None:
    for folder in ("worker-loss-1", "worker-loss-10", "worker-loss-2", "drain-1"):
        (tmp_path / folder).mkdir()
        repeats.keep(tmp_path / folder, repeats.figures(folder, result([request(0)]), facts()))
    (tmp_path / "worker-loss-2" / repeats.FILE).write_text("cut o")
    found = repeats.of_the_same_set(tmp_path / "worker-loss-1")
    assert [one.name for one in found] == ["worker-loss-1", "worker-loss-10"]
    assert repeats.of_the_same_set(tmp_path) == ()


def test_runs_of_a_set_are_shown_with_their_spread() -> None:
    runs = [
        repeats.figures(f"a-{ms}", result([request(0, ms=ms)]), facts(seed=f"seed-{ms}"))
        for ms in (30, 50)
    ]
    spread = tables.spread(runs)
    assert "seed-30" in spread
    assert "seed-50" in spread
    assert "<td class=number>40<td class=number>40<td class=number>40" in spread  # the median


def test_a_report_without_requests_or_with_replicas_alone_is_drawn() -> None:
    samples = [Sample(10, {"w1": 2}, 2), Sample(12, {"w1": 1}, 2, ["w2"])]
    assert "Replicas by host" in report.render(result([], samples=samples))
    assert "<svg" in report.render(result([]))


def test_the_page_stands_alone_in_light_and_in_dark() -> None:
    judged = [Expectation("a", "1", "2 <b>", False), Expectation("c", "", "d", None)]
    page = report.render(
        result([request(0), request(1, error="503 page <i>")], expectations=judged,
               events=[Event(0.5, "crash <w1>")])
    )  # fmt: skip
    assert "prefers-color-scheme: dark" in page
    for tag in ("<b>", "<i>", "<w1>", "src=", "@import", "url(http"):
        assert tag not in page
    used = set(re.findall(r"var\((--[\w]+)\)", page))
    assert used == {name for name in used if f"{name}:" in page}
