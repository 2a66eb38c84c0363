"""Nothing that a seller's form or an address of the listing may hold makes the shop fail."""

import asyncio
import io
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from werkzeug.datastructures import FileStorage

from bookstore.app import create_app
from bookstore.catalogue.search import SORTS
from bookstore.web.idempotency import new_key
from bookstore.web.shop import Shop
from tests.conftest import settings_for
from tests.support.books import add_book
from tests.support.reader import Page, Reader

BOOK = {
    "isbn": "",
    "title": "Orlando",
    "author": "Virginia Woolf",
    "year": "1928",
    "language": "en",
    "category": "classics",
    "condition": "good",
    "ex_library": "y",
    "defects": "",
    "description": "A life.",
    "price": "7.50",
    "copies": "3",
}
_odd = st.sampled_from(
    [
        "", " ", "NaN", "-1", "1e999", "0x10", "٣", "²", "1_0", "\x00", "9" * 18, "9" * 19,
        "9" * 400, "9" * 5000, "<b>", "'; --", "%", "_", "\\", "\r\nX: y", "ﷺ" * 300, "\u202e",
        "\U0001f4da", "e\u0301" * 300, "978-0-15-670160-0", "015670160X",
        "".join(chr(0xFF10 + int(digit)) for digit in "9780156701600"), "*", '"', "-a +b",
        "a AND NOT", "NEAR(a b)", "title:x", "{{7*7}}", "%(num)s",
    ]
)  # fmt: skip
_numbers = st.integers(-(10**30), 10**30).map(str)
_texts = st.one_of(st.text(max_size=60), _odd, _numbers)


class Fuzzed:
    """A shop on SQLite with a seller and a shelf of books."""

    def __init__(self, url: str, media: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.shop: Shop = create_app(settings_for(url, media))
        self.stack = AsyncExitStack()
        self.run(self.stack.enter_async_context(self.shop.test_app()))  # type: ignore[arg-type]  # Quart types it without its methods
        self.seller: Reader = self.run(Reader(self.shop).register())
        self.token = self.run(self.seller.get("/sell")).form("/sell")["csrf_token"]
        self.run(self._fill())

    async def _fill(self) -> None:
        database = self.shop.extensions["bookstore.databases"]["catalogue"]
        for copies in range(30):
            await add_book(database, price=500 + copies)

    def run[T](self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def post(self, path: str, fields: dict[str, str], file: FileStorage | None = None) -> Page:
        files = {"cover": file} if file is not None else None
        answer = self.run(self.seller.post(path, {**fields, **self.safe()}, files=files))
        assert answer.status in {200, 303, 422}, (fields, answer.text)
        return answer

    def safe(self) -> dict[str, str]:
        """Return the hidden fields of a fresh form."""
        return {"csrf_token": self.token, "idempotency_key": new_key()}

    def get(self, path: str) -> Page:
        return self.run(self.seller.get(path))

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()


@pytest.fixture
def fuzzed(sqlite_url: str, tmp_path: Path) -> Iterator[Fuzzed]:
    made = Fuzzed(sqlite_url, tmp_path / "media")
    yield made
    made.close()


_calm = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_fields = st.fixed_dictionaries(
    {}, optional=dict.fromkeys((*BOOK, "kept_cover", "stock_seen", "lang"), _texts)
)


@_calm
@given(fields=_fields)
@example(fields={"price": " "})
@example(fields={"year": "9" * 400})
@example(fields={"copies": "9" * 400})
def test_publishing(fuzzed: Fuzzed, fields: dict[str, str]) -> None:
    answer = fuzzed.post("/sell", {**BOOK, **fields})
    if answer.status == 303:  # what was published can be seen, found and edited
        book = str(answer.location)
        page = fuzzed.get(book)
        assert page.status == 200
        assert page.see("h1")
        assert fuzzed.get(f"/?{urlencode({'q': page.see('h1')})}").status == 200
        assert fuzzed.get(f"/my{book}").status == 200
    else:
        assert answer.errors()


@_calm
@given(fields=_fields)
def test_looking_up(fuzzed: Fuzzed, fields: dict[str, str]) -> None:
    fuzzed.post("/sell/look-up", fields)


@_calm
@given(fields=_fields)
def test_editing(fuzzed: Fuzzed, fields: dict[str, str]) -> None:
    book = str(fuzzed.post("/sell", BOOK).location)
    answer = fuzzed.post(f"/my{book}", {**BOOK, "stock_seen": "3", **fields})
    assert answer.status == 303 or answer.errors()


@_calm
@given(
    content=st.binary(max_size=300),
    head=st.sampled_from([b"", b"\xff\xd8\xff\xe0\0\x10JFIF\0", b"\x89PNG\r\n\x1a\n",
                          b"RIFF\xff\0\0\0WEBPVP8 "]),
    name=st.text(max_size=40),
)  # fmt: skip
def test_covers(fuzzed: Fuzzed, content: bytes, head: bytes, name: str) -> None:
    # The test client cannot write line breaks and quotes into a part's header.
    written = "".join(letter for letter in name if letter.isprintable() and letter != '"')
    file = FileStorage(io.BytesIO(head + content), filename=written)
    fuzzed.post("/sell", BOOK, file)


@pytest.mark.parametrize("field", BOOK)
def test_a_file_in_place_of_a_text(fuzzed: Fuzzed, field: str) -> None:
    file = FileStorage(io.BytesIO(b"Orlando"), filename="x.txt")
    fields = {name: value for name, value in BOOK.items() if name != field}
    sent = fuzzed.seller.post("/sell", {**fields, **fuzzed.safe()}, files={field: file})
    answer = fuzzed.run(sent)
    assert answer.status in {303, 422}


_cursors = st.one_of(
    _texts, st.tuples(_texts, _numbers | st.integers(0, 99).map(str)).map(".".join)
)
_wishes = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(
            ("q", "condition", "language", "category", "min", "max", "seller", "lang"), _texts
        ),
        "sort": st.sampled_from(SORTS) | _texts,
        "after": _cursors,
    },
)


@_calm
@given(wish=_wishes)
def test_searching(fuzzed: Fuzzed, wish: dict[str, str]) -> None:
    page = fuzzed.get(f"/?{urlencode(wish)}")
    assert page.status == 200
    more = page.soup.select_one(".more a")
    if more is not None:  # the shop's own addresses are understood as well
        assert fuzzed.get(str(more["href"])).status == 200


@_calm
@given(sort=st.sampled_from(SORTS), after=_cursors, text=st.sampled_from(["", "book"]))
def test_cursors(fuzzed: Fuzzed, sort: str, after: str, text: str) -> None:
    query = urlencode({"q": text, "sort": sort, "after": after})
    assert fuzzed.get(f"/?{query}").status == 200


@_calm
@given(query=st.binary(max_size=60))
def test_addresses_that_are_no_text(fuzzed: Fuzzed, query: bytes) -> None:
    assert fuzzed.get(f"/?q={quote(query)}&after={quote(query)}").status == 200


@_calm
@given(number=_texts)
def test_numbers_of_books(fuzzed: Fuzzed, number: str) -> None:
    for folder in ("/books/", "/my/books/", "/covers/"):
        assert fuzzed.get(folder + quote(number, safe="")).status < 500
    assert fuzzed.get(f"/my/books?{urlencode({'before': number})}").status == 200
