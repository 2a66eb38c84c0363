"""Titles are said and written in their own language and direction, whatever page they stand on."""

import pytest

from bookstore.web.shop import Shop
from tests.orders.support import on_sale, order
from tests.support.reader import Page, Reader


def of(page: Page, css: str) -> tuple[str | None, str]:
    """Return the language that an element's words are marked with, and the words."""
    found = page.soup.select_one(css)
    assert found is not None, page.text
    language = found.get("lang")
    return None if language is None else str(language), found.get_text()


@pytest.mark.parametrize(
    ("language", "page_language", "marked"),
    [
        ("ar", "en", "ar"),
        ("es", "en", "es"),
        ("es", "es", None),
        ("en", "es", "en"),
        ("mul", "en", None),
        (None, "en", None),
    ],
)
async def test_lists_and_pages_mark_a_title_that_is_in_another_language(
    shop: Shop, language: str | None, page_language: str, marked: str | None
) -> None:
    reader = await Reader(shop).register()
    title = "ألف ليلة وليلة"
    book = await on_sale(shop, title=title, language=language)
    order_page = await order(reader, await on_sale(shop, title=title, language=language))
    for path, css in [
        ("/books", ".card h2 bdi"),
        ("/", ".card h2 bdi"),
        (f"/books/{book}", "h1[dir=auto]"),
        (order_page, "main bdi"),
    ]:
        page = await reader.get(path, Accept_Language=page_language)
        assert of(page, css) == (marked, title), path
