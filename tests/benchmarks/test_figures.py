"""The harness's own arithmetic: what it parses, counts and compares."""

import asyncio
import gzip
import os
from pathlib import Path

import pytest

from benchmarks import processes
from benchmarks.catalogue_fill import isbn_of_number
from benchmarks.client import Answer, Browser, drive, parse
from benchmarks.data import Data
from benchmarks.figures import Round, percentile, ratios, spread, verdict
from benchmarks.report import has_place, put_into
from benchmarks.visits import elements, fetched, kinds, text_of


def test_an_answer_is_complete_when_its_length_is_there() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n\r\n"
    assert parse(head + b"hell", ended=False) is None
    answer = parse(head + b"hello", ended=False)
    assert answer is not None
    assert (answer.status, answer.body, answer.headers["set-cookie"]) == (200, b"hello", "a=1\nb=2")


@pytest.mark.parametrize(
    ("rest", "body"),
    [
        (b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"abcde"),
        (b"3\r\nabc\r\n2\r\nd", None),
        (b"3\r\nabc\r\n", None),
    ],
)
def test_a_chunked_answer_ends_with_its_last_chunk(rest: bytes, body: bytes | None) -> None:
    answer = parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + rest, ended=False)
    assert (answer and answer.body) == body


def test_an_answer_of_unknown_length_ends_with_the_connection() -> None:
    received = b"HTTP/1.0 200 OK\r\n\r\nall of it"
    assert parse(received, ended=False) is None
    answer = parse(received, ended=True)
    assert answer is not None
    assert answer.body == b"all of it"


def test_a_compressed_page_is_read() -> None:
    answer = Answer(200, {"content-encoding": "gzip"}, gzip.compress("Café".encode()))
    assert text_of(answer) == "Café"


def test_pages_are_alike_when_they_have_the_same_elements() -> None:
    page = "<title>Books</title><p>One</p>"
    assert elements(page) == elements("<title>Books</title>\n<p class='x'>Another</p>")
    assert elements(page) != elements("<title>Books</title><p>One</p><p>Two</p>")
    assert elements(page) != elements("<title>Other</title><p>One</p>")


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.99, 99), (0.0, 1), (1.0, 100)])
def test_percentiles_are_values_that_occurred(share: float, value: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == value


def test_rounds_are_compared_one_by_one() -> None:
    ours = [_round(server) for server in (10, 40, 30)]
    theirs = [_round(server) for server in (20, 80, 30)]
    assert ratios(ours, theirs) == (0.5, 0.5, 1.0)
    slower = [one._replace(database=one.server) for one in ours]
    assert ratios(slower, theirs) == (1.0, 1.0, 2.0)
    assert spread([3, 1, 2]) == (1, 2, 3)


def test_work_of_a_process_shows_on_its_clock() -> None:
    before = processes.cpu_seconds([os.getpid()])
    sum(range(300_000))
    assert processes.cpu_seconds([os.getpid()]) > before
    assert os.getpid() in processes.family(os.getppid())
    assert processes.memory([os.getpid()]) > 5


async def test_visits_are_shared_out_and_all_made() -> None:
    seen: list[int] = []

    async def look(_browser: Browser, number: int) -> None:
        await asyncio.sleep(0)
        seen.append(number)

    took = await drive([Browser(1), Browser(1)], look, 7)
    assert sorted(seen) == list(range(7))
    assert len(took) == 7
    assert len(await drive([Browser(1), Browser(1)], look, 7, within=0)) == 2


def test_a_table_takes_the_place_of_the_last_one(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# A run\n```text\nold\n```\nAfter\n```text\nanother\n```\n")
    put_into(page, "\nnew\nlines\n")
    assert page.read_text() == ("# A run\n```text\nnew\nlines\n```\nAfter\n```text\nanother\n```\n")
    assert has_place(page)
    page.write_text("no block")
    assert not has_place(page)
    assert not has_place(tmp_path / "nowhere.md")
    with pytest.raises(ValueError, match="no block"):
        put_into(page, "new")


def _round(server: float) -> Round:
    return Round(server=server, database=0, rate=1, p50=1, p99=1)


@pytest.mark.parametrize(
    ("medians", "said"),
    [
        ([0.9, 1.0, 0.2], "holds"),
        ([1.1, 1.2, 1.3], "FALLS SHORT"),
        ([0.9, 1.1, 0.9], "not firm"),
        ([1.01], "FALLS SHORT"),
    ],
)
def test_a_verdict_is_firm_when_all_tables_agree(medians: list[float], said: str) -> None:
    assert verdict(medians, 1.0) == said


def test_a_request_has_the_headers_of_a_browser_behind_a_proxy() -> None:
    head = Browser(8000, {"session": "s"}).head("GET", "/?q=a", b"", {}).decode()
    first, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    assert first == "GET /?q=a HTTP/1.1"
    assert len(lines) == 18 + 1  # and the cookie
    assert "X-Forwarded-Host: 127.0.0.1:8000" in lines
    assert "{" not in head


@pytest.mark.parametrize(
    ("cookies", "tag", "expected"),
    [
        ({}, '<div hx-get="/a?b=1&amp;c=2" hx-trigger="load">', ["/a?b=1&c=2"]),
        ({}, '<li hx-get="/more" hx-trigger="revealed">', []),
        ({}, '<span id="basket-badge" hx-get="/b" hx-trigger="basket-changed from:body">', []),
        (
            {"has_basket": "1"},
            '<span id="basket-badge" hx-get="/b" hx-trigger="basket-changed from:body">',
            ["/b"],
        ),
        ({}, '<span hx-get="/b" hx-trigger="load, basket-changed from:body">', ["/b"]),
        ({}, '<a href="/a" hx-get="/a">', []),
    ],
)
def test_what_a_page_fetches_by_itself_is_found(
    cookies: dict[str, str], tag: str, expected: list[str]
) -> None:
    assert fetched(Browser(1, cookies), f"<p>{tag}</p>") == expected


def test_no_two_visits_ask_for_the_same_range_of_prices() -> None:
    [cold] = [kind for kind in kinds(Data(10_000, [], [], [])) if kind.name == "cold"]
    assert cold.path is not None
    assert len({cold.path(number) for number in range(20_000)}) == 20_000


@pytest.mark.parametrize(("number", "isbn"), [(0, "9780000000002"), (306406157, "9783064061576")])
def test_books_have_valid_numbers(number: int, isbn: str) -> None:
    assert isbn_of_number(number) == isbn
    assert sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(isbn)) % 10 == 0
