"""Two replicas, one of them on a host whose clock is an hour off, over real HTTP."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from bookstore.data.database import Database
from bookstore.settings import Settings
from tests.orders.support import ADDRESS, CARD
from tests.support.books import add_book
from tests.support.mariadb import ENGINES
from tests.support.server import serving

pytestmark = pytest.mark.parametrize("database_url", ENGINES, indirect=True)


@pytest.fixture
def right(settings: Settings, tmp_path: Path) -> Iterator[str]:
    """The address of a replica whose clock is right."""
    with serving(settings.database_url.get_secret_value(), tmp_path) as server:
        yield server.origin


@pytest.fixture(params=[3600, -3600], ids=["ahead", "behind"])
def wrong(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[str]:
    """The address of a replica whose clock is an hour off."""
    url = settings.database_url.get_secret_value()
    with serving(url, tmp_path, clock_ahead=request.param) as server:
        yield server.origin


class Browser:
    """Somebody's browser, whom the load balancer sends to one replica or the other."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def open(self, address: str) -> str:
        return self._client.get(address).raise_for_status().text

    def send(self, page: str, to: str, **fields: object) -> httpx.Response:
        """Send a page's form to an address."""
        hidden = re.findall(r'<input type="hidden" name="(\w+)"[^>]*value="([^"]*)"', page)
        return self._client.post(to, data={**dict(hidden), **fields})


@pytest.fixture
def browser() -> Iterator[Browser]:
    with httpx.Client(timeout=60) as client:
        yield Browser(client)


def register(browser: Browser, origin: str) -> None:
    """Make an account."""
    form = browser.open(f"{origin}/register")
    person = {"name": "Ana", "email": "ana@example.org", "password": "a long enough passphrase"}
    assert browser.send(form, f"{origin}/register", **person).status_code == 303


def order(browser: Browser, origin: str, book: int) -> str:
    """Order a book; return the path at which it is paid."""
    page = browser.open(f"{origin}/books/{book}")
    added = browser.send(page, f"{origin}/basket", book_id=book, quantity=1)
    assert added.status_code == 303, added.text
    page = browser.open(f"{origin}/checkout")
    placed = browser.send(page, f"{origin}/checkout", **ADDRESS, carrier="post")
    assert placed.status_code == 303, placed.text
    return placed.headers["Location"]


def pay(browser: Browser, origin: str, path: str) -> str:
    """Pay an order; return the page that comes of it."""
    page = browser.open(f"{origin}{path}")
    card = {"card_number": CARD, "expiry": "12/40", "cvc": "123"}
    paid = browser.send(page, f"{origin}{path}", **card)
    assert paid.status_code == 303, paid.text
    return browser.open(f"{origin}{paid.headers['Location']}")


async def test_a_purchase_goes_on_at_whichever_replica_is_asked(
    database: Database, browser: Browser, right: str, wrong: str
) -> None:
    book = await add_book(database, copies=2)
    register(browser, right)
    assert "Paid" in pay(browser, wrong, order(browser, right, book))
    assert "Paid" in pay(browser, right, order(browser, wrong, book))
