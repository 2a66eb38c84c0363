"""Pages as a browser without JavaScript reads them, and reports that stand alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadtest.__main__ import main
from loadtest.arguments import check_host, database_urls
from loadtest.errors import LoadError
from loadtest.evidence import recorder, report
from loadtest.evidence.ledger.model import Audit, Finding
from loadtest.evidence.result import Event, Expectation, Result, Sample, summarize
from loadtest.people import checks
from loadtest.people.pages import Page, amount

TEXT = """
<a class="x" href="/books/1">One</a> <a href="/books/1">again</a>
<a href="/?q=a&amp;sort=new">more</a>
<form action="/"><input name="q" value=""></form>
<form method="post" action="/checkout">
  <input type="hidden" name="idempotency_key" value="k&amp;1">
  <select name="carrier">
    <option value="post">P</option><option value="swift" selected>S</option>
  </select>
  <select name="country"><option value="ES">E</option></select>
  <textarea name="address">
Calle Mayor</textarea>
  <input type="checkbox" name="gift" value="yes"><input type="checkbox" name="news" checked>
  <input type="file" name="cover">
</form>
<p class="notice error">Only <b>1</b> left.</p>
"""
PAGE = Page("/checkout", 200, TEXT)


def test_links_each_once_and_unescaped() -> None:
    assert PAGE.links(r"/books/\d+") == ["/books/1"]
    assert PAGE.links(r"/\?.*") == ["/?q=a&sort=new"]


def test_a_form_as_it_stands() -> None:
    form = PAGE.form("/checkout")
    assert form is not None
    assert form.fields == {
        "idempotency_key": "k&1",
        "carrier": "swift",
        "country": "ES",
        "address": "Calle Mayor",
        "news": "on",
    }
    assert form.choices["carrier"] == ["post", "swift"]
    assert form.files == ["cover"]
    assert PAGE.form("/elsewhere") is None


def test_texts_of_a_class() -> None:
    assert PAGE.texts("error") == ["Only 1 left."]


@pytest.mark.parametrize(("text", "expected"), [("€1,234.50", 123450), ("7,50 €", 750), ("", 0)])
def test_money(text: str, expected: int) -> None:
    assert amount(text) == expected


@pytest.mark.parametrize(("status", "heard"), [(0, False), (200, True), (422, True), (503, False)])
def test_an_error_page_is_no_answer(status: int, heard: bool) -> None:
    assert Page("/", status).heard is heard


@pytest.mark.parametrize(
    ("text", "copies"),
    [
        ('<p class="stock">Last copy</p>', 1),
        ('<p class="stock">12 copies left</p>', 12),
        ('<p class="stock">Quedan 3 ejemplares</p>', 3),
        ('<p class="stock gone">Sold out</p>', 0),
        ("<p>2 copies</p>", None),
    ],
)
def test_copies_that_are_left(text: str, copies: int | None) -> None:
    assert Page("/books/1", 200, text).copies() == copies


def request(at: float, ms: float = 20, error: str | None = None) -> dict[str, object]:
    return {"at": at, "ms": ms, "name": "GET /", "status": 200, "error": error, "replica": "a-1"}


def result(*expectations: Expectation) -> Result:
    requests = [request(100 + i / 10, ms=10 + i) for i in range(100)]
    requests.append(request(105, error="status 500 <b>"))
    return Result(
        "worker-loss",
        "A worker loses its power.",
        requests,
        list(expectations),
        [Event(103, "crash worker1")],
        [Sample(100, {"worker1": 1}, 2), Sample(104, {"worker2": 2}, 2, ["worker1"])],
        Audit({"orders": 3}, [Finding("lost", "Order 3 was confirmed and does not exist.")]),
    )


def test_a_report_stands_alone_and_tells_all() -> None:
    page = report.render(result(Expectation("requests that failed", "0", "1", False)))
    assert "FAILED" in page
    assert "<svg" in page
    assert "crash worker1" in page
    assert "Order 3 was confirmed and does not exist." in page
    assert "status 500 &lt;b&gt;" in page
    assert "src=" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")  # names of SVG, not addresses


def test_a_report_lists_what_was_in_flight_on_a_lost_edge_one_by_one() -> None:
    told = result()
    assert "In flight on the lost edge" not in report.render(told)
    told.broken = [
        {**request(102.5, ms=1700), "opened": 101, "sent": 2},
        {**request(102.75, ms=1500, error="hung up"), "opened": 100.5, "sent": 1},
    ]
    page = report.render(told)
    for cells in (
        ("2.50", "GET /", "1700", "1.5", "2", "answered when sent again"),
        ("2.75", "GET /", "1500", "2.2", "1", "hung up"),
    ):
        assert "<td>" + "<td>".join(cells) in page


def test_information_does_not_decide_the_verdict() -> None:
    assert result(Expectation("p95", "", "9 ms", None), Expectation("x", "0", "0", True)).passed
    assert not result(Expectation("x", "0", "1", False)).passed


def test_figures_over_all_requests() -> None:
    figures = summarize([request(i, ms=i) for i in range(1, 101)])
    assert figures.times[50.0] == pytest.approx(50, rel=0.001)
    assert figures.times[99.0] == pytest.approx(99, rel=0.001)
    assert figures.slowest == 100
    assert summarize([]).rate == 0


def test_a_line_cut_off_by_a_kill_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "ledger.1.jsonl").write_text('{"t":2,"what":"b"}\n{"t":3,"wh')
    (tmp_path / "ledger.2.jsonl").write_text('{"t":1,"what":"a"}\n')
    assert [entry["what"] for entry in recorder.read(tmp_path, "ledger")] == ["a", "b"]


def test_databases_of_contexts() -> None:
    assert set(database_urls(["mysql://x/y"]).values()) == {"mysql://x/y"}
    split = database_urls(["mysql://x/y", "orders=mysql://z/o"])
    assert split["orders"] == "mysql://z/o"
    with pytest.raises(LoadError, match="names no database for accounts, catalogue"):
        database_urls(["orders=mysql://z/o"])


@pytest.mark.parametrize("host", ["books.example.org", "ftp://x", "https://x/path"])
def test_a_wrong_host_is_one_sentence(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LoadError, match="is no address of a shop"):
        check_host(host)
    assert main(["shopping", "--host", host]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_scenario_without_a_target_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["shopping"])
    assert stopped.value.code == 2
    assert "--host" in capsys.readouterr().err


def test_a_page_of_its_own_that_says_why_is_a_sentence() -> None:
    text = '<section class="message"><p>409</p><h1>Too late</h1>\n<p>It has been called off.</p>'
    assert checks.accepted(Page("/sales/1/ship", 409, text + "</section>")) == ""
    assert checks.accepted(Page("/sales/1/ship", 409, "<h1>Conflict</h1>")) != ""
