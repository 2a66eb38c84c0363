"""Whatever happens to an order in whatever order, it ends as it should: a truth table over every
sequence of events, against a reference that knows only what has happened and not how."""

import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from bookstore.clock import MINUTE
from bookstore.contracts import HoldLine
from bookstore.links import DirectCatalogue
from bookstore.orders import payments
from bookstore.orders.basket_repository import Owner
from bookstore.orders.checkout import NotOrderable
from bookstore.orders.domain import Order, Reason
from bookstore.orders.parcels import TooLate
from bookstore.orders.payments import Event, NotPayable
from bookstore.orders.service import Orders
from bookstore.web.shop import Shop
from tests.orders.conftest import Clock
from tests.orders.support import HANGING, databases, on_sale
from tests.orders.test_saga import BUYER, Died, books, place

EXPIRES = 15 * MINUTE


class Outcome(NamedTuple):
    order: str
    intent: str
    refunded: bool
    copies: str  # where they are: stock, held or sold


async def outcome(shop: Shop) -> Outcome:
    orders = databases(shop)["orders"]
    rows: list[tuple[Any, ...]] = await orders.all(
        tuple,
        "SELECT o.state, p.state, r.done_at FROM orders o"
        " JOIN payment_intents p ON p.order_id = o.id LEFT JOIN refunds r ON r.order_id = o.id",
    )
    assert len(rows) == 1
    where = dict(zip(await books(shop), ("stock", "held", "sold"), strict=True))
    assert sum(await books(shop)) == 1
    return Outcome(rows[0][0], rows[0][1], rows[0][2] is not None, where[1])


class Story:
    """An order of one book, and what happens to it."""

    def __init__(self, shop: Shop, orders: Orders, clock: Clock) -> None:
        self.shop, self.orders, self.clock = shop, orders, clock
        self.order: Order
        self.intent = ""
        self.number = 0

    async def begin(self, card: str) -> None:
        self.order = await place(self.orders, await on_sale(self.shop))
        intent = await self.orders.payments.pay(self.order.id, BUYER, _card(card))
        self.intent = intent.id

    async def webhook(self, type_: str, *, attempt: int = 1) -> None:
        self.number += 1
        now = self.clock()
        body = payments.encode(
            Event(f"evt_{self.number}", f"payment_intent.{type_}", self.intent, attempt), now
        )
        key = self.orders.payments.webhook_key
        await self.orders.payments.receive(body, payments.sign(key, body, now))

    async def happens(self, event: str) -> None:
        """Let something happen. What is refused, because it is too late, has not happened."""
        try:
            match event:
                case "cancel":
                    await self.orders.cancel(self.order.id, BUYER)
                case "expire":
                    self.clock.pass_(EXPIRES)
                    await self.orders.saga.sweep()
                case "succeeded" | "payment_failed":
                    await self.webhook(event)
                case "late failure":  # of an attempt that there never was
                    await self.webhook("payment_failed", attempt=7)
                case "approve" | "refuse":
                    await self.orders.payments.answer(
                        self.intent, BUYER, approved=event == "approve"
                    )
        except (TooLate, NotPayable):
            pass
        await self.orders.saga.sweep()


def _card(number: str) -> payments.Card:
    card = payments.card_of(number)
    assert card is not None
    return card


def while_processing(events: tuple[str, ...]) -> Outcome:
    """Return how an order ends whose payment is with the bank when the events begin."""
    paid = given_up = failed = False
    for event in events:
        if event == "succeeded":
            paid = True  # money that came counts, whatever was told before
        elif event == "payment_failed":
            failed = True
        elif event == "cancel" or (event == "expire" and not paid):
            given_up = True
    if paid:
        intent = "succeeded"
    elif not failed:
        intent = "processing"
    else:
        intent = "canceled" if given_up else "requires_payment_method"
    state = "cancelled" if given_up else "paid" if paid else "placed"
    where = {"cancelled": "stock", "paid": "sold", "placed": "held"}[state]
    return Outcome(state, intent, paid and given_up, where)


@pytest.mark.parametrize(
    "events",
    [
        events
        for length in (1, 2, 3)
        for events in itertools.product(
            ("cancel", "expire", "succeeded", "payment_failed"), repeat=length
        )
        if length < 3 or len(set(events)) == 3
    ],
    ids=" ".join,
)
async def test_events_while_the_bank_works(
    shop: Shop, orders: Orders, clock: Clock, events: tuple[str, ...]
) -> None:
    story = Story(shop, orders, clock)
    await story.begin(HANGING)
    for event in events:
        await story.happens(event)
        await story.happens("late failure")
    assert await outcome(shop) == while_processing(events)


def while_asked(events: tuple[str, ...]) -> Outcome:
    """Return how an order ends whose buyer's bank asks for approval when the events begin."""
    state, intent, refunded = "placed", "requires_action", False
    for event in events:
        if event in {"approve", "refuse"} and (state, intent) == ("placed", "requires_action"):
            state = "paid" if event == "approve" else "placed"
            intent = "succeeded" if event == "approve" else "requires_payment_method"
        elif (event == "cancel" and state != "cancelled") or (
            event == "expire" and state == "placed"
        ):
            refunded = state == "paid"
            intent = "succeeded" if refunded else "canceled"
            state = "cancelled"
    where = {"cancelled": "stock", "paid": "sold", "placed": "held"}[state]
    return Outcome(state, intent, refunded, where)


@pytest.mark.parametrize(
    "events",
    list(itertools.product(("cancel", "expire", "approve", "refuse"), repeat=2)),
    ids=" ".join,
)
async def test_events_while_the_bank_asks(
    shop: Shop, orders: Orders, clock: Clock, events: tuple[str, ...]
) -> None:
    story = Story(shop, orders, clock)
    await story.begin("4000000000003220")
    for event in events:
        await story.happens(event)
    assert await outcome(shop) == while_asked(events)


SELLERS = (71, 72)
PARCEL_EVENTS = ("ship 0", "ship 1", "off 0", "off 1", "seller off 0", "seller off 1", "cancel")


def two_parcels(events: tuple[str, ...]) -> tuple[str, list[str]]:
    """Return what becomes of a paid order of two parcels, and of each of them."""
    state, parcels = "paid", ["ready", "ready"]
    for event in events:
        what, _, number = event.rpartition(" ")
        if event == "cancel":
            if state == "paid" and "shipped" not in parcels:
                state = "cancelled"
        elif state == "paid" and parcels[int(number)] == "ready":
            parcels[int(number)] = "shipped" if what == "ship" else "off"
            if parcels == ["off", "off"]:
                state = "cancelled"
    return state, parcels


@pytest.mark.parametrize(
    "events", list(itertools.product(PARCEL_EVENTS, repeat=2)), ids=" then ".join
)
async def test_events_of_two_parcels(shop: Shop, orders: Orders, events: tuple[str, ...]) -> None:
    placed = await place(
        orders,
        *[await on_sale(shop, price=1000, seller_id=seller) for seller in SELLERS],
    )
    await orders.payments.pay(placed.id, BUYER, _card("4242424242424242"))
    shipments: list[tuple[Any, ...]] = await databases(shop)["orders"].all(
        tuple, "SELECT id FROM shipments ORDER BY seller_id"
    )
    ids = [row[0] for row in shipments]
    for event in events:
        what, _, number = event.rpartition(" ")
        try:
            match what:
                case "ship":
                    await orders.ship(ids[int(number)], SELLERS[int(number)], None)
                case "off":
                    await orders.parcels.cancel(ids[int(number)], person_id=BUYER, by=Reason.BUYER)
                case "seller off":
                    seller = SELLERS[int(number)]
                    await orders.parcels.cancel(
                        ids[int(number)], person_id=seller, by=Reason.SELLER
                    )
                case _:
                    await orders.cancel(placed.id, BUYER)
        except TooLate:
            pass
    state, parcels = two_parcels(events)
    order = await orders.order(placed.id, BUYER)
    assert order.order.state == state
    gone = 2 if state == "cancelled" else parcels.count("off")
    assert order.refunded == gone * 1290
    assert not order.owed
    assert await books(shop) == (gone, 0, 2 - gone)
    assert [parcel.shipment.shipped_at is not None for parcel in order.parcels] == [
        parcel == "shipped" for parcel in parcels
    ]
    assert await orders.baskets.count(Owner(None, BUYER)) == 0


class PaidOnTheWay(DirectCatalogue):
    """The catalogue, except that money arrives for an order right before its copies are held,
    and that somebody else may take the last copy then, or this process die."""

    def __init__(self, story: Story, event: str, fate: str) -> None:
        super().__init__(story.shop.extensions["bookstore.catalogue"])
        self._story, self._event, self._fate = story, event, fate

    async def hold(
        self,
        reference: str,
        lines: Sequence[HoldLine],
        expires_at: int,
        *,
        terms: Mapping[int, str] | None = None,
    ) -> None:
        story = self._story
        story.intent = await databases(story.shop)["orders"].value("SELECT id FROM payment_intents")
        await story.webhook(self._event)
        if self._fate == "dies":
            raise Died
        if self._fate == "sold out":
            await super().hold("somebody else", lines, expires_at)
        await super().hold(reference, lines, expires_at, terms=terms)
        if self._fate == "dies later":
            raise Died


@pytest.mark.parametrize(
    ("fate", "event", "expected"),
    [
        ("goes well", "succeeded", ("paid", "succeeded", None)),
        ("goes well", "payment_failed", ("placed", "requires_payment_method", None)),
        ("sold out", "succeeded", ("cancelled", "succeeded", True)),
        ("sold out", "payment_failed", None),  # an order that never came to be
        ("dies", "succeeded", ("cancelled", "succeeded", True)),
        ("dies later", "succeeded", ("cancelled", "succeeded", True)),
        ("dies", "payment_failed", ("cancelled", "canceled", None)),
    ],
)
async def test_events_while_an_order_is_being_placed(
    shop: Shop,
    orders: Orders,
    clock: Clock,
    fate: str,
    event: str,
    expected: tuple[str, str, bool | None] | None,
) -> None:
    """Nobody can have paid then; but money that came is kept with its order, or goes back."""
    story = Story(shop, orders, clock)
    orders.checkout.catalogue = PaidOnTheWay(story, event, fate)
    with suppress(Died, NotOrderable):
        await place(orders, await on_sale(shop))
    clock.pass_(2 * MINUTE)
    await orders.saga.sweep()
    rows: list[tuple[Any, ...]] = await databases(shop)["orders"].all(
        tuple,
        "SELECT o.state, p.state, r.done_at IS NOT NULL, r.amount FROM orders o"
        " JOIN payment_intents p ON p.order_id = o.id LEFT JOIN refunds r ON r.order_id = o.id",
    )
    found = [
        (state, intent, bool(done) if amount else None) for state, intent, done, amount in rows
    ]
    assert found == ([expected] if expected else [])
