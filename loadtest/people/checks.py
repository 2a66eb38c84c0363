"""What a page must say. Each check returns what is wrong with a page, or ""."""

from __future__ import annotations

import re

from loadtest.people.pages import Page

BOOK = r"/books/\d+"
ORDER = r"/orders/\d+"
LISTING = r"/\?[^#]*"


def whole(page: Page) -> str:
    """Expect a whole page of the shop, or a redirect."""
    if page.status in (302, 303):
        return "" if page.location else "a redirect to nowhere"
    if page.status != 200:
        return f"status {page.status}"
    return "" if 'id="main"' in page.text and "</html>" in page.text else "a page cut short"


def listing(page: Page) -> str:
    """Expect books, or a sentence that there are none."""
    if wrong := whole(page):
        return wrong
    return "" if page.links(BOOK) or page.texts("nothing") else "a listing without books"


def book_page(page: Page) -> str:
    """Expect a book with its title and price."""
    if wrong := whole(page):
        return wrong
    return "" if "<h1" in page.text and re.search(r"[€$£]\s?\d|\d\s?€", page.text) else "no price"


def picture(page: Page) -> str:
    """Expect a cover."""
    kind = page.headers.get("content-type", "")
    return "" if page.status == 200 and kind == "image/webp" else f"status {page.status}, {kind}"


def accepted(page: Page) -> str:
    """Expect that a form was taken, or refused with a sentence."""
    if page.status in (204, 302, 303):
        return ""
    if page.status in (409, 422) and (page.texts("error") or page.texts("error-text")):
        return ""
    return f"status {page.status} without a sentence that says why"
