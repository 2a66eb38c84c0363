"""The harness's own arithmetic: what it parses, counts and compares."""

import asyncio
import gzip
import os
from pathlib import Path

import pytest

from benchmarks import processes
from benchmarks.client import Answer, Browser, drive, parse
from benchmarks.figures import Round, percentile, ratios, spread
from benchmarks.report import put_into
from benchmarks.visits import elements, text_of


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
    page.write_text("no block")
    with pytest.raises(ValueError, match="no block"):
        put_into(page, "new")


def _round(server: float) -> Round:
    return Round(server=server, database=0, rate=1, p50=1, p99=1)
