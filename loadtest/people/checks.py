"""What a page must say. Each check returns what is wrong with a page, or ""."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from loadtest.people.pages import Card, Page

BOOK = r"/books/\d+"
ORDER = r"/orders/\d+"
LISTING = r"/\?[^#]*"
_MONEY = re.compile(r"[€$£]\s?\d|\d\s?€")
_SENTENCE = re.compile(r'<section class="message">.*?</h1>\s*<p>[^<]+</p>', re.S)
_SIGNATURES = {
    "image/webp": (b"RIFF", b"WEBP"),
    "image/svg+xml": (b"<svg", b"<?xml"),
}


def whole(page: Page) -> str:
    """Expect a whole page of the shop, or a redirect."""
    if page.status in (302, 303):
        return "" if page.location else "a redirect to nowhere"
    if page.status != 200:
        return f"status {page.status}"
    return "" if 'id="main"' in page.text and "</html>" in page.text else "a page cut short"


def fragment(page: Page) -> str:
    """Expect a part of a page."""
    if page.status != 200:
        return f"status {page.status}"
    return "a whole page in place of a part" if "</html>" in page.text else ""


def listing(page: Page) -> str:
    """Expect books, each with a link of its own, or a sentence that there are none."""
    if page.fragment:
        if wrong := fragment(page):
            return wrong
        if 'class="listing-title"' not in page.text:
            return "a listing without a heading"
    elif wrong := whole(page):
        return wrong
    cards = page.cards()
    if not cards and not page.texts("nothing"):
        return "a listing without books"
    if len({card.link for card in cards}) != len(cards):
        return "a listing with two books under one link"
    if any(not card.title or not card.author or not card.price for card in cards):
        return "a listing with a book that lacks title, author or price"
    return ""


def book(card: Card | None) -> Callable[[Page], str]:
    """Expect the book that a link named: its title, author and price."""

    def check(page: Page) -> str:
        if wrong := whole(page):
            return wrong
        if not _MONEY.search(page.text):
            return "no price"
        if card is None:
            return "" if page.heading() else "no title"
        seen = page.offer()
        for what, wanted, found in zip(("title", "author", "price"), card[1:], seen, strict=True):
            if wanted != found:
                return f"another {what} than the link named: {found!r}, not {wanted!r}"
        return ""

    return check


def file(page: Page) -> str:
    """Expect a picture, a style sheet or a script that is what it says."""
    kind = page.headers.get("content-type", "").split(";")[0]
    if page.status != 200:
        return f"status {page.status}"
    expected = {
        "css": ("text/css",), "js": ("text/javascript", "application/javascript"),
        "svg": ("image/svg+xml",), "webp": ("image/webp",),
    }.get(page.path.split("?")[0].rsplit(".", 1)[-1])  # fmt: skip
    if expected and kind not in expected:
        return f"{kind or 'nothing'} in place of {expected[0]}"
    if not page.size:
        return "an empty file"
    marks = _SIGNATURES.get(kind)
    return "" if not marks or any(mark in page.start for mark in marks) else f"no {kind}"


def accepted(page: Page) -> str:
    """Expect that a form was taken, or refused with a sentence."""
    if page.accepted:
        return ""
    if page.status == 200 and page.fragment:
        return fragment(page)
    said = page.texts("error") or page.texts("error-text") or page.headers.get("hx-trigger")
    if page.status in (409, 422) and (said or _SENTENCE.search(page.text)):
        return ""
    return f"status {page.status} without a sentence that says why"


def basket(wanted: Mapping[int, int] | None, prices: Mapping[int, int]) -> Callable[[Page], str]:
    """Expect what somebody has put into the basket (None: unknown), and sums that add up."""

    def check(page: Page) -> str:
        if wrong := whole(page):
            return wrong
        rows = page.basket()
        if wanted is not None and set(rows) != set(wanted):
            return f"a basket of {sorted(rows)}, not of {sorted(wanted)}"
        known = {number: row for number, row in rows.items() if row.quantity is not None}
        for number, row in known.items():
            if wanted is not None and row.quantity != wanted[number]:
                return f"{row.quantity} of book {number} in the basket, not {wanted[number]}"
            price = prices.get(number)
            if row.total and price and row.total != price * (row.quantity or 0):
                return f"book {number}: {row.total} for {row.quantity} of {price}"
        total = page.total()
        if rows and total != sum(row.total for row in rows.values()):
            return f"a basket whose lines do not make its subtotal of {total}"
        return ""

    return check


def badge(wanted: int | None) -> Callable[[Page], str]:
    """Expect the number of copies in the basket beside its link."""

    def check(page: Page) -> str:
        if wrong := fragment(page):
            return wrong
        if wanted is not None and page.text.strip() != (str(wanted) if wanted else ""):
            return f"a basket said to hold {page.text.strip()[:20] or 'nothing'}, not {wanted}"
        return ""

    return check


def own_order(number: int, name: str, total: int) -> Callable[[Page], str]:
    """Expect an order of somebody's own, with the sum that was agreed on."""

    def check(page: Page) -> str:
        if wrong := whole(page):
            return wrong
        if page.status != 200:
            return ""
        if not re.search(rf"\b{number}\b", page.heading()):
            return f"order {number} was asked for, and “{page.heading()}” is shown"
        if name not in page.address():
            return f"order {number} goes to somebody else"
        if total and page.total() != total:
            return f"order {number} over {page.total()}, not {total}"
        return ""

    return check


def own_orders(known: Collection[str]) -> Callable[[Page], str]:
    """Expect a list of somebody's own orders, with the newest of them."""
    numbers = {int(order.rsplit("/", 1)[1]) for order in known}

    def check(page: Page) -> str:
        if wrong := whole(page):
            return wrong
        seen = {int(link.rsplit("/", 1)[1]) for link in page.links(ORDER)}
        if page.status == 200 and numbers and max(numbers) not in seen:
            return f"order {max(numbers)} is missing from the buyer's own"
        return ""

    return check


def payment(number: int, total: int) -> Callable[[Page], str]:
    """Expect the page that asks for the sum of an order, and for no other."""

    def check(page: Page) -> str:
        if wrong := whole(page):
            return wrong
        if page.status != 200:
            return ""
        if not re.search(rf"\b{number}\b", page.heading()):
            return f"order {number} was to be paid, and “{page.heading()}” is shown"
        if not page.due():  # the order itself: there is nothing to pay any more
            return ""
        return f"{page.due()} to pay, not {total}" if total and page.due() != total else ""

    return check


def own_account(email: str) -> Callable[[Page], str]:
    """Expect the account of somebody."""

    def check(page: Page) -> str:
        if wrong := whole(page):
            return wrong
        if page.status == 200 and email not in page.text:
            return "the account of somebody else"
        return ""

    return check
