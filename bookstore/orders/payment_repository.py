"""The tables of payment intents, the gateway's events, and refunds."""

from collections.abc import Sequence

from bookstore.database import Database, Queries
from bookstore.orders.domain import Refund
from bookstore.orders.payments import Event, Intent, IntentState

type Source = Database | Queries

_INTENT = ", ".join(Intent._fields)


async def add_intent(queries: Queries, intent: Intent) -> None:
    await queries.execute(
        f"INSERT INTO payment_intents ({_INTENT})"
        f" VALUES ({', '.join(':' + field for field in Intent._fields)})",
        intent._asdict(),
    )


async def intent(source: Source, intent_id: str) -> Intent | None:
    return await source.one(
        Intent, f"SELECT {_INTENT} FROM payment_intents WHERE id = :id", {"id": intent_id}
    )


async def intent_of(source: Source, order_id: int) -> Intent | None:
    return await source.one(
        Intent,
        f"SELECT {_INTENT} FROM payment_intents WHERE order_id = :order_id",
        {"order_id": order_id},
    )


async def intents(source: Source, order_ids: Sequence[int]) -> list[Intent]:
    return await source.all(
        Intent,
        f"SELECT {_INTENT} FROM payment_intents WHERE order_id IN :ids",
        {"ids": list(order_ids)},
    )


async def save_intent(queries: Queries, intent: Intent) -> None:
    """Write what may change of an intent; its order and amount never do."""
    await queries.execute(
        "UPDATE payment_intents SET state = :state, attempt = :attempt, error_code = :error_code,"
        " decline_code = :decline_code, brand = :brand, last4 = :last4, settles_at = :settles_at"
        " WHERE id = :id",
        intent._asdict(),
    )


async def intents_to_settle(source: Source, now: int, limit: int) -> list[Intent]:
    return await source.all(
        Intent,
        f"SELECT {_INTENT} FROM payment_intents WHERE state = :state AND settles_at <= :now"
        " ORDER BY settles_at LIMIT :limit",
        {"state": IntentState.PROCESSING, "now": now, "limit": limit},
    )


async def add_event(queries: Queries, event: Event, now: int) -> None:
    """Note an event of the gateway; raise Duplicate when it came before."""
    await queries.execute(
        "INSERT INTO payment_events (id, type, received_at) VALUES (:id, :type, :now)",
        {"id": event.id, "type": event.type, "now": now},
    )


async def forget_events(source: Source, before: int) -> None:
    await source.execute("DELETE FROM payment_events WHERE received_at < :before",
                         {"before": before})  # fmt: skip


async def refund_of(source: Source, order_id: int) -> Refund | None:
    return await source.one(
        Refund,
        f"SELECT {', '.join(Refund._fields)} FROM refunds WHERE order_id = :order_id",
        {"order_id": order_id},
    )


async def refunds(source: Source, order_ids: Sequence[int]) -> list[Refund]:
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


async def refund_done(source: Source, order_id: int, now: int) -> None:
    await source.execute(
        "UPDATE refunds SET done_at = :now WHERE order_id = :order_id AND done_at IS NULL",
        {"now": now, "order_id": order_id},
    )
