"""What is measured: one visit of each kind, the same for every stack."""

import gzip
import html
import re
import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import brotli
import zstandard

from benchmarks.client import Answer, Browser
from benchmarks.data import Data

WARM_BOOKS = 100
_ADDRESS = {"name": "Ana Prueba", "address": "Calle Mayor 1, 28013 Madrid", "country": "ES",
            "carrier": "post"}  # fmt: skip


class Kind(NamedTuple):
    """A kind of visit. `visits` is how many a round makes; `whole`: with what
    the page fetches by itself, one visitor in four being signed in and having a basket."""

    name: str
    title: str
    visits: int
    path: Callable[[int], str] | None
    signed_in: bool = False
    whole: bool = False


BASKETS = 4


def kinds(data: Data) -> list[Kind]:
    """Return every kind of visit."""

    def narrowed(number: int) -> str:
        """Return a range of prices that no other visit asks for, and so other cards."""
        low = 100 + (number * 7919) % 3500
        high = low + 40 + number // 3500
        return f"/?min={low / 100:.2f}&max={high / 100:.2f}"

    return [
        Kind("warm", "List, kept page", 400, lambda number: "/books"),
        Kind("loaded", "As a browser loads it", 200, lambda number: "/books", whole=True),
        Kind("signed-in", "List, signed in", 200, lambda number: "/books", signed_in=True),
        Kind("cold", "List, no repeats", 200, narrowed),
        Kind("search", "Search", 200, lambda n: f"/?q={data.words[n % len(data.words)]}"),
        Kind("book", "Book, first visit", 200,
             lambda number: f"/books/{200 + (number * 7919) % (data.books - 200)}"),
        Kind("book-warm", "Book, popular", 200,
             lambda number: f"/books/{1 + number % WARM_BOOKS}"),
        Kind("checkout", "Checkout, five requests", 40, None, signed_in=True),
        Kind("static", "Static file", 200, lambda number: "/static/app.css"),
    ]  # fmt: skip


class Refused(Exception):
    """A stack answered something else than the page."""


def text_of(answer: Answer) -> str:
    """Return the body of an answer, decompressed."""
    encoding = answer.headers.get("content-encoding", "identity")
    if encoding == "zstd":
        body = zstandard.ZstdDecompressor().decompressobj().decompress(answer.body)
    elif encoding == "br":
        body = brotli.decompress(answer.body)
    elif encoding == "gzip":
        body = gzip.decompress(answer.body)
    else:
        body = answer.body
    return body.decode()


def elements(page: str) -> set[tuple[str, int]]:
    """Return the title of a page and how often each kind of element stands in it."""
    title = page.partition("<title>")[2].partition("</title>")[0]
    return {(title, 1), *Counter(re.findall(r"<(\w+)", page)).items()}


def fetched(browser: Browser, page: str) -> list[str]:
    """Return what a page fetches by itself: parts that htmx asks for on load, and the basket's
    badge where a cookie says that there is a basket, as app.js does."""
    found = []
    for tag in re.findall(r"<[^>]*\bhx-get=[^>]*>", page):
        trigger = re.search(r'hx-trigger="([^"]*)"', tag)
        on_load = trigger is not None and re.search(r"\bload\b", trigger[1])
        if on_load or ('id="basket-badge"' in tag and browser.cookies.get("has_basket") == "1"):
            path = re.search(r'hx-get="([^"]*)"', tag)
            assert path is not None
            found.append(html.unescape(path[1]))
    return found


def visit(
    kind: Kind, data: Data, *, floor: bool = False
) -> Callable[[Browser, int], Awaitable[None]]:
    """Return what makes one visit of a kind; it raises Refused when the answer is no page."""

    async def look(browser: Browser, number: int) -> None:
        assert kind.path is not None
        browser.cookies.clear()
        with_basket = kind.whole and number % BASKETS == 0
        if kind.signed_in or with_basket:
            browser.cookies["session"] = data.tokens[number % len(data.tokens)]
        if with_basket:
            browser.cookies["has_basket"] = "1"
        answer = await browser.get(f"/{kind.name}" if floor else kind.path(number))
        if answer.status != 200:
            raise Refused(f"{kind.path(number)} answered {answer.status}")
        if kind.whole:
            for path in fetched(browser, text_of(answer)):
                part = await browser.fetch(path)
                if part.status not in {200, 204}:
                    raise Refused(f"{path} answered {part.status}")

    async def buy(browser: Browser, number: int) -> None:
        browser.cookies.clear()
        browser.cookies["session"] = data.tokens[number % len(data.tokens)]
        await buy_one(browser, 1 + (number * 7919) % data.books)

    return buy if kind.path is None else look


async def buy_one(browser: Browser, book_id: int) -> dict[str, str]:
    """Put a book into the basket, check out and pay; return the pages seen."""
    review = await fill_basket(browser, book_id)
    placed = _expect(303, await place(browser, review, secrets.token_urlsafe(16)), "checkout")
    to_pay = placed.headers["location"]
    form = text_of(_expect(200, await browser.get(to_pay), "payment page"))
    _expect(303, await pay(browser, to_pay, secrets.token_urlsafe(16)), "payment")
    return {"checkout": review, "pay": form}


async def fill_basket(browser: Browser, book_id: int) -> str:
    """Put a copy of a book into the basket; return the checkout page."""
    fields = {"idempotency_key": secrets.token_urlsafe(16), "book_id": book_id, "quantity": 1}
    fields["csrf_token"] = await _csrf(browser)
    _expect(303, await browser.post("/basket", fields), "basket")
    return text_of(_expect(200, await browser.get("/checkout"), "checkout page"))


async def place(browser: Browser, review: str, key: str) -> Answer:
    """Order what the checkout page showed."""
    seen = re.search(r'name="seen" value="([^"]*)"', review)
    if seen is None:
        raise Refused("the checkout page does not carry what it showed")
    fields = {"csrf_token": await _csrf(browser), "idempotency_key": key}
    fields["seen"] = html.unescape(seen[1])
    return await browser.post("/checkout", fields | _ADDRESS)


async def pay(browser: Browser, address: str, key: str) -> Answer:
    """Pay an order with a card that pays at once."""
    fields = {"csrf_token": await _csrf(browser), "idempotency_key": key}
    card = {"card_number": "4242424242424242", "expiry": "12/40", "cvc": "123"}
    return await browser.post(address, fields | card)


_tokens: dict[tuple[int, str], str] = {}


async def _csrf(browser: Browser) -> str:
    """Return the token of a session's forms. A browser has it from the page it comes from, so
    that page is not part of the visit: it is asked for once, before the clock runs."""
    key = browser.port, browser.cookies["session"]
    if key not in _tokens:
        page = text_of(_expect(200, await browser.get("/books/1"), "book page"))
        found = re.search(r'name="csrf_token" value="([^"]+)"', page)
        if found is None:
            raise Refused("no form on the book page")
        _tokens[key] = found[1]
    return _tokens[key]


async def prepare_tokens(browser: Browser, data: Data, numbers: range) -> None:
    """Learn the tokens of the sessions that the next visits buy with."""
    for number in numbers:
        browser.cookies = {"session": data.tokens[number % len(data.tokens)]}
        await _csrf(browser)


def _expect(status: int, answer: Answer, what: str) -> Answer:
    if answer.status != status:
        raise Refused(f"{what} answered {answer.status}: {answer.body[:2000]!r}")
    return answer
