"""Nothing that a form may hold makes the shop fail."""

import asyncio
import tempfile
from collections.abc import Awaitable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookstore.app import create_app
from bookstore.web.shop import Shop
from tests.conftest import settings_for
from tests.orders.support import ADDRESS, add, on_sale, order, safe
from tests.support.reader import Reader

_numbers = st.one_of(
    st.integers(-(10**30), 10**30).map(str),
    st.sampled_from(
        ["NaN", "inf", "-100", "1e999", "0x10", "٣", "1_0", " 1 ", "", "\x00", "9" * 5000]
    ),
)
_texts = st.one_of(st.text(max_size=60), _numbers, st.sampled_from(["<b>", "'; --", "\r\nX: y"]))


class Fuzzed:
    """A shop on SQLite with somebody in the middle of buying."""

    def __init__(self, url: str) -> None:
        self.loop = asyncio.new_event_loop()
        self.shop: Shop = create_app(settings_for(url, Path(tempfile.gettempdir())))
        self.stack = AsyncExitStack()
        self.run(self.stack.enter_async_context(self.shop.test_app()))  # type: ignore[arg-type]  # Quart types it without its methods
        self.buyer: Reader = self.run(Reader(self.shop).register())
        self.book: int = self.run(on_sale(self.shop, copies=900))
        self.order: str = self.run(order(self.buyer, self.book))

    def run[T](self, work: Awaitable[T]) -> T:
        return self.loop.run_until_complete(work)

    def send(self, path: str, fields: dict[str, str], *, add_first: bool = False) -> None:
        async def work() -> int:
            if add_first:
                await add(self.buyer, self.book)
            return (await self.buyer.post(path, {**await safe(self.buyer), **fields})).status

        assert self.run(work()) < 500

    def close(self) -> None:
        self.run(self.stack.aclose())
        self.loop.close()


@pytest.fixture
def fuzzed(sqlite_url: str) -> Iterator[Fuzzed]:
    made = Fuzzed(sqlite_url)
    yield made
    made.close()


_calm = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@_calm
@given(book=_numbers, quantity=_numbers)
def test_adding_to_the_basket(fuzzed: Fuzzed, book: str, quantity: str) -> None:
    fuzzed.send("/basket", {"book_id": book, "quantity": quantity})
    fuzzed.send(f"/basket/{fuzzed.book}", {"quantity": quantity})


@_calm
@given(fields=st.fixed_dictionaries(
    {}, optional=dict.fromkeys((*ADDRESS, "carrier", "seen", "price"), _texts)
))  # fmt: skip
def test_checking_out(fuzzed: Fuzzed, fields: dict[str, str]) -> None:
    fuzzed.send("/checkout", {**ADDRESS, "carrier": "post", **fields}, add_first=True)


@_calm
@given(number=_texts, expiry=_texts, cvc=_texts, decision=_texts)
def test_paying(fuzzed: Fuzzed, number: str, expiry: str, cvc: str, decision: str) -> None:
    fuzzed.send(f"{fuzzed.order}/pay", {"card_number": number, "expiry": expiry, "cvc": cvc})
    fuzzed.send(f"{fuzzed.order}/pay",
                {"card_number": "4000000000003220", "expiry": expiry, "cvc": "123"})  # fmt: skip
    fuzzed.send("/pay/3ds/pi_1", {"decision": decision})
