"""The front page, and what it leads to."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bookstore.app import create_app
from bookstore.web.shop import Shop
from tests.conftest import settings_for
from tests.orders.support import on_sale
from tests.support.reader import Page, Reader


def titles(page: Page, shelf: str = ".shelf") -> list[str]:
    return [tag.get_text(strip=True) for tag in page.soup.select(f"{shelf} .card h2")]


async def test_it_greets_with_search_shelves_and_how_it_works(reader: Reader, shop: Shop) -> None:
    await on_sale(shop, title="Kim")
    page = await reader.get("/")
    assert len(page.soup.select("input[name='q']")) == 1
    headings = [tag.get_text(strip=True) for tag in page.soup.select("h2[id]")]
    assert headings == ["Recently seen", "New books", "By category", "How it works"]
    assert titles(page) == ["Kim"]
    assert len(page.soup.select(".category-tiles a")) == 13


async def test_a_shelf_holds_books_in_the_language_of_the_page(reader: Reader, shop: Shop) -> None:
    spanish = [await on_sale(shop, title=f"Niebla {n}", language="es") for n in range(3)]
    for number in range(12):
        await on_sale(shop, title=f"Fog {number}", language="en")
    page = await reader.get("/?lang=es")
    assert page.see("#in-my-language") == "En su idioma"
    assert titles(page, "section[aria-labelledby='in-my-language']") == [
        f"Niebla {n}" for n in reversed(range(len(spanish)))
    ]
    links = [tag["href"] for tag in page.soup.select(".card a")]
    assert len(set(links)) == len(links)  # no book stands on two shelves


@pytest.mark.parametrize(
    ("address", "is_list"),
    [("/", False), ("/?lang=en", False), ("/?q=", True), ("/?q=kim", True), ("/?sort=title", True),
     ("/?category=fantasy&lang=en", True), ("/books", True), ("/books?q=kim", True)],
)  # fmt: skip
async def test_a_wish_in_the_address_shows_the_list(
    reader: Reader, shop: Shop, address: str, is_list: bool
) -> None:
    await on_sale(shop, title="Kim")
    page = await reader.get(address)
    assert bool(page.soup.select("#catalogue .facets")) is is_list
    assert titles(page) == ["Kim"]


async def test_an_empty_shop_says_so(reader: Reader) -> None:
    assert "There are no books on sale yet." in (await reader.get("/")).text


async def seen(reader: Reader, books: Sequence[object]) -> list[str]:
    return titles(await reader.get("/books/seen?" + "&".join(f"id={b}" for b in books)), "")


async def test_books_looked_at_come_back_as_they_are_now(reader: Reader, shop: Shop) -> None:
    kim = await on_sale(shop, title="Kim")
    gone = await on_sale(shop, title="Gone", copies=0)
    emma = await on_sale(shop, title="Emma")
    assert await seen(reader, [emma, gone, kim, emma]) == ["Emma", "Kim"]


@pytest.mark.parametrize("book", ["", "x", "-1", "0", "9" * 30, "1e3", "%00", "'"])
async def test_what_is_no_book_was_not_looked_at(reader: Reader, book: str) -> None:
    assert await seen(reader, [book]) == []


async def test_it_is_kept_until_a_book_changes(sqlite_url: str, tmp_path: Path) -> None:
    shop = create_app(settings_for(sqlite_url, tmp_path, page_cache_mb=4))
    async with shop.test_app():
        first = await Reader(shop).get("/")
        again = await Reader(shop).get("/", If_None_Match=first.headers["ETag"])
        assert again.status == 304
        kim = await on_sale(shop, title="Kim")
        shop.extensions["bookstore.catalogue"].changes.here(kim, listed=True)
        assert titles(await Reader(shop).get("/")) == ["Kim"]
