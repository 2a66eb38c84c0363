"""Fifty buyers and the last copy, over real HTTP against a real process."""

import asyncio
import os
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator

import httpx
import pytest

from bookstore.accounts import repository as people
from bookstore.accounts.service import Accounts
from bookstore.clock import now
from bookstore.contracts import Person
from bookstore.data.database import Database
from bookstore.settings import Settings
from tests.conftest import SECRET
from tests.orders.support import ADDRESS
from tests.support.books import add_book
from tests.support.mariadb import ENGINES_AND_DRIVERS

pytestmark = pytest.mark.parametrize("database_url", ENGINES_AND_DRIVERS, indirect=True)

BUYERS = 50
TLS = ssl.create_default_context()  # made once: each takes 20 ms


@pytest.fixture
def origin(settings: Settings) -> Iterator[str]:
    """The address of `bookstore serve` in a process of its own, on this test's database."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "bookstore", "serve"],
        env={
            **os.environ,
            "BOOKSTORE_DATABASE_URL": settings.database_url.get_secret_value(),
            "BOOKSTORE_MEDIA_DIR": str(settings.media_dir),
            "BOOKSTORE_SECRET_KEY": SECRET,
            "BOOKSTORE_BIND": f"127.0.0.1:{port}",
            "BOOKSTORE_DRAIN_SECONDS": "0",
            "BOOKSTORE_LOG_LEVEL": "ERROR",
        },
    )
    try:
        for _attempt in range(200):
            try:
                httpx.get(f"http://127.0.0.1:{port}/readyz").raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}"[^>]*value="([^"]*)"', html)
    assert found is not None, html[:2000]
    return found.group(1)


async def signed_in(database: Database, origin: str, number: int) -> httpx.AsyncClient:
    """Return a browser in which a new person has signed in."""
    email = f"buyer{number}@example.org"
    person_id = await people.add_person(
        database, email=email, key=email, name=f"Buyer {number}", password_hash="-",
        form_key=f"f{number}", now=now(),
    )  # fmt: skip
    token = await Accounts(database, now).sign_in(
        Person(person_id, f"Buyer {number}", email), user_agent="", address="", replaces=None
    )
    return httpx.AsyncClient(base_url=origin, cookies={"session": token}, timeout=60, verify=TLS)


async def fill(browser: httpx.AsyncClient, books: list[int]) -> dict[str, str]:
    """Put books into the basket and return the checkout form, filled in."""
    for book in books:
        page = (await browser.get("/account")).text
        fields = {name: field(page, name) for name in ("csrf_token", "idempotency_key")}
        answer = await browser.post("/basket", data={**fields, "book_id": book, "quantity": 1})
        assert answer.status_code == 303, answer.text
    page = (await browser.get("/checkout")).text
    hidden = {name: field(page, name) for name in ("csrf_token", "idempotency_key", "seen")}
    return {**hidden, **ADDRESS, "carrier": "post"}


async def accounted_for(database: Database, book: int) -> tuple[int, int, int]:
    """Return stock, held and sold of a book."""
    stock = await database.value("SELECT stock FROM books WHERE id = :id", {"id": book})
    held, sold = [
        await database.value(
            "SELECT SUM(quantity) FROM holds WHERE book_id = :id AND state = :state",
            {"id": book, "state": state},
        )
        for state in ("held", "sold")
    ]
    return int(stock), int(held or 0), int(sold or 0)


async def race(
    database: Database, origin: str, baskets: list[list[int]]
) -> tuple[list[httpx.AsyncClient], list[httpx.Response]]:
    """Let everybody order at the same moment."""
    browsers = [await signed_in(database, origin, n) for n in range(len(baskets))]
    forms = [await fill(b, books) for b, books in zip(browsers, baskets, strict=True)]
    answers = await asyncio.gather(
        *(b.post("/checkout", data=form) for b, form in zip(browsers, forms, strict=True))
    )
    return browsers, list(answers)


async def close(browsers: list[httpx.AsyncClient]) -> None:
    for browser in browsers:
        await browser.aclose()


async def test_fifty_buyers_of_the_last_copy_are_one_order(database: Database, origin: str) -> None:
    book = await add_book(database, copies=1, title="The last copy")
    browsers, answers = await race(database, origin, [[book]] * BUYERS)
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(303) == 1, statuses
    assert statuses.count(409) == BUYERS - 1, statuses
    for answer in answers:
        if answer.status_code == 409:
            assert "“The last copy” is sold out." in answer.text
    assert await accounted_for(database, book) == (0, 1, 0)
    winner = statuses.index(303)
    pay = answers[winner].headers["Location"]
    page = (await browsers[winner].get(pay)).text
    hidden = {name: field(page, name) for name in ("csrf_token", "idempotency_key")}
    paid = await browsers[winner].post(
        pay, data={**hidden, "card_number": "4242424242424242", "expiry": "12/40", "cvc": "123"}
    )
    assert paid.status_code == 303
    assert await accounted_for(database, book) == (0, 0, 1)
    assert int(await database.value("SELECT COUNT(*) FROM orders")) == 1
    await close(browsers)


async def test_two_books_in_opposite_order_are_one_order_and_no_deadlock(
    database: Database, origin: str
) -> None:
    first = await add_book(database, copies=1)
    second = await add_book(database, copies=1)
    baskets = [[first, second] if n % 2 else [second, first] for n in range(BUYERS)]
    browsers, answers = await race(database, origin, baskets)
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(303) == 1, statuses
    assert statuses.count(409) == BUYERS - 1, statuses
    assert await accounted_for(database, first) == (0, 1, 0)
    assert await accounted_for(database, second) == (0, 1, 0)
    await close(browsers)


async def test_ten_copies_find_ten_buyers(database: Database, origin: str) -> None:
    book = await add_book(database, copies=10)
    browsers, answers = await race(database, origin, [[book]] * 30)
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(303) == 10, statuses
    assert statuses.count(409) == 20, statuses
    assert await accounted_for(database, book) == (0, 10, 0)
    await close(browsers)
