"""Whatever process dies between two steps, the order ends right."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from bookstore.clock import MINUTE, SECOND
from bookstore.contracts import CatalogueLink, HoldLine, HoldRefused, Quote
from bookstore.orders import payments, terms
from bookstore.orders.basket_repository import Owner
from bookstore.orders.checkout import TermsChanged
from bookstore.orders.domain import Address, Order
from bookstore.orders.service import Orders
from bookstore.settings import Settings
from bookstore.web.shop import Shop
from tests.orders.conftest import Clock
from tests.orders.support import databases, on_sale
from tests.support.mariadb import ENGINES_AND_DRIVERS

pytestmark = pytest.mark.parametrize("database_url", ENGINES_AND_DRIVERS, indirect=True)

BUYER = 7001
CARD = payments.TEST_CARDS[0]


class Died(BaseException):
    """The process is gone: no handler of ours catches this."""


class DyingLink:
    """The real catalogue, except that our process dies right before or after one call of it."""

    def __init__(self, real: CatalogueLink, when: str, call: str) -> None:
        self._real = real
        self._when = (when, call)

    def _pass(self, *moment: str) -> None:
        if moment == self._when:
            raise Died

    async def quotes(self, book_ids: Sequence[int]) -> dict[int, Quote]:
        return await self._real.quotes(book_ids)

    async def hold(
        self,
        reference: str,
        lines: Sequence[HoldLine],
        expires_at: int,
        *,
        terms: Mapping[int, str] | None = None,
    ) -> None:
        self._pass("before", "hold")
        await self._real.hold(reference, lines, expires_at, terms=terms)
        self._pass("after", "hold")

    async def confirm(self, reference: str) -> bool:
        self._pass("before", "confirm")
        sold = await self._real.confirm(reference)
        self._pass("after", "confirm")
        return sold

    async def release(self, reference: str) -> None:
        self._pass("before", "release")
        await self._real.release(reference)
        self._pass("after", "release")

    async def release_books(self, reference: str, book_ids: Sequence[int]) -> None:
        self._pass("before", "release_books")
        await self._real.release_books(reference, book_ids)
        self._pass("after", "release_books")


def dying(orders: Orders, settings: Settings, clock: Clock, when: str, call: str) -> Orders:
    """Return a replica that dies at that moment."""
    link = DyingLink(orders.catalogue, when, call)
    return Orders(orders.database, settings, clock, link, webhook_key=orders.payments.webhook_key)


async def place(orders: Orders, *books: int, key: str = "key") -> Order:
    owner = Owner(None, BUYER)
    for book in books:
        await orders.baskets.add(owner, book, 1)
    address = Address("Ana", "Calle Mayor 1", "ES")
    seen = terms.seen(await orders.baskets.review(owner))
    return await orders.checkout.place(owner, key=key, address=address, carrier="post", seen=seen)


async def state(shop: Shop) -> str:
    return str(await databases(shop)["orders"].value("SELECT state FROM orders"))


async def books(shop: Shop) -> tuple[int, int, int]:
    """Return the copies on sale, held and sold."""
    catalogue = databases(shop)["catalogue"]
    stock = await catalogue.value("SELECT SUM(stock) FROM books")
    held = await catalogue.value("SELECT SUM(quantity) FROM holds WHERE state = 'held'")
    sold = await catalogue.value("SELECT SUM(quantity) FROM holds WHERE state = 'sold'")
    return int(stock or 0), int(held or 0), int(sold or 0)


async def sweep_as_three(orders: Orders) -> None:
    """Three replicas sweep at once, twice over."""
    for _round in range(2):
        await asyncio.gather(*(orders.saga.sweep() for _replica in range(3)))


@pytest.mark.parametrize("when", ["before", "after"])
async def test_dead_while_holding_and_the_buyer_does_not_come_back(
    shop: Shop, orders: Orders, settings: Settings, clock: Clock, when: str
) -> None:
    book = await on_sale(shop, copies=3)
    with pytest.raises(Died):
        await place(dying(orders, settings, clock, when, "hold"), book)
    clock.pass_(59 * SECOND)
    await sweep_as_three(orders)
    assert await state(shop) == "placing"  # it might still be alive
    clock.pass_(2 * SECOND)
    await sweep_as_three(orders)
    assert await state(shop) == "cancelled"
    assert await books(shop) == (3, 0, 0)
    assert await orders.baskets.count(Owner(None, BUYER)) == 1
    assert await orders.history(BUYER, None) == ([], None)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_dead_while_holding_and_the_buyer_sends_the_form_again(
    shop: Shop, orders: Orders, settings: Settings, clock: Clock, when: str
) -> None:
    book = await on_sale(shop, copies=3)
    with pytest.raises(Died):
        await place(dying(orders, settings, clock, when, "hold"), book)
    order = await place(orders)
    assert order.state == "placed"
    assert await books(shop) == (2, 1, 0)
    assert await orders.baskets.count(Owner(None, BUYER)) == 0


async def test_stalled_until_given_up_then_dead_after_holding(
    shop: Shop, orders: Orders, settings: Settings, clock: Clock
) -> None:
    book = await on_sale(shop, copies=3)
    with pytest.raises(Died):
        await place(dying(orders, settings, clock, "before", "hold"), book)
    reference = await databases(shop)["orders"].value("SELECT reference FROM orders")
    clock.pass_(61 * SECOND)
    await sweep_as_three(orders)
    with pytest.raises(HoldRefused):  # it wakes up: a call that was on its way all the time
        await orders.catalogue.hold(reference, [HoldLine(book, 1)], clock() + 17 * MINUTE)
    assert await books(shop) == (3, 0, 0)
    with pytest.raises(TermsChanged):  # the buyer's own next try is told so
        await place(orders)
    assert await orders.baskets.count(Owner(None, BUYER)) == 1


@pytest.mark.parametrize("when", ["before", "after"])
async def test_dead_while_confirming(
    shop: Shop, orders: Orders, settings: Settings, clock: Clock, when: str
) -> None:
    order = await place(orders, await on_sale(shop))
    with pytest.raises(Died):
        await dying(orders, settings, clock, when, "confirm").payments.pay(order.id, BUYER, CARD)
    view = await orders.order(order.id, BUYER)
    assert (view.order.state, view.order.confirmed_at) == ("paid", None)
    await sweep_as_three(orders)
    view = await orders.order(order.id, BUYER)
    assert view.order.confirmed_at is not None
    assert await books(shop) == (0, 0, 1)
    clock.pass_(60 * MINUTE)
    await sweep_as_three(orders)
    assert await state(shop) == "paid"
    assert await books(shop) == (0, 0, 1)


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("paid", [True, False])
async def test_dead_while_releasing(
    shop: Shop, orders: Orders, settings: Settings, clock: Clock, when: str, paid: bool
) -> None:
    order = await place(orders, await on_sale(shop))
    if paid:
        await orders.payments.pay(order.id, BUYER, CARD)
    with pytest.raises(Died):
        await dying(orders, settings, clock, when, "release").cancel(order.id, BUYER)
    await sweep_as_three(orders)
    view = await orders.order(order.id, BUYER)
    assert view.status == ("refunded" if paid else "cancelled")
    assert view.order.released_at is not None
    assert await books(shop) == (1, 0, 0)
    assert (view.refund is not None) == paid


async def test_paid_but_the_hold_is_gone_is_refunded(shop: Shop, orders: Orders) -> None:
    order = await place(orders, await on_sale(shop))
    await orders.catalogue.release(order.reference)
    rival = await on_sale(shop)
    await orders.payments.pay(order.id, BUYER, CARD)
    view = await orders.order(order.id, BUYER)
    assert (view.status, view.order.reason) == ("refunded", "sold_out")
    assert view.refund is not None
    assert view.refund.amount == order.total
    assert rival
    assert await books(shop) == (2, 0, 0)


class AwayLink(DyingLink):
    """The catalogue does not answer."""

    def __init__(self, real: CatalogueLink) -> None:
        super().__init__(real, "", "")

    async def confirm(self, reference: str) -> bool:
        raise TimeoutError


async def test_a_catalogue_that_is_away_is_asked_again_later(
    shop: Shop, orders: Orders, settings: Settings, clock: Clock
) -> None:
    order = await place(orders, await on_sale(shop))
    away = Orders(orders.database, settings, clock, AwayLink(orders.catalogue), webhook_key=b"k")
    await away.payments.pay(order.id, BUYER, CARD)
    await away.saga.sweep()
    clock.pass_(16 * MINUTE)  # the buyer paid in time: the grace of the hold covers this
    await sweep_as_three(orders)
    assert (await orders.order(order.id, BUYER)).order.confirmed_at is not None
    assert await books(shop) == (0, 0, 1)


async def test_paying_and_running_out_at_the_same_moment_ends_one_way(
    shop: Shop, orders: Orders, clock: Clock
) -> None:
    order = await place(orders, await on_sale(shop))
    clock.pass_(15 * MINUTE - 20)
    sweeps = [orders.saga.sweep() for _replica in range(3)]
    paying = orders.payments.pay(order.id, BUYER, CARD)
    await asyncio.sleep(0.02)
    await asyncio.gather(*sweeps, paying, return_exceptions=True)
    await sweep_as_three(orders)
    ended = (await state(shop), *await books(shop))
    assert ended in {("paid", 0, 0, 1), ("cancelled", 1, 0, 0)}


async def test_cancelling_while_confirming_ends_one_way(shop: Shop, orders: Orders) -> None:
    order = await place(orders, await on_sale(shop))
    await asyncio.gather(
        orders.payments.pay(order.id, BUYER, CARD),
        orders.cancel(order.id, BUYER),
        return_exceptions=True,
    )
    await sweep_as_three(orders)
    view = await orders.order(order.id, BUYER)
    paid_back = view.refund is not None and view.refund.done_at is not None
    money_taken = view.intent.state == "succeeded"
    assert view.order.state == "cancelled"
    assert money_taken == paid_back
    assert await books(shop) == (1, 0, 0)
