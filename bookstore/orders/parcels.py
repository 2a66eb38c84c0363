"""One parcel of an order is called off, before it leaves, by its buyer or its seller; the others
go their way. It follows the order's own pattern: one transaction writes what is owed, the copies
and the money go back afterwards, now or by the sweep."""

from bookstore.clock import Clock
from bookstore.contracts import CatalogueLink
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.orders import payment_repository as money
from bookstore.orders import repository, saga
from bookstore.orders.domain import (
    Order,
    ParcelRefund,
    Reason,
    Shipment,
    may_cancel_parcel,
)
from bookstore.orders.mails import Mails
from bookstore.orders.saga import Saga
from bookstore.orders.settlement import UnknownOrder


class TooLate(Exception):
    """The order or the parcel has come too far for this, or not far enough."""


class Parcels:
    """Calls parcels off."""

    def __init__(
        self, database: Database, clock: Clock, catalogue: CatalogueLink, the_saga: Saga
    ) -> None:
        self.database = database
        self.clock = clock
        self.catalogue = catalogue
        self.saga = the_saga

    async def cancel(
        self, shipment_id: int, *, person_id: int, by: Reason, of_order: int | None = None
    ) -> int:
        """Call a parcel off and give the money for it back; return its order. Raise UnknownOrder
        for whoever is not its buyer or seller, as `by` says, or when it is of another order than
        `of_order`, or TooLate."""
        found = await repository.shipment(self.database, shipment_id)
        if found is None or of_order not in {None, found.order_id}:
            raise UnknownOrder
        order_id = found.order_id

        async def work(queries: Queries) -> None:
            order = await repository.locked_order(queries, order_id)
            shipments = await repository.shipments_of(queries, [order_id])
            shipment = next((one for one in shipments if one.id == shipment_id), None)
            if order is None or shipment is None:
                raise UnknownOrder
            if person_id != (shipment.seller_id if by == Reason.SELLER else order.buyer_id):
                raise UnknownOrder
            if not may_cancel_parcel(order, shipment):
                raise TooLate
            if any(one.id != shipment_id and one.cancelled_at is None for one in shipments):
                await _call_off(queries, order, shipment, by, self.clock(), self.saga.mails)
            else:  # nothing else is left of the order
                await saga.cancel(queries, order, by, self.clock(), self.saga.mails)

        await self.database.in_transaction(work)
        await self.saga.try_to_finish(order_id)
        return order_id


async def _call_off(
    queries: Queries, order: Order, shipment: Shipment, by: Reason, now: int, mails: Mails
) -> None:
    await repository.cancel_shipment(queries, shipment.id, by, now)
    refund = ParcelRefund(shipment.id, order.id, shipment.goods + shipment.shipping, now, None)
    await money.owe_parcel_refund(queries, refund)
    await mails.about_parcel(queries, "parcel_cancelled", order.buyer_id, shipment)
    if by != Reason.SELLER:
        await mails.about_parcel(queries, "sale_cancelled", shipment.seller_id, shipment)
