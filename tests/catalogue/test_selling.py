"""Selling as sellers do it, on both engines."""

from typing import Any
from urllib.parse import urlencode

import pytest

from bookstore.catalogue.service import Catalogue
from bookstore.clock import HOUR, now
from bookstore.contracts import HoldLine
from bookstore.data.database import Database
from bookstore.web.shop import Shop
from tests.support.books import add_book
from tests.support.reader import Page, Reader

HTMX = {"HX_Request": "true", "HX_Request_Type": "partial"}
ISBN = "978-0-15-670160-0"
BOOK: dict[str, Any] = {
    "isbn": ISBN,
    "title": "Orlando",
    "author": "Virginia Woolf",
    "year": "1928",
    "language": "en",
    "category": "classics",
    "condition": "very-good",
    "defects": "A torn page",
    "description": "He, for there could be no doubt of his sex.",
    "price": "7.50",
    "copies": "3",
}


@pytest.fixture
async def seller(shop: Shop) -> Reader:
    return await Reader(shop).register("Sela")


@pytest.fixture
def catalogue(shop: Shop) -> Catalogue:
    found: Catalogue = shop.extensions["bookstore.catalogue"]
    return found


@pytest.fixture
def books(catalogue: Catalogue) -> Database:
    return catalogue.database


async def publish(seller: Reader, **fields: Any) -> int:
    """Publish a book; return its id."""
    answer = await seller.submit("/sell", **{**BOOK, **fields})
    assert answer.status == 303, answer.errors()
    return int(str(answer.location).removeprefix("/books/"))


async def count(books: Database) -> int:
    return int(await books.value("SELECT COUNT(*) FROM books"))


async def column(books: Database, name: str, book_id: int) -> Any:
    return await books.value(f"SELECT `{name}` FROM books WHERE id = :id", {"id": book_id})


def shown(page: Page) -> list[str]:
    return [tag.get_text(strip=True) for tag in page.soup.select(".card h2")]


async def test_a_published_book_can_be_seen_and_found_by_everybody(
    seller: Reader, reader: Reader
) -> None:
    book = await publish(seller)
    page = await reader.get(f"/books/{book}")
    assert page.see("h1") == "Orlando"
    for text in ("Virginia Woolf", "€7.50", "Very Good", "1928", "A torn page", "no doubt", "Sela"):
        assert text in page.text
    for query in ("orlando", "woolf", "9780156701600", ISBN):
        assert shown(await reader.get(f"/?{urlencode({'q': query})}")) == ["Orlando"]
    assert "3 copies left" in (await seller.get("/my/books")).text


async def test_what_is_optional_may_be_left_out(seller: Reader, reader: Reader) -> None:
    optional = dict.fromkeys(("isbn", "year", "language", "defects", "description"), "")
    book = await publish(seller, **optional)
    assert (await reader.get(f"/books/{book}")).status == 200


async def test_the_longest_texts_are_kept_whole(seller: Reader, books: Database) -> None:
    picture, ligature = "\U0001f4da", "\ufdfa"  # four bytes; eighteen letters once folded
    longest = {
        "title": ligature * 300,
        "author": f"{ligature} " * 399 + "xx",
        "defects": picture * 500,
        "description": picture * 5000,
    }
    book = await publish(seller, **longest)
    assert {name: await column(books, name, book) for name in longest} == longest


async def test_an_edit_shows_at_once(seller: Reader, reader: Reader) -> None:
    book = await publish(seller)
    opened = (await seller.get(f"/my/books/{book}")).form(f"/my/books/{book}")
    assert {name: opened[name] for name in BOOK} == {**BOOK, "isbn": ISBN.replace("-", "")}
    answer = await seller.submit(f"/my/books/{book}", title="Flush", price="12,30", copies="1")
    assert (answer.status, answer.location) == (303, "/my/books?done=saved")
    page = await reader.get(f"/books/{book}")
    assert (page.see("h1"), page.see(".price")) == ("Flush", "€12.30")
    assert shown(await reader.get("/?q=flush")) == ["Flush"]
    assert shown(await reader.get("/?q=orlando")) == []


async def test_a_withdrawn_book_is_its_sellers_alone_until_put_back(
    seller: Reader, reader: Reader
) -> None:
    book = await publish(seller)
    answer = await seller.submit(f"/my/books/{book}", f"/my/books/{book}/withdraw")
    assert answer.location == "/my/books?done=withdrawn"
    assert (await reader.get(f"/books/{book}")).status == 404
    assert shown(await reader.get("/books")) == []
    assert "Withdrawn" in (await seller.get("/my/books")).text
    assert "only you see it" in (await seller.get(f"/my/books/{book}")).text

    answer = await seller.submit(f"/my/books/{book}", f"/my/books/{book}/offer")
    assert answer.location == "/my/books?done=offered"
    assert (await reader.get(f"/books/{book}")).status == 200
    assert shown(await reader.get("/books")) == ["Orlando"]


REFUSED = [
    ("title", "", "required"),
    ("title", "   ", "required"),
    ("title", "x" * 301, "longer than 300"),
    ("title", "a\x07b", "cannot be shown"),
    ("author", "", "required"),
    ("author", "\t", "required"),
    ("author", "x" * 801, "longer than 800"),
    ("isbn", "978-0-15-670160-1", "no ISBN"),
    ("isbn", "orlando", "no ISBN"),
    ("year", "last", "Not a valid integer"),
    ("year", "2101", "between -3000 and 2100"),
    ("year", "9" * 500, "Not a valid integer"),
    ("language", "xx", "Not a valid choice"),
    ("category", "", "required"),
    ("category", "gardening", "Not a valid choice"),
    ("condition", "shiny", "Not a valid choice"),
    ("defects", "x" * 501, "longer than 500"),
    ("description", "x" * 5001, "longer than 5000"),
    ("price", "", "required"),
    ("price", " ", "required"),
    ("price", "NaN", "such as 12.50"),
    ("price", "Infinity", "such as 12.50"),
    ("price", "-5", "such as 12.50"),
    ("price", "1e3", "such as 12.50"),
    ("price", "12.345", "such as 12.50"),
    ("price", "0", "more than 0"),
    ("price", "10000.01", "at most €10,000.00"),
    ("copies", "", "required"),
    ("copies", "0", "between 1 and 1000"),
    ("copies", "-1", "between 1 and 1000"),
    ("copies", "1001", "between 1 and 1000"),
    ("copies", "9" * 500, "Not a valid integer"),
    ("copies", "2.5", "Not a valid integer"),
]


# A form is refused before any database sees it: one engine will do.
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(("field", "value", "sentence"), REFUSED)
async def test_a_refused_form_says_why_and_keeps_the_input(
    seller: Reader, field: str, value: str, sentence: str
) -> None:
    answer = await seller.submit("/sell", **{**BOOK, field: value})
    assert answer.status == 422
    assert sentence in answer.see(f"#{field}-error")
    kept = answer.form("/sell")
    expected = {**BOOK, field: value}
    if field in {"language", "category", "condition"}:
        del expected[field]  # a list shows nothing that it does not hold
    elif field in {"title", "author", "price"}:
        expected[field] = value.strip()
    assert {name: kept[name] for name in expected} == expected
    mine = await seller.get("/my/books")
    assert mine.soup.select(".own-books li") == []


async def test_a_refused_edit_says_why_and_changes_nothing(seller: Reader, books: Database) -> None:
    book = await publish(seller)
    answer = await seller.submit(f"/my/books/{book}", title="Flush", price="NaN", copies="9")
    assert answer.status == 422
    assert "such as 12.50" in answer.see("#price-error")
    kept = answer.form(f"/my/books/{book}")
    assert (kept["title"], kept["price"], kept["copies"]) == ("Flush", "NaN", "9")
    assert await column(books, "title", book) == "Orlando"
    assert await column(books, "stock", book) == 3


EXTRA: dict[str, Any] = {
    "id": "1",
    "seller_id": "1",
    "seller_name": "Mallory",
    "listed": "0",
    "on_sale": "0",
    "stock": "900",
    "copies_total": "900",
    "currency": "JPY",
    "cover": "x.webp",
    "created_at": "1",
    "import_key": "x",
}
OWN = ("seller_id", "seller_name", "listed", "stock", "copies_total", "currency", "cover")


async def test_fields_that_are_not_the_sellers_to_set_are_ignored(
    seller: Reader, books: Database
) -> None:
    honest, other = await publish(seller), await publish(seller, **EXTRA)
    expected = [await column(books, name, honest) for name in OWN]
    assert [await column(books, name, other) for name in OWN] == expected
    assert (await seller.submit(f"/my/books/{other}", **EXTRA)).status == 303
    assert [await column(books, name, other) for name in OWN] == expected


async def test_the_price_of_others_is_not_touched(
    seller: Reader, shop: Shop, books: Database
) -> None:
    others = await add_book(books, price=950)
    book = await publish(seller)
    fields: dict[str, Any] = {"id": str(others), "book_id": str(others), "price": "0.01"}
    assert (await seller.submit(f"/my/books/{book}", **fields)).status == 303
    assert await column(books, "price", others) == 950


@pytest.mark.parametrize("path", ["", "/withdraw", "/offer"])
async def test_another_sellers_book_is_not_found(
    seller: Reader, shop: Shop, books: Database, path: str
) -> None:
    book = await publish(seller)
    mallory = await Reader(shop).register("Mallory")
    safe = (await mallory.get("/sell")).form("/sell")
    answers = [
        await mallory.get(f"/my/books/{book}"),
        await mallory.post(f"/my/books/{book}{path}", {**safe, **BOOK, "title": "Stolen"}),
        await mallory.post(f"/my/books/{book + 1}{path}", {**safe, **BOOK}),
    ]
    assert [answer.status for answer in answers] == [404, 404, 404]
    assert "Orlando" not in answers[0].text
    assert await column(books, "title", book) == "Orlando"
    assert await column(books, "listed", book) == 1


async def test_selling_asks_who_you_are(reader: Reader) -> None:
    for address in ("/sell", "/my/books", "/my/books/1"):
        answer = await reader.get(address)
        assert answer.status == 303
        assert str(answer.location).startswith("/login?next=")


async def sell_one(catalogue: Catalogue, book: int) -> None:
    """Let a copy be bought."""
    await catalogue.holds.hold(f"order-{book}", [HoldLine(book, 1)], now() + HOUR)
    assert await catalogue.holds.confirm(f"order-{book}")


async def test_a_sale_while_the_seller_changes_the_copies_is_not_lost(
    seller: Reader, catalogue: Catalogue, books: Database
) -> None:
    book = await publish(seller)
    opened = (await seller.get(f"/my/books/{book}")).form(f"/my/books/{book}")
    await sell_one(catalogue, book)
    answer = await seller.post(f"/my/books/{book}", {**opened, "copies": "5", "title": "Flush"})
    assert answer.status == 422
    assert "The copies left changed to 2" in answer.see("#copies-error")
    assert await column(books, "stock", book) == 2
    assert await column(books, "title", book) == "Orlando"

    again = answer.form(f"/my/books/{book}")
    assert (again["copies"], again["title"]) == ("5", "Flush")
    assert (await seller.post(f"/my/books/{book}", again)).status == 303
    assert await column(books, "stock", book) == 5
    assert await column(books, "copies_total", book) == 6  # one of them is sold


async def test_a_sale_while_the_seller_changes_the_title_goes_unnoticed(
    seller: Reader, catalogue: Catalogue, books: Database
) -> None:
    book = await publish(seller)
    opened = (await seller.get(f"/my/books/{book}")).form(f"/my/books/{book}")
    await sell_one(catalogue, book)
    answer = await seller.post(f"/my/books/{book}", {**opened, "title": "Flush"})
    assert answer.status == 303
    assert await column(books, "stock", book) == 2
    assert await column(books, "title", book) == "Flush"


@pytest.mark.parametrize("seen", ["", "two", "-3", "9" * 30])
async def test_an_edit_that_does_not_say_what_it_saw_is_asked_again(
    seller: Reader, books: Database, seen: str
) -> None:
    book = await publish(seller)
    answer = await seller.submit(f"/my/books/{book}", copies="5", stock_seen=seen)
    assert answer.status == 422
    assert "The copies left changed to 3" in answer.see("#copies-error")
    assert (await seller.post(f"/my/books/{book}", answer.form(f"/my/books/{book}"))).status == 303
    assert await column(books, "stock", book) == 5


async def test_no_copies_left_is_sold_out_and_can_be_refilled(
    seller: Reader, reader: Reader
) -> None:
    book = await publish(seller)
    assert (await seller.submit(f"/my/books/{book}", copies="0")).status == 303
    assert "Sold out" in (await seller.get("/my/books")).text
    assert shown(await reader.get("/books")) == []
    assert (await seller.submit(f"/my/books/{book}", copies="1")).status == 303
    assert shown(await reader.get("/books")) == ["Orlando"]


async def looked_up(seller: Reader, headers: dict[str, Any], **fields: str) -> Page:
    form = (await seller.get("/sell")).form("/sell")
    return await seller.post("/sell/look-up", {**form, **fields}, **headers)


BY = [pytest.param({}, id="plain"), pytest.param(HTMX, id="htmx")]


def facts(page: Page) -> dict[str, str]:
    """Return the fields of the part that the look-up fills in."""
    found = {str(tag["name"]): str(tag.get("value", "")) for tag in page.soup.select("input[name]")}
    for tag in page.soup.select("select[name]"):
        chosen = tag.select_one("option[selected]")
        found[str(tag["name"])] = str(chosen["value"]) if chosen else ""
    return {name: found[name] for name in ("isbn", "title", "author", "year", "language")}


@pytest.mark.parametrize("headers", BY)
async def test_a_known_isbn_fills_in_what_is_empty(
    seller: Reader, headers: dict[str, str], books: Database
) -> None:
    await publish(seller)
    page = await looked_up(seller, headers, isbn="015670160X", author="V. Woolf", price="3")
    assert page.status == 200
    assert facts(page) == {
        "isbn": "015670160X", "title": "Orlando", "author": "V. Woolf", "year": "1928",
        "language": "en",
    }  # fmt: skip
    assert "Check that it is your edition" in page.see("[role=status] .notice, .notice")
    assert ("<html" in page.text) is (headers == {})
    if not headers:
        assert page.form("/sell")["price"] == "3"
    assert await count(books) == 1


@pytest.mark.parametrize("headers", BY)
async def test_an_unknown_isbn_says_so(seller: Reader, headers: dict[str, str]) -> None:
    page = await looked_up(seller, headers, isbn=ISBN, title="Orlando")
    assert page.status == 200
    assert "We do not know this ISBN yet" in page.text
    assert facts(page)["title"] == "Orlando"


@pytest.mark.parametrize("headers", BY)
@pytest.mark.parametrize("isbn", ["", "978-0-15-670160-1", "orlando"])
async def test_looking_up_what_is_no_isbn_says_so(
    seller: Reader, headers: dict[str, str], isbn: str
) -> None:
    page = await looked_up(seller, headers, isbn=isbn, title="Orlando")
    assert page.status == 422
    assert "no ISBN" in page.see("#isbn-error")
    assert (facts(page)["isbn"], facts(page)["title"]) == (isbn, "Orlando")


HOSTILE = (
    "<img src=x onerror=alert(1)> \"'><script>alert(2)</script> <b hx-get='/logout'>x</b> {{7*7}}"
)


async def test_markup_of_a_seller_is_text_everywhere(seller: Reader, reader: Reader) -> None:
    fields = dict.fromkeys(("title", "author", "defects", "description"), HOSTILE)
    book = await publish(seller, **fields)
    query = urlencode({"q": HOSTILE})
    pages = [
        await reader.get(f"/books/{book}"),
        await reader.get("/books"),
        await reader.get(f"/?{query}"),
        await seller.get("/my/books"),
        await seller.get(f"/my/books/{book}"),
        await seller.submit(f"/my/books/{book}", price="NaN"),
        await seller.submit("/sell", **{**BOOK, **fields, "price": "NaN"}),
        await looked_up(seller, {}, isbn=ISBN),
        await looked_up(seller, HTMX, isbn=ISBN),
    ]
    for page in pages:
        assert page.status in {200, 422}
        assert page.soup.select("[onerror], [hx-get='/logout'], img[src=x]") == [], page.path
        scripts = page.soup.select("script:not([type='application/ld+json'])")
        assert all(tag.get("src") for tag in scripts), page.path
        assert "49" not in page.soup.get_text().replace("alert", "").split(), page.path
    assert pages[0].see("h1") == HOSTILE
    assert pages[1].see(".card h2") == HOSTILE
