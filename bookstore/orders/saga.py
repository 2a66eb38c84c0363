"""How an order ends right whatever process dies on the way.

Every step is either one transaction of ours or one repeatable call of the catalogue, and the order
says which steps are still owed: to confirm the sale, to put copies back, to refund. `finish` does
what one order owes; `sweep`, which every replica runs every few seconds, finds the orders whose
time is over or whose process died. Two replicas on the same order do nothing twice.
"""

from contextlib import suppress

import structlog

from bookstore.clock import MINUTE, Clock
from bookstore.contracts import CatalogueLink
from bookstore.data.database import Database
from bookstore.data.queries import Busy, Queries
from bookstore.orders import payment_repository as money
from bookstore.orders import payments, repository
from bookstore.orders.domain import Order, OrderState, Reason, Shipment
from bookstore.orders.mails import Mails
from bookstore.orders.payments import IntentState

SWEEP_SECONDS = 3.0
ABANDONED = MINUTE  # a checkout that is still holding copies after this long has died
# The catalogue keeps the copies a little longer than the buyer may pay, so that a payment in the
# last second, or while the catalogue is away, still gets them.
GRACE = 2 * MINUTE
_AT_ONCE = 200

log = structlog.get_logger()


class Saga:
    """The steps of an order after it was placed."""

    def __init__(
        self, database: Database, clock: Clock, catalogue: CatalogueLink, mails: Mails
    ) -> None:
        self.database = database
        self.clock = clock
        self.catalogue = catalogue
        self.mails = mails

    async def finish(self, order: Order) -> None:
        """Do what an order still owes. May be repeated, and run at the same time elsewhere."""
        current: Order | None = order
        if order.state == OrderState.PAID and order.confirmed_at is None:
            current = await self._confirm(order)
        if current is not None and current.state == OrderState.CANCELLED:
            if current.released_at is None:
                await self.catalogue.release(current.reference)
                await repository.note_released(self.database, current.id, self.clock())
            await self._refund(current)
        if current is not None and current.confirmed_at is not None and order.confirmed_at:
            await self._refund_parcels(current)

    async def try_to_finish(self, order_id: int, known: Order | None = None) -> None:
        """Finish an order now if everything answers; the sweep does it later otherwise. `known` is
        the order as the caller has just written it."""
        try:
            order = known or await repository.order(self.database, order_id)
            if order is not None:
                await self.finish(order)
        except Exception as error:
            log.warning("an order is left to the sweep", order=order_id, reason=repr(error))

    async def sweep(self) -> None:
        """Cancel what is overdue and finish what is unfinished."""
        now = self.clock()
        overdue = await repository.overdue(
            self.database, now=now, placing_before=now - ABANDONED, limit=_AT_ONCE
        )
        for order_id in overdue:
            with suppress(Busy):  # one locked order keeps no other from being cancelled
                await self._cancel_overdue(order_id)
        for order_id in await repository.unfinished(self.database, limit=_AT_ONCE):
            await self.try_to_finish(order_id)

    async def _refund(self, order: Order) -> None:
        """Send back what is owed, and say so to the buyer."""

        async def work(queries: Queries) -> None:
            if await money.refund_done(queries, order.id, self.clock()):
                await self.mails.to_buyer(queries, "refunded", order)

        await self.database.in_transaction(work)

    async def _refund_parcels(self, order: Order) -> None:
        """Put the copies of parcels that were called off back on sale, and send back the money."""
        owed = [
            refund
            for refund in await money.parcel_refunds(self.database, [order.id])
            if refund.done_at is None
        ]
        for refund in owed:
            shipment = await repository.shipment(self.database, refund.shipment_id)
            assert shipment is not None
            lines = await repository.lines_of(self.database, [order.id])
            books = [line.book_id for line in lines if line.seller_id == shipment.seller_id]
            await self.catalogue.release_books(order.reference, books)
            await self._refund_parcel(order, shipment)

    async def _refund_parcel(self, order: Order, shipment: Shipment) -> None:
        async def work(queries: Queries) -> None:
            if await money.parcel_refund_done(queries, shipment.id, self.clock()):
                await self.mails.about_parcel(queries, "refunded", order.buyer_id, shipment)

        await self.database.in_transaction(work)

    async def _confirm(self, order: Order) -> Order | None:
        if await self.catalogue.confirm(order.reference):
            now = self.clock()

            async def note(queries: Queries) -> bool:
                if not await repository.note_confirmed(queries, order.id, now):
                    return False
                if self.mails.are_sent:
                    await self.mails.to_sellers(queries, "sold", order)
                return True

            if await self.database.in_transaction(note):
                return order._replace(confirmed_at=now)
            return await repository.order(self.database, order.id)  # somebody else was quicker

        async def give_up(queries: Queries) -> Order | None:
            current = await repository.locked_order(queries, order.id)
            if current is None or current.state != OrderState.PAID or current.confirmed_at:
                return current
            return await cancel(queries, current, Reason.SOLD_OUT, self.clock(), self.mails)

        return await self.database.in_transaction(give_up)

    async def _cancel_overdue(self, order_id: int) -> None:
        async def work(queries: Queries) -> None:
            now = self.clock()
            order = await repository.locked_order(queries, order_id)
            if order is None:
                return
            if order.state == OrderState.PLACED and order.expires_at <= now:
                await cancel(queries, order, Reason.EXPIRED, now, self.mails)
            if order.state == OrderState.PLACING and order.placed_at <= now - ABANDONED:
                await cancel(queries, order, Reason.ABANDONED, now, self.mails)

        await self.database.in_transaction(work)


async def mark_paid(queries: Queries, order: Order, now: int, mails: Mails) -> Order:
    """Note that a locked order is paid for; the sale is to be confirmed."""
    paid = order._replace(state=OrderState.PAID, paid_at=now)
    await repository.save_order(queries, paid)
    await mails.to_buyer(queries, "paid", paid)
    return paid


async def cancel(queries: Queries, order: Order, reason: Reason, now: int, mails: Mails) -> Order:
    """Cancel a locked order: its copies are to be released, its payment stopped or refunded."""
    cancelled = order._replace(state=OrderState.CANCELLED, reason=reason, cancelled_at=now)
    await repository.save_order(queries, cancelled)
    intent = await money.intent_of(queries, order.id)
    if intent is not None and intent.state == IntentState.SUCCEEDED:
        before = sum(one.amount for one in await money.parcel_refunds(queries, [order.id]))
        await money.owe_refund(queries, order.id, intent.amount - before, now)
    elif intent is not None:
        await money.save_intent(queries, payments.cancel(intent))
    await mails.cancelled(queries, cancelled)
    return cancelled
