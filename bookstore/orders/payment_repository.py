"""The tables of payment intents, the gateway's events, and refunds."""

from collections.abc import Sequence
from typing import Any

from bookstore.data.database import Database
from bookstore.data.housekeeping import delete_older
from bookstore.data.queries import Queries
from bookstore.data.wide import Wide
from bookstore.orders.domain import Order, ParcelRefund, Refund
from bookstore.orders.payments import Event, Intent, IntentState

type Source = Database | Queries

_INTENT = ", ".join(Intent._fields)
_PARCEL_REFUND = ", ".join(ParcelRefund._fields)
_BOTH = Wide(
    {
        f"{table}.{name}": f"{table}.{name}"
        for table, row in (("o", Order), ("p", Intent))
        for name in row._fields
    }
)


async def add_intent(queries: Queries, intent: Intent) -> None:
    """Write an order's intent along with the next statement."""
    await queries.queue(
        f"INSERT INTO payment_intents ({_INTENT})"
        f" VALUES ({', '.join(':' + field for field in Intent._fields)})",
        intent._asdict(),
    )


async def intent(source: Source, intent_id: str) -> Intent | None:
    """Return a payment intent by its own id."""
    return await source.one(
        Intent, f"SELECT {_INTENT} FROM payment_intents WHERE id = :id", {"id": intent_id}
    )


async def intent_of(source: Source, order_id: int) -> Intent | None:
    """Return the one payment intent that an order has."""
    return await source.one(
        Intent,
        f"SELECT {_INTENT} FROM payment_intents WHERE order_id = :order_id",
        {"order_id": order_id},
    )


async def locked_order(queries: Queries, order_id: int) -> tuple[Order, Intent] | None:
    """Return an order and its payment, which nobody else changes until the transaction ends."""
    return next(iter(await _orders(queries, "o.id = :id", queries.for_update, id=order_id)), None)


async def order_of(
    source: Source, *, order_id: int | None = None, intent_id: str | None = None
) -> tuple[Order, Intent] | None:
    """Return the order with an id or the one that a payment is for, and its payment."""
    which = "o.id = :order_id" if intent_id is None else "p.id = :intent_id"
    found = await _orders(source, which, "", order_id=order_id, intent_id=intent_id)
    return next(iter(found), None)


async def waiting_for(source: Source, buyer_id: int, now: int) -> list[tuple[Order, Intent]]:
    """Return a buyer's orders whose time to pay goes on, the one that ends first before."""
    which = "o.state = 'placed' AND o.expires_at > :now AND o.buyer_id = :buyer_id"
    order = " ORDER BY o.expires_at LIMIT 3"
    return await _orders(source, which, order, now=now, buyer_id=buyer_id)


async def _orders(
    source: Source, which: str, rest: str, **values: object
) -> list[tuple[Order, Intent]]:
    rows: list[tuple[Any, ...]] = await source.all(
        tuple,
        f"SELECT {_BOTH.of(source)} FROM orders o JOIN payment_intents p ON p.order_id = o.id"
        f" WHERE {which}{rest}",
        values,
    )
    width = len(Order._fields)
    return [(Order._make(row[:width]), Intent._make(row[width:])) for row in rows]


async def intents(source: Source, order_ids: Sequence[int]) -> list[Intent]:
    """Return the payment intents of these orders, in no order."""
    return await source.all(
        Intent,
        f"SELECT {_INTENT} FROM payment_intents WHERE order_id IN :ids",
        {"ids": list(order_ids)},
    )


async def save_intent(queries: Queries, intent: Intent) -> None:
    """Write what may change of an intent; its order and amount never do."""
    await queries.queue(
        "UPDATE payment_intents SET state = :state, attempt = :attempt, error_code = :error_code,"
        " decline_code = :decline_code, brand = :brand, last4 = :last4, settles_at = :settles_at"
        " WHERE id = :id",
        intent._asdict(),
    )


async def intents_to_settle(source: Source, now: int, limit: int) -> list[Intent]:
    """Return those the bank took its time for and that are due, longest due first."""
    return await source.all(
        Intent,
        f"SELECT {_INTENT} FROM payment_intents WHERE state = :state AND settles_at <= :now"
        " ORDER BY settles_at LIMIT :limit",
        {"state": IntentState.PROCESSING, "now": now, "limit": limit},
    )


async def add_event(queries: Queries, event: Event, now: int) -> None:
    """Note an event of the gateway. Raises Duplicate when it came before."""
    await queries.execute(
        "INSERT INTO payment_events (id, type, received_at) VALUES (:id, :type, :now)",
        {"id": event.id, "type": event.type, "now": now},
    )


async def forget_events(database: Database, before: int) -> None:
    """Delete the ids of webhooks that came before then (milliseconds)."""
    await delete_older(database, "payment_events", "received_at", before)


async def refund_of(source: Source, order_id: int) -> Refund | None:
    """Return the refund of an order as a whole, none where only parcels were refunded."""
    return await source.one(
        Refund,
        f"SELECT {', '.join(Refund._fields)} FROM refunds WHERE order_id = :order_id",
        {"order_id": order_id},
    )


async def refunds(source: Source, order_ids: Sequence[int]) -> list[Refund]:
    """Return the refunds of these orders as wholes."""
    return await source.all(
        Refund,
        f"SELECT {', '.join(Refund._fields)} FROM refunds WHERE order_id IN :ids",
        {"ids": list(order_ids)},
    )


async def owe_refund(queries: Queries, order_id: int, amount: int, now: int) -> None:
    """Note that a payment must go back, once an order. The order's row is locked by the caller."""
    if await refund_of(queries, order_id) is None:
        await queries.execute(
            "INSERT INTO refunds (order_id, amount, owed_at, done_at)"
            " VALUES (:order_id, :amount, :now, NULL)",
            {"order_id": order_id, "amount": amount, "now": now},
        )


async def refund_done(source: Source, order_id: int, now: int) -> bool:
    """Note that a refund is done; False when none is owed."""
    return bool(
        await source.execute(
            "UPDATE refunds SET done_at = :now WHERE order_id = :order_id AND done_at IS NULL",
            {"now": now, "order_id": order_id},
        )
    )


async def parcel_refunds(source: Source, order_ids: Sequence[int]) -> list[ParcelRefund]:
    """Return the refunds of single parcels of these orders."""
    return await source.all(
        ParcelRefund,
        f"SELECT {_PARCEL_REFUND} FROM parcel_refunds WHERE order_id IN :ids ORDER BY shipment_id",
        {"ids": list(order_ids)},
    )


async def owe_parcel_refund(queries: Queries, refund: ParcelRefund) -> None:
    """Note that the money for a parcel must go back. Its order's row is locked by the caller."""
    await queries.execute(
        f"INSERT INTO parcel_refunds ({_PARCEL_REFUND})"
        f" VALUES ({', '.join(':' + field for field in ParcelRefund._fields)})",
        refund._asdict(),
    )


async def parcel_refund_done(source: Source, shipment_id: int, now: int) -> bool:
    """Note that the refund of a parcel is done; False when none is owed."""
    return bool(
        await source.execute(
            "UPDATE parcel_refunds SET done_at = :now WHERE shipment_id = :id AND done_at IS NULL",
            {"now": now, "id": shipment_id},
        )
    )
