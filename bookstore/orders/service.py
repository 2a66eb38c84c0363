"""What orders decides."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from bookstore.carriers import CARRIERS
from bookstore.clock import DAY, Clock
from bookstore.contracts import CatalogueLink
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.mail.outbox import Outbox
from bookstore.orders import never_paid, repository, saga, shipping
from bookstore.orders import payment_repository as money
from bookstore.orders.baskets import Baskets
from bookstore.orders.checkout import Checkout
from bookstore.orders.domain import (
    MAX_ID,
    Address,
    Order,
    Reason,
    Shipment,
    may_cancel,
    may_ship,
)
from bookstore.orders.mails import Mails
from bookstore.orders.parcels import Parcels, TooLate
from bookstore.orders.personal import OrdersPersonal
from bookstore.orders.progress import OrderView, ParcelView, PaymentView, parcel_view
from bookstore.orders.repository import Earnings
from bookstore.orders.saga import Saga
from bookstore.orders.settlement import DELIVERY_SECONDS, Settlement, UnknownOrder
from bookstore.settings import Settings

ARRIVALS_SECONDS = 5.0  # how often parcels are looked at that should have arrived
PAGE = 20  # orders or sales on one page


class Sale(NamedTuple):
    """A shipment as its seller sees it."""

    order: Order
    parcel: ParcelView


class Sales(NamedTuple):
    """A seller's page; `older` is where the next page of sent parcels starts."""

    to_ship: list[Sale]
    shipped: list[Sale]
    older: int | None
    earnings: list[Earnings]


class Orders:
    """Baskets, orders, payments and shipments."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        catalogue: CatalogueLink,
        *,
        webhook_key: bytes,
        outbox: Outbox | None = None,
    ) -> None:
        self.mails = Mails(outbox or Outbox("orders", clock, is_open=False))
        self.database = database
        self.settings = settings
        self.clock = clock
        self.catalogue = catalogue
        self.personal = OrdersPersonal(database)
        self.baskets = Baskets(database, clock, catalogue, currency=settings.currency)
        self.checkout = Checkout(
            database,
            clock,
            catalogue,
            self.baskets,
            self.mails,
            hold_minutes=settings.hold_minutes,
        )
        self.saga = Saga(database, clock, catalogue, self.mails)
        self.parcels = Parcels(database, clock, catalogue, self.saga)
        self.payments = Settlement(database, clock, self.saga, webhook_key=webhook_key)

    def chores(self) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
        """Return what to do in the background and how often, in seconds."""
        return [
            (saga.SWEEP_SECONDS, self.saga.sweep),
            (DELIVERY_SECONDS, self.payments.deliver_webhooks),
            (ARRIVALS_SECONDS, self.note_arrivals),
            (300, self.show_what_was_sold),
            (3600, self.baskets.forget_old),
            (3600, self.payments.forget_old_events),
            (3600, self.forget_never_paid),
        ]

    async def show_what_was_sold(self) -> None:
        """Put parcels on their sellers' pages that a replica of an earlier version left out."""
        since = self.clock() - DAY
        if ids := await repository.not_shown(self.database, since=since, limit=500):
            await self.database.in_transaction(
                lambda queries: repository.show_to_sellers(queries, ids)
            )

    async def forget_never_paid(self) -> None:
        """Delete the orders that ended unpaid long ago."""
        await never_paid.forget(self.database, self.clock())

    async def last_address(self, buyer_id: int) -> Address | None:
        """Return where a buyer's latest order went."""
        return await repository.last_address(self.database, buyer_id)

    async def history(
        self, buyer_id: int, before: int | None
    ) -> tuple[list[OrderView], int | None]:
        """Return a page of a buyer's orders, the latest first, and where the next page starts."""
        found = await repository.orders_of(
            self.database, buyer_id, before=before or MAX_ID, limit=PAGE + 1
        )
        views = await self._views(found[:PAGE])
        return views, views[-1].order.id if len(found) > PAGE else None

    async def order(self, order_id: int, buyer_id: int) -> OrderView:
        """Return one of a buyer's orders; raise UnknownOrder."""
        order = await repository.order(self.database, order_id)
        if order is None or order.buyer_id != buyer_id:
            raise UnknownOrder
        return (await self._views([order]))[0]

    async def to_pay(self, buyer_id: int) -> list[Order]:
        """Return a buyer's orders that wait for a card."""
        now = self.clock()
        found = await money.waiting_for(self.database, buyer_id, now)
        return [order for order, intent in found if PaymentView(order, intent, now).payable]

    async def payment(
        self, buyer_id: int, *, order_id: int | None = None, intent_id: str | None = None
    ) -> PaymentView:
        """Return one of a buyer's orders, by its id or its payment's, as it is to be paid; raise
        UnknownOrder."""
        found = await money.order_of(self.database, order_id=order_id, intent_id=intent_id)
        if found is None or found[0].buyer_id != buyer_id:
            raise UnknownOrder
        return PaymentView(*found, self.clock())

    async def cancel(self, order_id: int, buyer_id: int) -> None:
        """Call an order off and give the money back; raise UnknownOrder or TooLate."""

        async def work(queries: Queries) -> None:
            order = await repository.locked_order(queries, order_id)
            if order is None or order.buyer_id != buyer_id:
                raise UnknownOrder
            if not may_cancel(order, await repository.shipments_of(queries, [order_id])):
                raise TooLate
            await saga.cancel(queries, order, Reason.BUYER, self.clock(), self.mails)

        await self.database.in_transaction(work)
        await self.saga.try_to_finish(order_id)

    async def ship(self, shipment_id: int, seller_id: int, code: str | None) -> None:
        """Note that a parcel has left, under the carrier's tracking code or one of ours; raise
        UnknownOrder or TooLate."""
        shipment = await repository.shipment(self.database, shipment_id)
        if shipment is None or shipment.seller_id != seller_id:
            raise UnknownOrder
        order_id = shipment.order_id

        async def work(queries: Queries) -> None:
            order = await repository.locked_order(queries, order_id)
            current = await repository.shipment(queries, shipment_id)
            if order is None or current is None or not may_ship(order, current):
                raise TooLate
            tracking = code or f"BK{secrets.randbelow(10**10):010}"
            now = self.clock()
            arrives_at = shipping.arrival(
                now, tracking, self.settings.shipping_speed, CARRIERS[order.carrier].days
            )
            await repository.mark_shipped(queries, shipment_id, tracking, now, arrives_at)
            await self.mails.about_parcel(queries, "shipped", order.buyer_id, current)

        await self.database.in_transaction(work)

    async def note_arrivals(self) -> None:
        """Tell both sides of the parcels that have been delivered."""
        for shipment in await repository.arrived(self.database, self.clock(), limit=200):
            await self._note_arrival(shipment)

    async def _note_arrival(self, shipment: Shipment) -> None:
        async def work(queries: Queries) -> None:
            order = await repository.order(queries, shipment.order_id)
            if order is None or not await repository.note_arrived(queries, shipment.id):
                return
            await self.mails.about_parcel(queries, "delivered", order.buyer_id, shipment)
            await self.mails.about_parcel(queries, "sale_delivered", shipment.seller_id, shipment)

        await self.database.in_transaction(work)

    async def sales(self, seller_id: int, before: int | None) -> Sales:
        """Return what a seller has to send, what was sent, and the earnings."""
        waiting = await repository.sales_of(
            self.database, seller_id, shipped=False, before=MAX_ID, limit=100
        )
        sent = await repository.sales_of(
            self.database, seller_id, shipped=True, before=before or MAX_ID, limit=PAGE + 1
        )
        shipments = [*waiting, *sent[:PAGE]]
        ids = sorted({shipment.order_id for shipment in shipments})
        orders = {order.id: order for order in await repository.orders_in(self.database, ids)}
        lines = await repository.lines_of(self.database, ids)
        now = self.clock()
        sales = [
            Sale(
                orders[shipment.order_id],
                parcel_view(
                    shipment,
                    lines,
                    orders[shipment.order_id].carrier,
                    speed=self.settings.shipping_speed,
                    now=now,
                ),
            )
            for shipment in shipments
        ]
        return Sales(
            to_ship=sales[: len(waiting)],
            shipped=sales[len(waiting) :],
            older=sent[PAGE - 1].id if len(sent) > PAGE else None,
            earnings=await repository.earnings_of(self.database, seller_id),
        )

    async def _views(self, orders: Sequence[Order]) -> list[OrderView]:
        ids = [order.id for order in orders]
        if not ids:
            return []
        lines = await repository.lines_of(self.database, ids)
        shipments = await repository.shipments_of(self.database, ids)
        intents = {intent.order_id: intent for intent in await money.intents(self.database, ids)}
        refunds = {refund.order_id: refund for refund in await money.refunds(self.database, ids)}
        called_off = [shipment.order_id for shipment in shipments if shipment.cancelled_at]
        parcel_refunds = await money.parcel_refunds(self.database, called_off) if called_off else []
        now = self.clock()
        return [
            OrderView(
                order,
                tuple(
                    parcel_view(
                        shipment,
                        lines,
                        order.carrier,
                        speed=self.settings.shipping_speed,
                        now=now,
                        refund=next(
                            (one for one in parcel_refunds if one.shipment_id == shipment.id), None
                        ),
                    )
                    for shipment in shipments
                    if shipment.order_id == order.id
                ),
                intents[order.id],
                refunds.get(order.id),
                now,
            )
            for order in orders
        ]
