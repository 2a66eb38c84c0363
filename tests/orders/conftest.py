"""The shop with a clock that tests can set forward."""

from collections.abc import AsyncIterator

import pytest

from bookstore import clock as real
from bookstore.app import create_app
from bookstore.orders.service import Orders
from bookstore.settings import Settings
from bookstore.web.shop import Shop
from tests.support.reader import Reader


class Clock:
    """The real time, and what a test has added to it."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return real.now() + self.ahead

    def pass_(self, milliseconds: int) -> None:
        self.ahead += milliseconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def shop(settings: Settings, clock: Clock) -> AsyncIterator[Shop]:
    app = create_app(settings, clock=clock)
    async with app.test_app():
        yield app


@pytest.fixture
def orders(shop: Shop) -> Orders:
    found: Orders = shop.extensions["bookstore.orders"]
    return found


@pytest.fixture
async def buyer(shop: Shop) -> Reader:
    """Somebody who has signed in to buy."""
    return await Reader(shop).register("Ana")
