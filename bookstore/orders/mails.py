"""The mails of an order: when each is written, and what it shows.

A mail is noted in the transaction that causes it, by the ids of what it is about; what it shows is
read when it is sent. Buyer and sellers have a thread each.
"""

from typing import Any, NamedTuple

from bookstore.carriers import CARRIERS
from bookstore.clock import DAY
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.mail.outbox import Letter, Outbox
from bookstore.orders import payment_repository as money
from bookstore.orders import repository
from bookstore.orders.domain import (
    Order,
    OrderLine,
    ParcelRefund,
    Reason,
    Refund,
    Shipment,
)

SHIP_WITHIN = 3 * DAY  # how soon a seller is asked to send what was sold


class Mails:
    """Writes the mails of orders into the outbox."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    @property
    def are_sent(self) -> bool:
        """Tell whether the shop sends mail at all."""
        return self._outbox.is_open

    async def to_buyer(self, queries: Queries, kind: str, order: Order, detail: str = "") -> None:
        """Tell a buyer something about an order, once for each `detail`."""
        key = f"{kind}-{order.id}" + (f"-{detail}" if detail else "")
        await self._outbox.add(
            queries,
            kind,
            order.buyer_id,
            key=key,
            values={"order_id": order.id},
            thread=f"placed-{order.id}",
        )

    async def to_sellers(self, queries: Queries, kind: str, order: Order) -> None:
        """Tell the sellers of an order something about their parcels."""
        if not self._outbox.is_open:
            return
        for shipment in await repository.shipments_of(queries, [order.id]):
            if shipment.cancelled_at is not None:
                continue  # it was told before
            await self.about_parcel(queries, kind, shipment.seller_id, shipment)

    async def about_parcel(
        self, queries: Queries, kind: str, person_id: int, shipment: Shipment
    ) -> None:
        """Tell the seller or the buyer of a parcel something about it."""
        own = person_id == shipment.seller_id
        await self._outbox.add(
            queries,
            kind,
            person_id,
            key=f"{kind}-{shipment.order_id}-{shipment.id}",
            values={"order_id": shipment.order_id, "shipment_id": shipment.id},
            thread=(
                f"sold-{shipment.order_id}-{shipment.id}" if own else f"placed-{shipment.order_id}"
            ),
        )

    async def cancelled(self, queries: Queries, order: Order) -> None:
        """Tell both sides of an order that it was called off: sellers only of one they knew of."""
        if order.reason == Reason.ABANDONED:
            return
        await self.to_buyer(queries, "cancelled", order)
        if order.confirmed_at is not None:
            await self.to_sellers(queries, "sale_cancelled", order)


class _Facts(NamedTuple):
    order: Order
    lines: list[OrderLine]
    shipment: Shipment | None


async def shown(database: Database, letter: Letter) -> dict[str, Any]:
    """Return what a mail about an order shows; raise LookupError when the order is gone."""
    facts = await _facts(database, letter)
    order, lines, shipment = facts
    refund: Refund | ParcelRefund | None
    if shipment is None:
        refund = await money.refund_of(database, order.id)
    else:
        owed = await money.parcel_refunds(database, [order.id])
        refund = next((one for one in owed if one.shipment_id == shipment.id), None)
    return {
        "order": order.id,
        "currency": order.currency,
        "lines": [
            {
                "title": line.title,
                "author": line.author,
                "price": line.price,
                "quantity": line.quantity,
            }
            for line in lines
        ],
        "postage": order.shipping,
        "total": order.total,
        "pay_by": order.expires_at,
        "address": f"{order.name}\n{order.address}\n{order.country}",
        "carrier": CARRIERS[order.carrier].name,
        "reason": shipment.cancelled_by if shipment and shipment.cancelled_by else order.reason,
        "refund": refund.amount if refund else 0,
        "ship_by": (order.confirmed_at or order.placed_at) + SHIP_WITHIN,
        "seller": shipment.seller_name if shipment else "",
        "tracking": (shipment.tracking_code or "") if shipment else "",
        "earned": shipment.goods if shipment else 0,
    }


async def _facts(database: Database, letter: Letter) -> _Facts:
    order_id, shipment_id = letter.values["order_id"], letter.values.get("shipment_id")
    order = await repository.order(database, order_id)
    shipment = await repository.shipment(database, shipment_id) if shipment_id else None
    if order is None or (shipment_id and shipment is None):
        raise LookupError(f"order {order_id} is gone")
    lines = await repository.lines_of(database, [order_id])
    if shipment is not None:
        lines = [line for line in lines if line.seller_id == shipment.seller_id]
    return _Facts(order, lines, shipment)
