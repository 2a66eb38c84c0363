"""What orders keeps of one person, and how it forgets them.

Orders that were paid for stay with name and address, as the law wants of what was sold; a seller's
name goes from the parcels.
"""

from typing import Any

from bookstore import personal
from bookstore.data.database import Database
from bookstore.data.queries import Queries

TABLES = {
    "orders": personal.Table(
        (
            *("id", "state", "reason", "currency", "goods", "shipping", "carrier", "name"),
            *("address", "country", "placed_at", "paid_at", "cancelled_at"),
        ),
        "orders WHERE buyer_id = :person_id",
    ),
    "order_lines": personal.Table(
        (
            *("l.order_id", "l.book_id", "l.title", "l.author", "l.price", "l.quantity"),
            *("l.`condition`", "l.defects", "l.description"),
        ),
        "order_lines l JOIN orders o ON o.id = l.order_id WHERE o.buyer_id = :person_id",
        "l.order_id, l.book_id",
    ),
    "payments": personal.Table(
        ("p.order_id", "p.amount", "p.currency", "p.state", "p.brand", "p.last4"),
        "payment_intents p JOIN orders o ON o.id = p.order_id WHERE o.buyer_id = :person_id",
        "p.order_id",
    ),
    "sales": personal.Table(
        ("id", "order_id", "goods", "shipping", "tracking_code", "shipped_at", "cancelled_at"),
        "shipments WHERE seller_id = :person_id",
    ),
    "basket": personal.Table(
        ("i.book_id", "i.quantity", "i.added_at"),
        "basket_items i JOIN baskets b ON b.id = i.basket_id WHERE b.person_id = :person_id",
        "i.book_id",
    ),
}
# One row for each thing that stands in the way; the first that is found names its kind.
_UNSETTLED = {
    "order_open": "orders WHERE buyer_id = :person_id AND state IN ('placing', 'placed')",
    "order_on_its_way": (
        "orders o JOIN shipments s ON s.order_id = o.id WHERE o.buyer_id = :person_id"
        " AND o.state = 'paid' AND s.cancelled_at IS NULL"
        " AND (s.shipped_at IS NULL OR s.arrives_at IS NOT NULL)"
    ),
    "refund_owed": (
        "orders o WHERE o.buyer_id = :person_id"
        " AND (EXISTS (SELECT 1 FROM refunds r WHERE r.order_id = o.id AND r.done_at IS NULL)"
        " OR EXISTS (SELECT 1 FROM parcel_refunds r"
        " WHERE r.order_id = o.id AND r.done_at IS NULL))"
    ),
    "parcel_to_send": (
        "shipments s JOIN orders o ON o.id = s.order_id WHERE s.seller_id = :person_id"
        " AND o.state = 'paid' AND s.shipped_at IS NULL AND s.cancelled_at IS NULL"
    ),
    "parcel_on_its_way": "shipments WHERE seller_id = :person_id AND arrives_at IS NOT NULL",
}


class OrdersPersonal:
    """One person's orders, sales and basket."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(self, table: str, person_id: int, offset: int) -> list[dict[str, Any]]:
        """Return a page of a table's rows about a person."""
        return await personal.page(self._database, TABLES, table, person_id, offset)

    async def unsettled(self, person_id: int) -> list[str]:
        """Return what a person must settle before they can be forgotten."""
        return [
            kind
            for kind, source in _UNSETTLED.items()
            if await self._database.value(
                f"SELECT 1 FROM {source} LIMIT 1", {"person_id": person_id}
            )
        ]

    async def forget(self, person_id: int) -> None:
        """Delete a person's basket and take their name off the parcels that they sent."""

        async def work(queries: Queries) -> None:
            values = {"person_id": person_id, "gone": personal.FORGOTTEN}
            await queries.execute(
                "DELETE FROM basket_items WHERE basket_id IN"
                " (SELECT id FROM baskets WHERE person_id = :person_id)",
                {"person_id": person_id},
            )
            await queries.execute(
                "DELETE FROM baskets WHERE person_id = :person_id", {"person_id": person_id}
            )
            await queries.execute(
                "UPDATE shipments SET seller_name = :gone WHERE seller_id = :person_id", values
            )

        await self._database.in_transaction(work)
