"""One locked row, or a database that takes no writes, and what a reader of the shop sees."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pymysql
import pytest

from bookstore.settings import Settings
from bookstore.web.shop import Shop
from tests.orders.support import ADDRESS, add, bought, databases, on_sale, safe
from tests.support.mariadb import DRIVERS, MariaDB
from tests.support.reader import PASSWORD, Page, Reader

pytestmark = [
    pytest.mark.mariadb,
    pytest.mark.parametrize(
        "database_url", [pytest.param(name, marks=pytest.mark.mariadb) for name in DRIVERS],
        indirect=True,
    ),
]  # fmt: skip
BUYERS = 11


@contextmanager
def locked(settings: Settings, table: str, row_id: int) -> Iterator[None]:
    """Let somebody else keep a row locked for the length of the block."""
    where = urlsplit(settings.database_url.get_secret_value())
    with pymysql.connect(
        host="127.0.0.1", port=where.port or 0, user="shop", password="shop", database="shop"
    ) as other, other.cursor() as cursor:  # fmt: skip
        cursor.execute("BEGIN")
        cursor.execute(f"SELECT id FROM {table} WHERE id = %s FOR UPDATE", (row_id,))
        yield
        cursor.execute("ROLLBACK")


async def timed(ask: Awaitable[Page]) -> tuple[int, float]:
    """Return the status of an answer and how long it took to come."""
    started = time.monotonic()
    return (await ask).status, time.monotonic() - started


async def test_eleven_buyers_of_a_locked_book_keep_nobody_else_waiting(
    settings: Settings, shop: Shop
) -> None:
    hot, cold = await on_sale(shop, copies=50), await on_sale(shop, copies=50)
    buyers = [await Reader(shop).register(f"Buyer {number}") for number in range(BUYERS)]
    other = await Reader(shop).register("Other")
    await bought(other, cold)
    for buyer in buyers:
        assert (await add(buyer, hot)).status == 303
    forms = [(await buyer.get("/checkout")).form("/checkout") for buyer in buyers]

    async def sign_in() -> Page:
        reader = Reader(shop)
        return await reader.submit("/login", email=other.email, password=PASSWORD)

    meanwhile: dict[str, Callable[[], Awaitable[Page]]] = {
        "a list": lambda: Reader(shop).get(f"/?max={time.monotonic_ns() % 10_000 + 1}"),
        "the book": lambda: Reader(shop).get(f"/books/{hot}"),
        "into the basket": lambda: add(Reader(shop), cold),
        "the basket": lambda: other.get("/basket"),
        "the orders": lambda: other.get("/orders"),
        "signing in": sign_in,
        "readiness": lambda: Reader(shop).get("/readyz"),
    }
    slowest = dict.fromkeys(meanwhile, 0.0)
    with locked(settings, "books", hot):
        waiting = [
            asyncio.ensure_future(timed(buyer.post("/checkout", {**form, **ADDRESS})))
            for buyer, form in zip(buyers, forms, strict=True)
        ]
        while not all(each.done() for each in waiting):
            for name, ask in meanwhile.items():
                status, took = await timed(ask())
                assert status in {200, 303}, name
                slowest[name] = max(slowest[name], took)
    answers = [await each for each in waiting]
    assert {status for status, _ in answers} == {503}
    assert max(took for _, took in answers) < 10
    assert max(slowest.values()) < 3, slowest
    for buyer in buyers:
        assert (await buyer.submit("/checkout", **ADDRESS)).status == 303


async def test_while_the_database_takes_no_writes_reading_goes_on(
    settings: Settings, shop: Shop, mariadb: MariaDB
) -> None:
    del settings
    book = await on_sale(shop, copies=50)
    buyer = await Reader(shop).register("Ana")
    order = await bought(buyer, book)
    await add(buyer, book)
    pages = ["/", "/?q=book&max=99", f"/books/{book}", "/basket", "/checkout", "/orders", order,
             "/account", "/my/books", "/sell", "/sales", "/login", "/register", "/readyz",
             "/healthz", "/metrics"]  # fmt: skip
    usual = {path: (await buyer.get(path)).status for path in pages}
    form = (await buyer.get("/checkout")).form("/checkout")
    with mariadb.connect() as root, root.cursor() as cursor:
        cursor.execute("SET GLOBAL read_only = 1")
        try:
            assert {path: (await buyer.get(path)).status for path in pages} == usual
            for _each in range(3):
                status, took = await timed(buyer.post("/checkout", {**form, **ADDRESS}))
                assert status == 503
                assert took < 10
            assert (await add(buyer, book)).status == 503
        finally:
            cursor.execute("SET GLOBAL read_only = 0")
    assert (await buyer.post("/checkout", {**form, **ADDRESS})).status == 303


@pytest.mark.nightly
async def test_a_form_sent_again_late_in_a_long_lock_adds_once(
    settings: Settings, shop: Shop
) -> None:
    """The first is given up with an honest answer; the second, sent at 21 of 24 seconds, gets
    through when the lock ends."""
    book = await on_sale(shop, copies=50)
    buyer = await Reader(shop).register("Ana")
    await add(buyer, book)
    form = {**await safe(buyer), "book_id": book, "quantity": 1}
    basket = await databases(shop)["orders"].value("SELECT id FROM baskets")
    with locked(settings, "baskets", basket):
        started = time.monotonic()
        first, took = await timed(buyer.post("/basket", form))
        assert (first, took < 10) == (503, True)
        await asyncio.sleep(21 - (time.monotonic() - started))
        second = asyncio.ensure_future(timed(buyer.post("/basket", form)))
        await asyncio.sleep(24 - (time.monotonic() - started))
        assert not second.done()
    status, took = await second
    assert (status, took < 10) == (303, True)
    assert (await buyer.post("/basket", form)).headers["Idempotent-Replay"] == "true"
    assert (await buyer.get("/basket/badge")).text == "2"


async def test_twins_of_a_form_that_waits_for_a_lock_hear_in_time_too(
    settings: Settings, shop: Shop
) -> None:
    book = await on_sale(shop, copies=50)
    buyer = await Reader(shop).register("Ana")
    await add(buyer, book)
    form = {**await safe(buyer), "book_id": book, "quantity": 1}
    basket = await databases(shop)["orders"].value("SELECT id FROM baskets")
    with locked(settings, "baskets", basket):
        answers = await asyncio.gather(*(timed(buyer.post("/basket", form)) for _each in range(4)))
    assert {status for status, _ in answers} <= {409, 503}
    assert max(took for _, took in answers) < 10
    assert (await buyer.post("/basket", form)).status == 303
    assert (await buyer.get("/basket/badge")).text == "2"
