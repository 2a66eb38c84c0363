"""Orders that ended before anybody paid: after a while nobody asks for them any more."""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from bookstore.clock import DAY
from bookstore.data.database import Database
from bookstore.data.housekeeping import alone
from bookstore.data.queries import Queries

KEEP = 90 * DAY
_AT_ONCE = 200  # each with its lines, parcels and payment: less than a thousand rows
_BREATH = 0.05  # seconds between two batches, for those who are asking for pages


class _Id(NamedTuple):
    id: int


async def forget(database: Database, now: int) -> int:
    """Delete the orders that ended unpaid long ago, with all that belongs to them; return how many.

    Those with a refund stay: their payment came too late, and went back.
    """
    forgotten = 0
    async with alone(database, "forget unpaid orders") as queries:
        while queries is not None:
            ended = await queries.all(
                _Id,
                "SELECT id FROM orders WHERE state = 'cancelled' AND paid_at IS NULL"
                " AND released_at < :before"
                " AND NOT EXISTS (SELECT 1 FROM refunds WHERE refunds.order_id = orders.id)"
                " ORDER BY released_at LIMIT :limit",
                {"before": now - KEEP, "limit": _AT_ONCE},
            )
            ids = [row.id for row in ended]
            if ids:
                await database.in_transaction(lambda work, ids=ids: _delete(work, ids))  # type: ignore[misc]
                forgotten += len(ids)
            if len(ids) < _AT_ONCE:
                break
            await asyncio.sleep(_BREATH)
    return forgotten


async def _delete(queries: Queries, order_ids: Sequence[int]) -> None:
    for table, column in (
        ("payment_intents", "order_id"),
        ("shipments", "order_id"),
        ("order_lines", "order_id"),
        ("orders", "id"),
    ):
        await queries.execute(
            f"DELETE FROM {table} WHERE {column} IN :ids", {"ids": list(order_ids)}
        )
