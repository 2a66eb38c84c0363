"""The three services: who answers what, and what happens when one of them is away or dies."""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from bs4 import BeautifulSoup

from bookstore.app import create_app
from bookstore.commands.services import ROUTES
from bookstore.data.database import Database
from bookstore.settings import CONTEXTS
from bookstore.web import segments
from tests.conftest import settings_for
from tests.support.books import add_book
from tests.support.mariadb import MariaDB
from tests.support.reader import PASSWORD
from tests.support.topology import Services, services_running, wait_until_answered

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def url(mariadb: MariaDB) -> str:
    return mariadb.create_database("services")


@pytest.fixture(scope="module")
def site(url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Services]:
    with services_running(url, tmp_path_factory.mktemp("services")) as services:
        yield services


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = Database(url)
    await database.connect()
    yield database
    await database.disconnect()


class Buyer:
    """A reader who does not give up: a request that got no answer, or a 5xx, is sent again with
    the same form, as a reload does."""

    def __init__(self, origin: str, number: int) -> None:
        self.client = httpx.AsyncClient(base_url=origin, timeout=10)
        self.email = f"buyer{number}@example.org"

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        for _attempt in range(120):
            try:
                response = await self.client.request(method, path, **options)
                if response.status_code < 500 and response.status_code != 409:
                    return response
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.5)
        raise AssertionError(f"{method} {path} was not answered within a minute")

    async def fill(self, page: str, action: str, **fields: Any) -> httpx.Response:
        html = (await self.ask("GET", page)).text
        form = BeautifulSoup(html, "html.parser").select_one(
            f"form[method=post][action='{action}']"
        )
        assert form is not None, (page, action, html[:2000])
        hidden = {tag["name"]: tag.get("value", "") for tag in form.select("input[type=hidden]")}
        return await self.ask("POST", action, data={**hidden, **fields})

    async def register(self) -> None:
        answer = await self.fill(
            "/register", "/register", name="B", email=self.email, password=PASSWORD
        )
        assert answer.status_code == 303, answer.text

    async def buy(self, *books: int) -> str | None:
        """Buy books; return the order's address, or None when they are sold out."""
        for book in books:
            answer = await self.fill(f"/books/{book}", "/basket", book_id=book, quantity=1)
            if answer.status_code != 303:
                return None
        answer = await self.fill(
            "/checkout", "/checkout",
            name="B", address="Street 1\n1000 Town", country="ES", carrier="post",
        )  # fmt: skip
        if answer.status_code != 303:
            return None
        order = answer.headers["location"].removesuffix("/pay")
        answer = await self.fill(
            f"{order}/pay",
            f"{order}/pay",
            card_number="4242424242424242",
            expiry="12/40",
            cvc="123",
        )
        assert answer.status_code == 303, answer.text
        return str(order)


@pytest.mark.parametrize("context", CONTEXTS)
def test_each_path_is_routed_to_the_service_that_knows_it(
    context: str, sqlite_url: str, tmp_path: Path
) -> None:
    origins = {f"{name}_origin": "http://127.0.0.1:9" for name in CONTEXTS}
    app = create_app(settings_for(sqlite_url, tmp_path, contexts=context, **origins))
    for rule in app.url_map.iter_rules():
        path = re.sub(r"<[^>]*>", "1", rule.rule)
        if path.split("/")[1] in {*segments.PRIVATE, "static"}:
            continue
        owners = [
            name for name in segments.SEGMENTS
            if re.search(ROUTES[name].removeprefix("PathRegexp(`").removesuffix("`)"), path)
        ]  # fmt: skip
        assert (owners or ["catalogue"]) == [context], f"{path}: see web/segments.toml"


@pytest.mark.parametrize("path", ["/metrics", "/internal/catalogue/quotes", "/readyz", "/healthz"])
def test_what_is_private_is_not_reachable_from_outside(site: Services, path: str) -> None:
    assert httpx.get(site.origin + path).status_code == 404
    assert httpx.post(site.origin + path).status_code == 404


async def test_the_whole_journey_across_three_services(
    site: Services, database: Database, new_buyer: Callable[[int], Buyer]
) -> None:
    book = await add_book(database, copies=2)
    buyer = new_buyer(1)
    await buyer.register()
    order = await buyer.buy(book)
    assert order is not None
    page = await buyer.ask("GET", order)
    assert page.status_code == 200
    assert "orders@" in page.headers["x-served-by"]


async def test_the_catalogue_serves_on_without_accounts(
    site: Services, database: Database, new_buyer: Callable[[int], Buyer]
) -> None:
    book = await add_book(database, copies=2)
    buyer = new_buyer(2)
    await buyer.register()
    site.kill("accounts")
    try:
        for path in ("/", f"/books/{book}?lang=es", f"/books/{book}?lang=en", "/?q=number"):
            assert (await buyer.client.get(path)).status_code == 200, path
        answer = await buyer.client.get("/sell")
        assert answer.status_code == 503
        assert "whether you are signed in" in answer.text
    finally:
        site.start("accounts")
        wait_until_answered(f"{site.origin}/login")


async def test_orders_keeps_the_basket_while_the_catalogue_is_away(
    site: Services, database: Database, new_buyer: Callable[[int], Buyer]
) -> None:
    book = await add_book(database, title="A book to wait for", copies=2)
    buyer = new_buyer(3)
    await buyer.register()
    await buyer.fill(f"/books/{book}", "/basket", book_id=book, quantity=1)
    assert (await buyer.ask("GET", "/checkout")).status_code == 200
    site.kill("catalogue")
    try:
        answer = await buyer.client.get("/checkout")
        assert answer.status_code == 503
        assert "Your basket is kept" in answer.text
    finally:
        site.start("catalogue")
        wait_until_answered(f"{site.origin}/")
    assert "A book to wait for" in (await buyer.ask("GET", "/basket")).text


@pytest.fixture
async def new_buyer(site: Services) -> AsyncIterator[Callable[[int], Buyer]]:
    """Make buyers by number; their connections are closed at the end."""
    made: list[Buyer] = []

    def make(number: int) -> Buyer:
        made.append(Buyer(site.origin, number))
        return made[-1]

    yield make
    for buyer in made:
        await buyer.client.aclose()


class Sum(NamedTuple):
    id: int
    copies_total: int
    stock: int
    held: int
    sold: int


async def sums(database: Database, books: list[int]) -> list[Sum]:
    return await database.all(
        Sum,
        "SELECT b.id, b.copies_total, b.stock,"
        " (SELECT COALESCE(SUM(quantity), 0) FROM holds WHERE book_id = b.id AND state = 'held')"
        " AS held,"
        " (SELECT COALESCE(SUM(quantity), 0) FROM holds WHERE book_id = b.id AND state = 'sold')"
        " AS sold FROM books b WHERE b.id IN :books",
        {"books": books},
    )


async def test_services_killed_in_the_middle_of_checkouts_lose_nothing(
    site: Services, database: Database, new_buyer: Callable[[int], Buyer]
) -> None:
    """Twenty kills at random moments while a hundred readers buy two books each."""
    chance = random.Random(20261124)
    books = [await add_book(database, copies=60) for _each in range(8)]
    buyers = [new_buyer(100 + number) for number in range(100)]
    turn = asyncio.Semaphore(10)

    async def one(buyer: Buyer) -> str | None:
        async with turn:
            await buyer.register()
            return await buyer.buy(*chance.sample(books, 2))

    buying = asyncio.gather(*(one(buyer) for buyer in buyers))
    for _kill in range(20):
        await asyncio.sleep(chance.uniform(0.3, 1.2))
        context = chance.choice(CONTEXTS)
        await asyncio.to_thread(site.kill, context)
        await asyncio.sleep(chance.uniform(0.0, 0.8))
        site.start(context)
    bought = [order for order in await buying if order is not None]

    for _second in range(60):  # every hold ends within a minute of the services' return
        if all(row.held == 0 for row in await sums(database, books)):
            break
        await asyncio.sleep(1)
    rows = await sums(database, books)
    assert all(row.stock >= 0 for row in rows)
    assert [row.held for row in rows] == [0] * len(books)
    assert [row.stock + row.sold for row in rows] == [row.copies_total for row in rows]
    paid = await database.value(
        "SELECT COUNT(*) FROM orders WHERE state = 'paid' AND id IN :ids",
        {"ids": [int(order.rsplit("/", 1)[1]) for order in bought]},
    )
    assert len(bought) == len(set(bought)) == paid == 100
    assert sum(row.sold for row in rows) == 200
