"""What a buyer agrees to is what is on the page, and what the order keeps."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from bookstore.contracts import HoldLine
from bookstore.links import DirectCatalogue
from bookstore.orders.service import Orders
from bookstore.web.shop import Shop
from tests.orders.support import ADDRESS, add, databases, pay
from tests.support.reader import Page, Reader

FIRST: dict[str, Any] = {
    "title": "First edition, signed", "author": "Ana Autora", "category": "classics",
    "condition": "fine", "price": "80", "copies": "2", "year": "1954", "language": "en",
    "isbn": "9780141439587", "defects": "", "description": "Signed on the title page.",
}  # fmt: skip


@pytest.fixture
async def seller(shop: Shop) -> Reader:
    return await Reader(shop).register("Sela")


@pytest.fixture
async def book(seller: Reader) -> int:
    answer = await seller.submit("/sell", **FIRST)
    assert answer.status == 303, answer.errors()
    return int(str(answer.location).rpartition("/")[2])


async def edit(seller: Reader, book: int, **fields: Any) -> None:
    answer = await seller.submit(f"/my/books/{book}", **fields)
    assert answer.status == 303, answer.errors()


async def number_of_orders(shop: Shop) -> int:
    return int(await databases(shop)["orders"].value("SELECT COUNT(*) FROM orders"))


def changes(page: Page) -> list[str]:
    return [tag.get_text(" ", strip=True) for tag in page.soup.select(".changes li")]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"title": "Photocopy"}, "Title: “First edition, signed” before, “Photocopy” now."),
        ({"author": "Otra"}, "Author: “Ana Autora” before, “Otra” now."),
        ({"condition": "poor"}, "Condition: “Fine” before, “Poor” now."),
        ({"defects": "No cover"}, "Defects: “–” before, “No cover” now."),
        ({"ex_library": "y"}, "From a library: “no” before, “yes” now."),
        ({"price": "80.01"}, "Price: “€80.00” before, “€80.01” now."),
        ({"year": "2024"}, "Year: “1954” before, “2024” now."),
        ({"language": "es"}, "Language: “English” before, “Spanish” now."),
        ({"isbn": ""}, "ISBN: “9780141439587” before, “–” now."),
        ({"description": "Unsigned."}, "the description was changed."),
    ],
)
async def test_a_book_that_changed_is_shown_and_asked_about_again(
    shop: Shop, buyer: Reader, seller: Reader, book: int, fields: dict[str, Any], sentence: str
) -> None:
    await add(buyer, book)
    open_page = (await buyer.get("/checkout")).form("/checkout")
    await edit(seller, book, **fields)
    answer = await buyer.post("/checkout", {**open_page, **ADDRESS})
    assert answer.status == 422
    assert len(changes(answer)) == 1
    assert changes(answer)[0].endswith(sentence)
    assert await number_of_orders(shop) == 0
    again = await buyer.post("/checkout", {**answer.form("/checkout"), **ADDRESS})
    assert again.status == 303, again.errors()


async def test_copies_that_come_and_go_are_no_change_of_terms(
    buyer: Reader, seller: Reader, book: int
) -> None:
    await add(buyer, book)
    open_page = (await buyer.get("/checkout")).form("/checkout")
    await edit(seller, book, copies="7")
    assert (await buyer.post("/checkout", {**open_page, **ADDRESS})).status == 303


@pytest.mark.parametrize("seen", ["", "x", "e30.invalid", None])
async def test_nobody_orders_what_they_have_not_seen(
    shop: Shop, buyer: Reader, book: int, seen: str | None
) -> None:
    await add(buyer, book)
    form = (await buyer.get("/checkout")).form("/checkout")
    sent: dict[str, Any] = {**form, **ADDRESS, "seen": seen}
    if seen is None:
        del sent["seen"]
    answer = await buyer.post("/checkout", sent)
    assert answer.status == 422
    assert "order again" in answer.see(".notice.error")
    assert await number_of_orders(shop) == 0


class EditedOnTheWay(DirectCatalogue):
    """The catalogue, except that its seller saves an edit right before the copies are held."""

    seller: Reader
    book: int

    async def hold(
        self,
        reference: str,
        lines: Sequence[HoldLine],
        expires_at: int,
        *,
        terms: Mapping[int, str] | None = None,
    ) -> None:
        await edit(self.seller, self.book, title="Photocopy", condition="poor")
        await super().hold(reference, lines, expires_at, terms=terms)


async def test_an_edit_in_the_last_moment_is_asked_about_too(
    shop: Shop, orders: Orders, buyer: Reader, seller: Reader, book: int
) -> None:
    await add(buyer, book)
    form = (await buyer.get("/checkout")).form("/checkout")
    link = EditedOnTheWay(shop.extensions["bookstore.catalogue"])
    link.seller, link.book = seller, book
    orders.checkout.catalogue = link
    answer = await buyer.post("/checkout", {**form, **ADDRESS})
    assert answer.status == 422
    assert len(changes(answer)) == 2
    assert await number_of_orders(shop) == 0
    assert await databases(shop)["catalogue"].value("SELECT stock FROM books") == 2
    assert await databases(shop)["catalogue"].value("SELECT COUNT(*) FROM holds") == 0


async def test_an_order_keeps_and_shows_the_terms_it_was_placed_under(
    buyer: Reader, seller: Reader, book: int
) -> None:
    await add(buyer, book)
    answer = await buyer.submit("/checkout", **ADDRESS)
    address = str(answer.location).removesuffix("/pay")
    await edit(
        seller, book, title="Photocopy", condition="poor", defects="Torn", price="1",
        description="A copy.", isbn="", year="2024",
    )  # fmt: skip
    assert (await pay(buyer, address)).location == address
    for language, words in (
        ("en", ("Fine", "1954", "English", "Signed on the title page.", "€80.00")),
        ("es", ("Excelente", "1954", "Inglés", "Signed on the title page.", "80,00")),
    ):
        page = await buyer.get(address, Accept_Language=language)
        text = page.see(".parcel")
        assert "First edition, signed" in text
        for word in words:
            assert word in text
        for word in ("Photocopy", "Torn", "Poor", "Deficiente", "2024"):
            assert word not in page.text
