"""Delete what has had its time: in small statements that find their rows by an index, and from one
replica at a time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from bookstore.data.database import Database
from bookstore.data.queries import Queries

BATCH = 1_000  # rows that one statement deletes at most
_BREATH = 0.05  # seconds between two of them, for those who are asking for pages


@asynccontextmanager
async def alone(database: Database, task: str) -> AsyncIterator[Queries | None]:
    """Yield a connection, and None when another replica is at the same task. The lock goes with the
    connection: a replica that dies, or is silent for long, leaves the task to others."""
    async with database.connection() as queries:
        if queries.dialect == "sqlite":  # one process
            yield queries
            return
        name = "LEFT(CONCAT(DATABASE(), ' ', :task), 64)"
        if not await queries.value(f"SELECT GET_LOCK({name}, 0)", {"task": task}):
            yield None
            return
        try:
            yield queries
        finally:
            if not queries.broken:
                await queries.value(f"SELECT RELEASE_LOCK({name})", {"task": task})


async def delete_older(
    database: Database, table: str, column: str, before: int, *, where: str = "1 = 1"
) -> int:
    """Delete the rows of a table whose `column` is less than `before`; return how many. An index
    begins with the column, or with those that `where` compares and then the column."""
    which = f"{where} AND {column} < :before ORDER BY {column} LIMIT {BATCH}"
    statement = (
        f"DELETE FROM {table} WHERE {which}"
        if database.dialect == "mysql"
        else f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} WHERE {which})"
    )
    deleted = 0
    async with alone(database, f"delete from {table}") as queries:
        while queries is not None:
            count = await queries.execute(statement, {"before": before})
            deleted += count
            if count < BATCH:
                break
            await asyncio.sleep(_BREATH)
    return deleted
