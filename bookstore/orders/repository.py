"""The tables of orders, their lines and shipments."""

from collections.abc import Sequence
from typing import NamedTuple

from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.orders.domain import Address, Order, OrderLine, OrderState, Shipment

type Source = Database | Queries

_ORDER = ", ".join(Order._fields)
_LINE = ", ".join(f"`{field}`" for field in OrderLine._fields)
_SHIPMENT = ", ".join(Shipment._fields)
# Which orders their buyers know of.
_SEEN = "(state <> 'placing') AND (reason IS NULL OR reason <> 'abandoned')"


class _Id(NamedTuple):
    id: int


async def add_order(queries: Queries, order: Order, *, key: str) -> int:
    """Insert an order and return its id. Raises Duplicate when the checkout has one already."""
    fields = [*Order._fields[1:], "checkout_key", "changed_at"]
    return await queries.insert(
        f"INSERT INTO orders ({', '.join(fields)})"
        f" VALUES ({', '.join(':' + field for field in fields)})",
        {**order._asdict(), "checkout_key": key, "changed_at": order.placed_at},
    )


async def add_lines(queries: Queries, lines: Sequence[OrderLine]) -> None:
    """Write the books of new orders along with the next statement."""
    for line in lines:
        await queries.queue(
            f"INSERT INTO order_lines ({_LINE})"
            f" VALUES ({', '.join(':' + field for field in OrderLine._fields)})",
            line._asdict(),
        )


async def add_shipments(queries: Queries, shipments: Sequence[Shipment]) -> None:
    """Write a parcel for each seller along with the next statement."""
    fields = Shipment._fields[1:]
    for shipment in shipments:
        await queries.queue(
            f"INSERT INTO shipments ({', '.join(fields)})"
            f" VALUES ({', '.join(':' + field for field in fields)})",
            shipment._asdict(),
        )


async def delete_order(queries: Queries, order_id: int) -> None:
    """Remove an order that never came to be."""
    for table in ("payment_intents", "order_lines", "shipments"):
        await queries.execute(f"DELETE FROM {table} WHERE order_id = :id", {"id": order_id})
    await queries.execute("DELETE FROM orders WHERE id = :id", {"id": order_id})


async def order(source: Source, order_id: int) -> Order | None:
    """Return an order, whoever placed it."""
    return await source.one(Order, f"SELECT {_ORDER} FROM orders WHERE id = :id", {"id": order_id})


async def orders_in(source: Source, order_ids: Sequence[int]) -> list[Order]:
    """Return these orders, in no order; unknown ones are left out."""
    return await source.all(
        Order, f"SELECT {_ORDER} FROM orders WHERE id IN :ids", {"ids": list(order_ids)}
    )


async def locked_order(queries: Queries, order_id: int) -> Order | None:
    """Return an order that nobody else changes until the transaction ends."""
    return await queries.one(
        Order,
        f"SELECT {_ORDER} FROM orders WHERE id = :id{queries.for_update}",
        {"id": order_id},
    )


async def order_of_checkout(source: Source, buyer_id: int, key: str) -> Order | None:
    """Return what a buyer's form with this key has ordered already, if anything."""
    return await source.one(
        Order,
        f"SELECT {_ORDER} FROM orders WHERE buyer_id = :buyer_id AND checkout_key = :key",
        {"buyer_id": buyer_id, "key": key},
    )


async def save_order(queries: Queries, order: Order) -> None:
    """Write what may change of an order: its state and the moments."""
    await queries.queue(
        "UPDATE orders SET state = :state, reason = :reason, expires_at = :expires_at,"
        " paid_at = :paid_at, confirmed_at = :confirmed_at, cancelled_at = :cancelled_at,"
        " released_at = :released_at WHERE id = :id",
        order._asdict(),
    )
    if order.state == OrderState.CANCELLED:
        await queries.queue("UPDATE shipments SET stage = 0 WHERE order_id = :id", {"id": order.id})


async def note_placed(queries: Queries, order_id: int) -> None:
    """Let an order wait for its payment. Its row is locked by the caller."""
    await queries.queue("UPDATE orders SET state = 'placed' WHERE id = :id", {"id": order_id})


async def note_confirmed(queries: Queries, order_id: int, now: int) -> bool:
    """Note that a paid order's sale is confirmed; False when it is not waiting for that."""
    if not await queries.execute(
        "UPDATE orders SET confirmed_at = :now"
        " WHERE id = :id AND state = 'paid' AND confirmed_at IS NULL",
        {"now": now, "id": order_id},
    ):
        return False
    await show_to_sellers(queries, [order_id])
    return True


async def show_to_sellers(queries: Queries, order_ids: Sequence[int]) -> None:
    """Show the parcels of orders that are sold on their sellers' pages, as to send or sent."""
    await queries.queue(
        "UPDATE shipments SET stage = CASE WHEN shipped_at IS NULL THEN 1 ELSE 2 END,"
        " currency = (SELECT o.currency FROM orders o WHERE o.id = shipments.order_id)"
        " WHERE order_id IN :ids AND cancelled_at IS NULL",
        {"ids": list(order_ids)},
    )


async def not_shown(source: Source, *, since: int, limit: int) -> list[int]:
    """Return orders sold since a moment whose parcels stand elsewhere on their sellers' pages than
    they ought to: a replica of an earlier version took a step."""
    rows = await source.all(
        _Id,
        "SELECT DISTINCT o.id FROM orders o JOIN shipments s ON s.order_id = o.id"
        " WHERE o.state = 'paid' AND o.confirmed_at > :since AND s.cancelled_at IS NULL"
        " AND s.stage <> CASE WHEN s.shipped_at IS NULL THEN 1 ELSE 2 END LIMIT :limit",
        {"since": since, "limit": limit},
    )
    return [row.id for row in rows]


async def note_released(source: Source, order_id: int, now: int) -> None:
    """Note, once, that an order holds no copies any more."""
    await source.execute(
        "UPDATE orders SET released_at = :now WHERE id = :id AND released_at IS NULL",
        {"now": now, "id": order_id},
    )


async def last_address(source: Source, buyer_id: int) -> Address | None:
    """Return where a buyer's latest order went."""
    return await source.one(
        Address,
        "SELECT name, address, country FROM orders WHERE buyer_id = :buyer_id"
        f" AND {_SEEN} ORDER BY id DESC LIMIT 1",
        {"buyer_id": buyer_id},
    )


async def orders_of(source: Source, buyer_id: int, *, before: int, limit: int) -> list[Order]:
    """Return a buyer's orders with ids below `before`, the latest first."""
    return await source.all(
        Order,
        f"SELECT {_ORDER} FROM orders WHERE buyer_id = :buyer_id AND id < :before"
        f" AND {_SEEN}"
        " ORDER BY id DESC LIMIT :limit",
        {"buyer_id": buyer_id, "before": before, "limit": limit},
    )


async def lines_of(source: Source, order_ids: Sequence[int]) -> list[OrderLine]:
    """Return the books of these orders, by order and seller."""
    return await source.all(
        OrderLine,
        f"SELECT {_LINE} FROM order_lines WHERE order_id IN :ids"
        " ORDER BY order_id, seller_id, book_id",
        {"ids": list(order_ids)},
    )


async def shipments_of(source: Source, order_ids: Sequence[int]) -> list[Shipment]:
    """Return the parcels of these orders, sent or not."""
    return await source.all(
        Shipment,
        f"SELECT {_SHIPMENT} FROM shipments WHERE order_id IN :ids ORDER BY order_id, id",
        {"ids": list(order_ids)},
    )


async def shipment(source: Source, shipment_id: int) -> Shipment | None:
    """Return one parcel, whoever sends it."""
    return await source.one(
        Shipment, f"SELECT {_SHIPMENT} FROM shipments WHERE id = :id", {"id": shipment_id}
    )


async def mark_shipped(
    queries: Queries, shipment_id: int, code: str, now: int, arrives_at: int | None
) -> None:
    """Send a parcel on its way, once; `arrives_at` is None for a code that never arrives."""
    await queries.execute(
        "UPDATE shipments SET shipped_at = :now, tracking_code = :code, arrives_at = :arrives_at,"
        " stage = 2"
        " WHERE id = :id AND shipped_at IS NULL",
        {"now": now, "code": code, "arrives_at": arrives_at, "id": shipment_id},
    )


async def cancel_shipment(queries: Queries, shipment_id: int, by: str, now: int) -> None:
    """Note that a parcel was called off. Its order's row is locked by the caller."""
    await queries.execute(
        "UPDATE shipments SET cancelled_at = :now, cancelled_by = :by, stage = 0"
        " WHERE id = :id AND shipped_at IS NULL AND cancelled_at IS NULL",
        {"now": now, "by": by, "id": shipment_id},
    )


async def arrived(source: Source, now: int, *, limit: int) -> list[Shipment]:
    """Return shipments that have arrived and were not noted yet, the earliest first."""
    return await source.all(
        Shipment,
        f"SELECT {_SHIPMENT} FROM shipments WHERE arrives_at <= :now"
        " ORDER BY arrives_at LIMIT :limit",
        {"now": now, "limit": limit},
    )


async def note_arrived(queries: Queries, shipment_id: int) -> bool:
    """Note that the arrival of a shipment was told; False when somebody else did."""
    return bool(
        await queries.execute(
            "UPDATE shipments SET arrives_at = NULL WHERE id = :id AND arrives_at IS NOT NULL",
            {"id": shipment_id},
        )
    )


async def sales_of(
    source: Source, seller_id: int, *, shipped: bool, before: int, limit: int
) -> list[Shipment]:
    """Return a seller's shipments of orders that are paid for: those to send, the oldest first, or
    those sent with ids below `before`, the latest first."""
    stage, direction = (2, "DESC") if shipped else (1, "ASC")
    return await source.all(
        Shipment,
        f"SELECT {_SHIPMENT} FROM shipments"
        " WHERE seller_id = :seller_id AND stage = :stage AND id < :before"
        f" ORDER BY id {direction} LIMIT :limit",
        {"seller_id": seller_id, "stage": stage, "before": before, "limit": limit},
    )


class Earnings(NamedTuple):
    """What a seller's books brought, in minor units: sent, and still to send."""

    currency: str
    sent: int
    to_send: int


async def earnings_of(source: Source, seller_id: int) -> list[Earnings]:
    """Return a seller's earnings, one row a currency."""
    return await source.all(
        Earnings,
        "SELECT currency, SUM(CASE WHEN stage = 2 THEN goods ELSE 0 END) AS sent,"
        " SUM(CASE WHEN stage = 1 THEN goods ELSE 0 END) AS to_send"
        " FROM shipments WHERE seller_id = :seller_id AND stage IN (1, 2)"
        " GROUP BY currency ORDER BY currency",
        {"seller_id": seller_id},
    )


async def overdue(source: Source, *, now: int, placing_before: int, limit: int) -> list[int]:
    """Return the orders whose payment or whose checkout did not come in time."""
    unpaid = await source.all(
        _Id,
        "SELECT id FROM orders WHERE state = :state AND expires_at <= :now"
        " ORDER BY expires_at LIMIT :limit",
        {"state": OrderState.PLACED, "now": now, "limit": limit},
    )
    # While it is being placed, an order expires as soon as its process must be taken for dead.
    abandoned = await source.all(
        _Id,
        "SELECT id FROM orders WHERE state = :state AND placed_at <= :before"
        " ORDER BY id LIMIT :limit",
        {"state": OrderState.PLACING, "before": placing_before, "limit": limit},
    )
    return [row.id for row in [*unpaid, *abandoned]]


async def unfinished(source: Source, *, limit: int) -> list[int]:
    """Return the orders with a step that is still owed: to confirm, to release, or to refund."""
    rows = [
        *await source.all(
            _Id,
            "SELECT id FROM orders WHERE state = 'paid' AND confirmed_at IS NULL"
            " ORDER BY id LIMIT :limit",
            {"limit": limit},
        ),
        *await source.all(
            _Id,
            "SELECT id FROM orders WHERE state = 'cancelled' AND released_at IS NULL"
            " ORDER BY id LIMIT :limit",
            {"limit": limit},
        ),
        *await source.all(
            _Id,
            "SELECT order_id AS id FROM refunds WHERE done_at IS NULL"
            " ORDER BY order_id LIMIT :limit",
            {"limit": limit},
        ),
        *await source.all(
            _Id,
            "SELECT order_id AS id FROM parcel_refunds WHERE done_at IS NULL"
            " ORDER BY order_id LIMIT :limit",
            {"limit": limit},
        ),
    ]
    return list(dict.fromkeys(row.id for row in rows))
