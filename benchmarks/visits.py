"""What is measured: one visit of each kind, the same for every stack."""

import gzip
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
    """A kind of visit. `visits` is how many a round makes."""

    name: str
    title: str
    visits: int
    path: Callable[[int], str] | None
    signed_in: bool = False


def kinds(data: Data) -> list[Kind]:
    """Return every kind of visit."""

    def narrowed(number: int) -> str:
        return f"/?min={1 + number % 10}&max={25 + number // 10 / 100:.2f}"

    return [
        Kind("warm", "Catalogue, anonymous, warm", 1000, lambda number: "/"),
        Kind("signed-in", "Catalogue, signed in", 400, lambda number: "/", signed_in=True),
        Kind("cold", "Catalogue, cold", 300, narrowed),
        Kind("search", "Search", 300, lambda n: f"/?q={data.words[n % len(data.words)]}"),
        Kind("book", "Book page, popular", 500,
             lambda number: f"/books/{1 + number % WARM_BOOKS}"),
        Kind("book-cold", "Book page, first visit", 400,
             lambda number: f"/books/{200 + (number * 7919) % (data.books - 200)}"),
        Kind("checkout", "Checkout, five requests", 60, None, signed_in=True),
        Kind("static", "Static file", 500, lambda number: "/static/app.css"),
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


def visit(
    kind: Kind, data: Data, *, floor: bool = False
) -> Callable[[Browser, int], Awaitable[None]]:
    """Return what makes one visit of a kind; it raises Refused when the answer is no page."""

    async def look(browser: Browser, number: int) -> None:
        assert kind.path is not None
        browser.cookies.clear()
        if kind.signed_in:
            browser.cookies["session"] = data.tokens[number % len(data.tokens)]
        answer = await browser.get(f"/{kind.name}" if floor else kind.path(number))
        if answer.status != 200:
            raise Refused(f"{kind.path(number)} answered {answer.status}")

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
    fields = {"csrf_token": await _csrf(browser), "idempotency_key": key, "seen": seen[1]}
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
