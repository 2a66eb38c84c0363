"""My books: looked through, changed many at once, taken along as a file that changes nothing."""

import csv
import io
from pathlib import Path
from typing import Any

import pytest

from bookstore.catalogue import own_books
from bookstore.catalogue.domain import Seller
from bookstore.catalogue.importing.storing import as_said
from bookstore.catalogue.service import Catalogue
from bookstore.data.database import Database
from bookstore.web.shop import Shop
from tests.catalogue.importing.support import load
from tests.support.books import add_book
from tests.support.reader import Page, Reader

BOOKS = (
    ("Emma", "Jane Austen", 500, 1),
    ("Kim", "Rudyard Kipling", 450, 3),
    ("Walden 100% true", "Henry Thoreau", 999_999, 0),
    ("=cmd()", "@Ann", 1, 1),
)


class Shelf:
    """A seller with books on sale."""

    def __init__(self, shop: Shop, reader: Reader) -> None:
        self.catalogue: Catalogue = shop.extensions["bookstore.catalogue"]
        self.database: Database = self.catalogue.database
        self.reader = reader
        self.seller = Seller(0, "")
        self.ids: list[int] = []

    async def fill(self) -> None:
        await self.reader.register()
        number = await self.database.value("SELECT MAX(id) FROM people")
        self.seller = Seller(number, "Ana")
        for title, author, price, copies in BOOKS:
            self.ids.append(
                await add_book(
                    self.database, title=title, author=author, price=price, copies=copies,
                    seller_id=number, description="One\n\n  two  ", year=-44,
                )
            )  # fmt: skip

    async def many(self, path: str = "/my/books", **fields: Any) -> Page:
        form = (await self.reader.get(path)).form("/my/books/many")
        return await self.reader.post("/my/books/many", {**form, **fields})

    async def prices(self) -> list[int]:
        return [
            int(await self.database.value("SELECT price FROM books WHERE id = :id", {"id": one}))
            for one in self.ids
        ]

    async def listed(self) -> list[int]:
        return [
            int(await self.database.value("SELECT listed FROM books WHERE id = :id", {"id": one}))
            for one in self.ids
        ]


@pytest.fixture
async def shelf(shop: Shop, reader: Reader) -> Shelf:
    made = Shelf(shop, reader)
    await made.fill()
    return made


@pytest.mark.parametrize(
    ("query", "titles"),
    [
        ("", ["=cmd()", "Walden 100% true", "Kim", "Emma"]),
        ("q=austen", ["Emma"]),
        ("q=kipling+kim", ["Kim"]),
        ("q=100%25", ["Walden 100% true"]),
        ("q=0_", []),
        ("state=sold-out", ["Walden 100% true"]),
        ("sort=price-up", ["=cmd()", "Kim", "Emma", "Walden 100% true"]),
        ("sort=title", ["=cmd()", "Emma", "Kim", "Walden 100% true"]),
        ("sort=evil;drop&state=x&page=0", ["=cmd()", "Walden 100% true", "Kim", "Emma"]),
        ("page=2", []),
    ],
)
async def test_books_are_looked_through(shelf: Shelf, query: str, titles: list[str]) -> None:
    page = await shelf.reader.get(f"/my/books?{query}")
    assert page.status == 200
    assert [tag.get_text() for tag in page.soup.select(".own-books h2")] == titles


async def test_of_very_many_books_not_all_are_counted(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_books, "COUNTED", 60)
    for number in range(100):
        await add_book(shelf.database, title=f"Book {number}", seller_id=shelf.seller.id)
    page = await shelf.reader.get("/my/books?page=2")
    assert "More than 60 books" in page.text
    assert "all books found" in page.see(".own-many")
    assert "Page 2 of 2+" in page.see(".own-pages")
    last = await shelf.reader.get(str(page.soup.select(".own-pages a")[-1]["href"]))
    assert [tag.get_text() for tag in last.soup.select(".own-books h2")][-1] == "Emma"
    assert "Next page" not in last.see(".own-pages")


async def test_a_last_page_that_is_full_is_the_last(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own_books, "COUNTED", 60)
    for number in range(96):
        await add_book(shelf.database, title=f"Book {number}", seller_id=shelf.seller.id)
    page = await shelf.reader.get("/my/books?page=2")
    assert len(page.soup.select(".own-books li")) == 50
    assert "Next page" not in page.see(".own-pages")


@pytest.mark.parametrize("query", ["page=9", "page=9&q=emma"])
async def test_behind_the_last_page_a_link_leads_back(shelf: Shelf, query: str) -> None:
    page = await shelf.reader.get(f"/my/books?{query}")
    assert "no books yet" not in page.text
    assert "None of your books fits" not in page.text
    back = page.soup.select_one(".own-pages a[rel=prev]")
    assert back is not None
    page = await shelf.reader.get(str(back["href"]))
    assert "Emma" in [tag.get_text() for tag in page.soup.select(".own-books h2")]


async def test_fifty_a_page(shelf: Shelf) -> None:
    for number in range(50):
        await add_book(shelf.database, title=f"Book {number}", seller_id=shelf.seller.id)
    page = await shelf.reader.get("/my/books")
    assert len(page.soup.select(".own-books li")) == 50
    assert "Page 1 of 2" in page.see(".own-pages")
    older = page.soup.select_one(".own-pages a")
    assert older is not None
    page = await shelf.reader.get(str(older["href"]))
    assert len(page.soup.select(".own-books li")) == 4


async def test_prices_change_by_a_percentage(shelf: Shelf) -> None:
    answer = await shelf.many(action="percent", percent="+10", all="1")
    assert answer.location == "/my/books?done=many&count=4"
    assert await shelf.prices() == [550, 495, 1_000_000, 1]
    await shelf.many(action="percent", percent="-12,5 %", book=str(shelf.ids[0]))
    assert await shelf.prices() == [481, 495, 1_000_000, 1]


async def test_many_are_withdrawn_and_offered_again(shelf: Shelf) -> None:
    await shelf.many("/my/books?q=jane", action="withdraw", all="1")
    assert await shelf.listed() == [0, 1, 1, 1]
    on_sale = "SELECT on_sale FROM books WHERE id = :id"
    assert await shelf.database.value(on_sale, {"id": shelf.ids[0]}) == 0
    await shelf.many(action="offer", all="1")
    assert await shelf.listed() == [1, 1, 1, 1]
    assert await shelf.database.value(on_sale, {"id": shelf.ids[2]}) == 0  # none left


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "withdraw"}, {"action": "burn", "all": "1"},
        {"action": "percent", "percent": "-100", "all": "1"},
        {"action": "percent", "percent": "1e9", "all": "1"},
        {"action": "percent", "percent": "", "all": "1"},
        {"action": "withdraw", "book": "x"},
    ],
)  # fmt: skip
async def test_nonsense_changes_nothing(shelf: Shelf, fields: dict[str, Any]) -> None:
    answer = await shelf.many(**fields)
    assert answer.status == 422
    assert answer.soup.select(".notice.error")
    assert await shelf.prices() == [price for _, _, price, _ in BOOKS]
    assert await shelf.listed() == [1, 1, 1, 1]


async def test_books_of_others_are_left_alone(shelf: Shelf) -> None:
    other = await add_book(shelf.database, title="Persuasion", seller_id=987_654, price=700)
    await shelf.many(action="percent", percent="50", book=str(other))
    await shelf.many(action="percent", percent="50", all="1")
    value = "SELECT price FROM books WHERE id = :id"
    assert await shelf.database.value(value, {"id": other}) == 700


async def test_the_file_taken_along_changes_nothing(shelf: Shelf, tmp_path: Path) -> None:
    page = await shelf.reader.get("/my/books/export.csv")
    rows = list(csv.DictReader(io.StringIO(page.text.lstrip("\ufeff"))))
    assert [row["title"] for row in rows] == ["Emma", "Kim", "Walden 100% true", "'=cmd()"]
    assert [row["author"] for row in rows][-1] == "'@Ann"
    assert not any(cell[:1] in {"=", "+", "-", "@"} for row in rows for cell in row.values())
    file = tmp_path / "own.csv"
    file.write_text(page.text)
    report = await load(shelf.database, file, seller=shelf.seller)
    assert (report.added, report.changed, report.withdrawn) == (0, 0, 0)
    assert (report.unchanged, report.refused) == (4, [])
    # A price changed in the file changes the book.
    file.write_text(page.text.replace("5.00", "6.00", 1))
    report = await load(shelf.database, file, seller=shelf.seller)
    assert (report.added, report.changed) == (0, 1)
    assert (await shelf.prices())[0] == 600
    # In another seller's hands it is a file like any other.
    report = await load(shelf.database, file, seller=Seller(shelf.seller.id + 1, "Bruno"))
    assert report.added == 3
    assert (await shelf.prices())[0] == 600


async def test_only_own_books_are_compared_with(shelf: Shelf) -> None:
    async with shelf.database.transaction() as queries:
        assert await as_said(queries, shelf.seller.id + 1, shelf.ids) == {}


async def test_my_books_are_for_who_is_signed_in(shop: Shop) -> None:
    stranger = Reader(shop)
    for path in ("/my/books", "/my/books/export.csv", "/my/books/import"):
        assert (await stranger.get(path)).status == 303
