"""One thing, many spellings: prices, numbers, years and ISBNs in forms, filters and on pages."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from stdnum import isbn as stdnum_isbn
from werkzeug.datastructures import MultiDict

from bookstore.app import create_app
from bookstore.catalogue import isbn, search
from bookstore.web.forms import whole_number
from bookstore.web.shop import Shop
from tests.conftest import settings_for
from tests.support.reader import Page, Reader

E = "9780141439587"
BOOK: dict[str, Any] = {
    "title": "Emma", "author": "Jane Austen", "category": "classics", "condition": "good",
    "copies": "3",
}  # fmt: skip


@pytest.fixture(params=["EUR", "JPY", "KWD"])
async def shop(
    request: pytest.FixtureRequest, sqlite_url: str, tmp_path: Path
) -> AsyncIterator[Shop]:
    app = create_app(settings_for(sqlite_url, tmp_path, currency=request.param))
    async with app.test_app():
        yield app


def listed(page: Page) -> list[str]:
    return [tag.get_text(strip=True) for tag in page.soup.select(".card h2")]


def price_of(page: Page) -> str:
    return page.see(".price")


class Speaker:
    """Somebody who sells, and whose browser asks for a language."""

    def __init__(self, reader: Reader, language: str) -> None:
        self._reader, self._language = reader, language

    async def get(self, path: str) -> Page:
        return await self._reader.get(path, Accept_Language=self._language)

    async def filter(self, **fields: str) -> list[str]:
        """Return the titles that are shown for what is typed into the filter."""
        return listed(await self.get(f"/?{urlencode(fields)}"))

    async def send(self, page: str, **fields: str) -> Page:
        found = (await self.get(page)).form(page)
        answer = await self._reader.post(page, {**found, **fields}, Accept_Language=self._language)
        assert answer.status == 303, answer.errors()
        return answer


@pytest.fixture(params=["en", "es"])
async def seller(request: pytest.FixtureRequest, shop: Shop) -> Speaker:
    return Speaker(await Reader(shop).register("Sela"), request.param)


async def test_what_a_page_writes_its_forms_and_filters_take(seller: Speaker) -> None:
    """The price that a page shows is typed into the seller's form and into the filter as it
    stands, and means the same."""
    address = str((await seller.send("/sell", **BOOK, price="1234")).location)
    shown = (await seller.get(address)).see(".price")
    edit = f"/my{address}"
    field = (await seller.get(edit)).form(edit)["price"]
    for typed in (shown, shown.replace("\N{NO-BREAK SPACE}", " "), field):
        await seller.send(edit, price=typed)
        assert (await seller.get(address)).see(".price") == shown
        assert await seller.filter(min=typed, max=typed) == ["Emma"]
    assert await seller.filter(min=shown.replace("4", "5")) == []
    assert await seller.filter(max=shown.replace("4", "3")) == []


async def test_the_filters_own_links_and_fields_keep_its_prices(seller: Speaker) -> None:
    for price in ("10", "12", "13"):
        await seller.send("/sell", **{**BOOK, "title": f"Emma {price}"}, price=price)
    page = await seller.get("/?min=11&max=12")
    fields = {
        name: str(page.soup.select(f"input[name={name}]")[0]["value"]) for name in ("min", "max")
    }
    assert await seller.filter(**fields) == listed(page) == ["Emma 12"]


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
@pytest.mark.parametrize("amount", [1000, 1234, 1250, 1500, 12345, 100000])
def test_an_address_means_the_same_in_every_language(currency: str, amount: int) -> None:
    address = search.Search(price_min=amount, currency=currency).address()
    for mark in (".", ",", None):
        given = MultiDict({"min": address["min"]})
        assert search.parse(given, currency, mark=mark).price_min == amount


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("3", 3), (" 3 ", 3), ("+3", 3), ("-44", -44), ("−44", -44), ("1,000", 1000),
        ("1.000", 1000), ("1 000", 1000), ("３", 3), ("٣", 3), ("0", 0), ("007", 7),
        ("1_000", None), ("1,00", None), ("3.5", None), ("1e3", None), ("", None), ("٣.٥", None),
        ("9" * 400, None), ("--3", None), ("0,000", None), ("1,000.000", None),
    ],
)  # fmt: skip
def test_whole_numbers(text: str, number: int | None) -> None:
    assert whole_number(text) == number


@pytest.mark.parametrize(
    ("typed", "year"),
    [("-44", "44 BC"), ("44 BC", "44 BC"), ("44 a. C.", "44 BC"), ("1815", "1815")],
)
async def test_a_year_is_typed_as_pages_write_it(
    sqlite_url: str, tmp_path: Path, typed: str, year: str
) -> None:
    app = create_app(settings_for(sqlite_url, tmp_path))
    async with app.test_app():
        seller = await Reader(app).register("Sela")
        answer = await seller.submit("/sell", **BOOK, price="5", year=typed)
        assert answer.status == 303, answer.errors()
        assert year in (await seller.get(str(answer.location))).text


SPELLINGS = [
    "978-0-14-143958-7", "ISBN 9780141439587", "ISBN-13: 978-0-14-143958-7", "isbn13 9780141439587",
    "ISBN-10: 0-14-143958-0", "ISBN (13): 9780141439587", "urn:isbn:9780141439587",
    "978 0 14 143958 7", "978‑0‑14‑143958‑7", "978–0–14–143958–7", "９７８０１４１４３９５８７",
    "e-ISBN 9780141439587",
    '="9780141439587"', "[9780141439587]", "\u200e9780141439587", "ISBN: 0141439580.",
    "978\N{NO-BREAK SPACE}0141439587", "EAN 9780141439587",
]  # fmt: skip


@pytest.mark.parametrize("text", SPELLINGS)
def test_an_isbn_is_known_in_every_spelling(text: str) -> None:
    assert isbn.isbn13_of(text) == E


@pytest.mark.parametrize(
    "text",
    ["", "ISBN", "978-0-14-143958-8", "97801414395870", "ISBN of Emma", "0141439587", "x" * 999],
)
def test_what_is_no_isbn_is_none(text: str) -> None:
    assert isbn.isbn13_of(text) is None


async def test_every_spelling_of_an_isbn_is_found_and_can_be_typed(
    sqlite_url: str, tmp_path: Path
) -> None:
    app = create_app(settings_for(sqlite_url, tmp_path))
    async with app.test_app():
        seller = await Reader(app).register("Sela")
        for text in SPELLINGS:
            answer = await seller.submit("/sell", **BOOK, price="5", isbn=text)
            assert answer.status == 303, (text, answer.errors())
            found = listed(await seller.get(f"/?{urlencode({'q': text})}"))
            assert set(found) == {"Emma"}, text
        assert len(listed(await seller.get(f"/?{urlencode({'q': E})}"))) == len(SPELLINGS)


@pytest.mark.parametrize("body", ["014143958", "080442957", "000000000", "999999999", "123456789"])
def test_both_forms_of_an_isbn_are_those_of_the_standard(body: str) -> None:
    for isbn13 in (f"978{body}{check}" for check in range(10)):
        valid = stdnum_isbn.is_valid(isbn13)
        assert isbn.isbn13_of(isbn13) == (isbn13 if valid else None)
        if valid:
            assert isbn.isbn10_of(isbn13) == stdnum_isbn.to_isbn10(isbn13)
            assert isbn.isbn13_of(str(isbn.isbn10_of(isbn13))) == isbn13
