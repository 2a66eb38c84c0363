"""The listing as readers use it, on both engines."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlencode

import pytest
from quart import has_request_context

from bookstore.catalogue import listing
from bookstore.catalogue.search import PAGE
from bookstore.data import mysql, sqlite
from bookstore.data.database import Database
from bookstore.web.shop import Shop
from tests.support.books import add_book
from tests.support.reader import Page, Reader

HTMX = {"HX_Request": "true", "HX_Request_Type": "partial"}


@pytest.fixture
def books(shop: Shop) -> Database:
    """The shop's own catalogue."""
    database: Database = shop.extensions["bookstore.databases"]["catalogue"]
    return database


def titles(page: Page) -> list[str]:
    assert page.status == 200
    return [tag.get_text(strip=True) for tag in page.soup.select(".card h2")]


LIBRARY = [
    ("The Hobbit", "J.R.R. Tolkien"),
    ("It", "Stephen King"),
    ("1984", "George Orwell"),
    ("Interior Chinatown", "Charles Yu"),
    ("El Principito", "Antoine de Saint-Exupéry"),
    ("Harry Potter", "J.K. Rowling"),
    ("The Who and the What", "Ayad Akhtar"),
]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("hobbit", ["The Hobbit"]),
        ("the hobbit", ["The Hobbit"]),
        ("HOB", ["The Hobbit"]),
        ("tolk", ["The Hobbit"]),
        ("it", ["It"]),
        ("1984", ["1984"]),
        ("yu", ["Interior Chinatown"]),
        ("saint-exupery", ["El Principito"]),
        ("ÉXUPÉRY", ["El Principito"]),
        ("jk rowling", ["Harry Potter"]),
        ("rowling harry", ["Harry Potter"]),
        ("the who", ["The Who and the What"]),
        ("hobbit rowling", []),
        ("!!!", []),
        ("' OR 1=1 --", []),
        ('hobbit" OR', ["The Hobbit"]),
        ("+hobbit -tolkien", ["The Hobbit"]),
        ("hobbit*)(", ["The Hobbit"]),
    ],
)
async def test_search(reader: Reader, books: Database, text: str, found: list[str]) -> None:
    for title, author in LIBRARY:
        await add_book(books, title=title, author=author)
    await reader.get("/books")
    page = await reader.get("/?" + urlencode({"q": text}))
    assert titles(page) == found


async def test_an_isbn_is_found_in_every_spelling(reader: Reader, books: Database) -> None:
    await add_book(books, title="The Hunger Games", isbn13="9780439023481")
    for text in ("9780439023481", "978-0-439-02348-1", "0439023483", "0-439-02348-3", "978043902"):
        assert titles(await reader.get(f"/?q={text}")) == ["The Hunger Games"]


async def test_the_exact_title_comes_first(reader: Reader, books: Database) -> None:
    for title in ("Emma", "Reading Emma", "Emma and the rest", "Little Emma"):
        await add_book(books, title=title)
    found = titles(await reader.get("/?q=emma"))
    assert found == ["Emma", "Emma and the rest", "Little Emma", "Reading Emma"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("condition=good", {"A", "C"}),
        ("condition=good&condition=poor", {"A", "B", "C"}),
        ("language=es", {"B"}),
        ("language=es&condition=good", set()),
        ("category=poetry", {"C"}),
        ("min=5&max=10", {"B", "C"}),
        ("min=10", {"A", "C"}),
        ("q=book&max=9", {"B"}),
        ("seller=7", {"B"}),
        ("condition=&language=&category=&min=&max=", {"A", "B", "C"}),
    ],
)
async def test_facets(reader: Reader, books: Database, query: str, found: set[str]) -> None:
    await add_book(books, title="A", author="Book", condition="good", price=1500)
    await add_book(
        books, title="B", author="Book", condition="poor", price=500, language="es", seller_id=7
    )
    await add_book(books, title="C", author="Book", condition="good", price=1000, category="poetry")
    assert set(titles(await reader.get(f"/?{query}"))) == found


@pytest.mark.parametrize("text", ["", "q=common&"])
@pytest.mark.parametrize("sort", ["newest", "price-up", "price-down", "title", "relevance"])
async def test_pages_follow_each_other_without_gap_or_repetition(
    reader: Reader, books: Database, sort: str, text: str
) -> None:
    many = 2 * PAGE + 5
    for number in range(many):
        title = f"{'Common' if number % 4 else 'Uncommon'} {number // 3:03}"
        await add_book(books, title=title, author="Common Man", price=500 + number % 7)
    address: str | None = f"/?{text}sort={sort}"
    seen: list[int] = []
    cards = []
    pages = 0
    while address:
        page = await reader.get(address)
        cards += [
            (tag.select_one("h2").get_text(), tag.select_one(".price").get_text())  # type: ignore[union-attr]
            for tag in page.soup.select(".card")
        ]
        seen += [int(str(tag["href"]).rsplit("/")[-1]) for tag in page.soup.select(".card a")]
        more = page.soup.select_one(".more a")
        address = str(more["href"]) if more else None
        pages += 1
    assert (len(seen), len(set(seen)), pages) == (many, many, 3)
    prices = [price for _, price in cards]
    if sort == "newest":
        assert seen == sorted(seen, reverse=True)
    elif sort == "price-up":
        assert prices == sorted(prices)
    elif sort == "price-down":
        assert prices == sorted(prices, reverse=True)
    elif sort == "title":
        assert [title for title, _ in cards] == sorted(title for title, _ in cards)


async def test_counts_stop_at_a_thousand(
    reader: Reader, books: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "COUNTED", 30)
    monkeypatch.setattr("bookstore.catalogue.routes.browsing.COUNTED", 30)
    for number in range(29):
        await add_book(books, title=f"Common {number}")
    assert (await reader.get("/books")).see(".results-head p") == "29 books"
    assert (await reader.get("/?q=common")).see(".results-head p") == "29 books"
    for number in range(5):
        await add_book(books, title=f"Common more {number}")
    assert (await reader.get("/books")).see(".results-head p") == "More than 30 books"
    assert (await reader.get("/?q=common")).see(".results-head p") == "More than 30 books"


async def test_sold_out_and_withdrawn_books_are_not_listed(reader: Reader, books: Database) -> None:
    await add_book(books, title="Here")
    await add_book(books, title="Sold out", copies=0)
    gone = await add_book(books, title="Gone")
    await books.execute("UPDATE books SET listed = 0, on_sale = 0 WHERE id = :id", {"id": gone})
    assert titles(await reader.get("/books")) == ["Here"]
    assert titles(await reader.get("/?q=gone")) == []
    assert (await reader.get(f"/books/{gone}")).status == 404


@contextmanager
def counted_queries(books: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Collect the statements that run."""
    statements: list[str] = []
    engine = mysql.Connections if books.dialect == "mysql" else sqlite.Connections
    plain = engine.run

    def counting(self: Any, raw: Any, given: Any) -> Any:
        if has_request_context():  # not the chores in the background
            statements.extend(sql for sql, _values in given)
        return plain(self, raw, given)

    with monkeypatch.context() as patch:
        patch.setattr(engine, "run", counting)
        yield statements


@pytest.mark.parametrize("query", ["", "q=common", "category=fantasy&sort=title", "seller=1000"])
async def test_a_page_for_a_stranger_takes_two_queries_at_most(
    reader: Reader, books: Database, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = 0
    for number in range(PAGE + 1):  # the last two are offers of one edition
        isbn = "9780439023481" if number >= PAGE - 1 else None
        first = await add_book(books, title=f"Common {number}", isbn13=isbn)
    for address in (f"/books?{query}", f"/?{query}", f"/books/{first}"):
        with counted_queries(books, monkeypatch) as statements:
            assert (await reader.get(address)).status == 200
        assert 1 <= len(statements) <= 2


async def test_htmx_gets_the_part_it_asks_for(reader: Reader, books: Database) -> None:
    for _number in range(PAGE + 1):
        await add_book(books, seller_id=7)
    listed = await reader.get("/?q=book", **HTMX)
    assert listed.soup.select_one("#facets")
    assert listed.soup.select_one("html") is None
    assert listed.headers["HX-Push-Url"] == "/?q=book"
    shelf = await reader.get("/?seller=7", **HTMX)
    assert shelf.soup.select_one(".shelf")
    assert shelf.soup.select_one("#facets") is None
    more = str(shelf.soup.select(".more a")[0]["hx-get"])
    rows = await reader.get(more, **HTMX)
    assert len(rows.soup.select("li.card")) == 1
    assert rows.soup.select_one("ul") is None
    assert "HX-Request" in rows.headers["Vary"]
    assert (await reader.get(more)).soup.select_one("html")


async def test_what_a_seller_writes_is_text_and_nothing_else(
    reader: Reader, books: Database
) -> None:
    evil = '<img src=x onerror=alert(1)><a hx-get="/evil">"\'{{ 7*7 }}'
    book = await add_book(
        books, title=evil, author=evil, description=evil, defects=evil, seller_name=evil[:80]
    )
    for address in ("/", f"/books/{book}", "/?q=%3Cimg%20src%3Dx%3E"):
        page = await reader.get(address)
        assert page.status == 200
        assert "<img src=x" not in page.text
        assert page.soup.select_one("[hx-get='/evil'], [onerror]") is None
        assert "49" not in page.see("main")


async def test_the_book_page(reader: Reader, books: Database) -> None:
    cheap = await add_book(books, title="Two", isbn13="9780439023481", price=300)
    book = await add_book(
        books, title="One", isbn13="9780439023481", price=1250, year=-750, copies=3,
        ex_library=True, defects="Torn cover",
    )  # fmt: skip
    page = await reader.get(f"/books/{book}")
    text = page.see("main")
    for part in ("One", "€12.50", "3 copies left", "750 BC", "Torn cover", "Good", "library"):
        assert part in text
    assert page.form("/basket")["book_id"] == str(book)
    assert page.soup.select_one(f".copies a[href='/books/{cheap}']")
    assert page.soup.select_one("link[rel=canonical]")
    await books.execute("UPDATE books SET stock = 0, on_sale = 0 WHERE id = :id", {"id": book})
    sold_out = await reader.get(f"/books/{book}")
    assert "Sold out" in sold_out.see("main")
    assert sold_out.soup.select_one("form[action='/basket']") is None


async def test_a_book_page_offers_the_other_copies_on_sale_cheapest_first(
    reader: Reader, books: Database
) -> None:
    async def offer(price: int, isbn13: str | None = "9788408043645", copies: int = 1) -> int:
        return await add_book(books, price=price, isbn13=isbn13, copies=copies)

    shown, dear, cheap = [await offer(price) for price in (500, 900, 300)]
    await offer(100, copies=0)  # sold out
    await offer(200, isbn13="9780261103344")
    unnumbered = await offer(100, isbn13=None)
    await offer(100, isbn13=None)

    async def others(book_id: int) -> list[str]:
        page = await reader.get(f"/books/{book_id}")
        return [str(link["href"]) for link in page.soup.select(".copies a")]

    assert await others(shown) == [f"/books/{cheap}", f"/books/{dear}"]
    assert await others(unnumbered) == []


@pytest.mark.parametrize("path", ["/books/0", "/books/99999999", "/books/9999999999999999999999"])
async def test_a_book_that_never_was(reader: Reader, path: str) -> None:
    assert (await reader.get(path)).status == 404
