"""Statements on one connection: typed rows, affected-row counts, and errors that mean the same on
every engine.

Parameters are written `:name`, a list or tuple expands to an IN list, and rows come back as the
named tuples the caller asks for.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from bookstore.data import mysql, sqlite
from bookstore.data.errors import Conflict, ConnectionLost, DatabaseUnavailable, Duplicate

__all__ = ["Also", "Conflict", "ConnectionLost", "DatabaseUnavailable", "Duplicate", "Queries"]

type Values = Mapping[str, Any]
type Dialect = Literal["sqlite", "mysql"]
type Also[T] = Callable[["Queries", T], Awaitable[None]]  # what a transaction does besides


class Answer(NamedTuple):
    """What became of one statement."""

    columns: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]
    affected: int
    insert_id: int


class Queries:
    """Run statements on one connection. `sql` names its parameters `:name`."""

    def __init__(self, raw: Any, dialect: Dialect) -> None:
        self._raw = raw
        self._turn = asyncio.Lock()  # a connection runs one statement at a time
        self._translate = mysql.translate if dialect == "mysql" else sqlite.translate
        self.committed = False
        self.broken = False  # a statement was cut off: the connection is of no further use
        self.lost = False  # the server is gone, or cut it off
        self.dialect: Dialect = dialect
        # What ends a SELECT whose rows nobody else is to change before the transaction ends. On
        # SQLite a transaction is the only one that writes.
        self.for_update = " FOR UPDATE" if dialect == "mysql" else ""

    async def all[T: tuple[Any, ...]](self, row: type[T], sql: str, values: Values = {}) -> list[T]:  # noqa: B006
        """Return every row as the named tuple `row`, whose fields name the columns in order."""
        answer = await self._run(sql, values)
        return list(map(_maker(row, answer.columns), answer.rows))

    async def one[T: tuple[Any, ...]](
        self,
        row: type[T],
        sql: str,
        values: Values = {},  # noqa: B006
    ) -> T | None:
        """Return the first row as the named tuple `row`, or None."""
        answer = await self._run(sql, values)
        make = _maker(row, answer.columns)
        return next((make(found) for found in answer.rows), None)

    async def value(self, sql: str, values: Values = {}) -> Any:  # noqa: B006
        """Return the first column of the first row, or None."""
        answer = await self._run(sql, values)
        return next((found[0] for found in answer.rows), None)

    async def execute(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run a statement and return how many rows it matched, on every engine."""
        return max((await self._run(sql, values)).affected, 0)

    async def insert(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run an INSERT and return the id that the engine gave the row."""
        return (await self._run(sql, values)).insert_id

    async def execute_many(self, sql: str, rows: Sequence[Values]) -> int:
        """Run a statement once for each mapping in `rows`, in bulk; return the rows affected."""
        if not rows:
            return 0
        if self.dialect == "mysql":
            template, _ = mysql.template(sql)
            cursor = await self._one_by_one(self._many_on_mysql(template, rows))
        else:
            cursor = await self._one_by_one(self._raw.executemany(sql, rows))
        affected = int(cursor.rowcount)
        await cursor.close()
        return max(affected, 0)

    async def _many_on_mysql(self, template: str, rows: Sequence[Values]) -> Any:
        cursor = await self._raw.cursor()
        await cursor.executemany(template, rows)
        return cursor

    async def _run(self, sql: str, values: Values) -> Answer:
        if any(isinstance(value, list | tuple) for value in values.values()):
            sql, values = _expand(sql, values)
        if self.dialect == "mysql":
            return await self._one_by_one(self._on_mysql(sql, values))
        return await self._one_by_one(self._on_sqlite(sql, values))

    async def _one_by_one[T](self, work: Awaitable[T]) -> T:
        """Wait for this connection's turn, do something with it, and translate what goes wrong."""
        async with self._turn:
            try:
                return await work
            except Exception as error:
                translated = self._translate(error)
                if isinstance(translated, ConnectionLost):
                    self.broken = self.lost = True
                if translated is error:
                    raise
                raise translated from error
            except BaseException:  # cancelled: an answer is on its way that nobody will read
                self.broken = True
                raise

    async def _on_mysql(self, sql: str, values: Values) -> Answer:
        template, names = mysql.template(sql)
        cursor = await self._raw.cursor()
        await cursor.execute(template, {name: values[name] for name in names})
        if cursor.description is None:
            return Answer((), (), cursor.rowcount, cursor.lastrowid or 0)
        rows = await cursor.fetchall()
        return Answer(tuple([column[0] for column in cursor.description]), rows, len(rows), 0)

    async def _on_sqlite(self, sql: str, values: Values) -> Answer:
        cursor = await self._raw.execute(sql, values)
        try:
            if cursor.description is None:
                return Answer((), (), cursor.rowcount, cursor.lastrowid or 0)
            rows = await cursor.fetchall()
            return Answer(tuple([column[0] for column in cursor.description]), rows, len(rows), 0)
        finally:
            await cursor.close()

    async def _begin(self) -> None:
        """Begin a transaction; on SQLite it takes the write lock at once."""
        await self._run("BEGIN IMMEDIATE" if self.dialect == "sqlite" else "BEGIN", {})

    async def _commit(self) -> None:
        await self._run("COMMIT", {})
        self.committed = True

    async def _undo(self) -> None:
        """Undo a transaction that failed."""
        await self._run("ROLLBACK", {})


def _expand(sql: str, values: Values) -> tuple[str, Values]:
    """Write a list or tuple value as one placeholder an item; an empty one matches nothing."""
    lists = {name: value for name, value in values.items() if isinstance(value, list | tuple)}
    flat = {name: value for name, value in values.items() if name not in lists}
    for name, items in lists.items():
        names = [f"{name}_{number}" for number in range(len(items))]
        placeholders = ", ".join(f":{item}" for item in names) or "NULL"
        sql = re.sub(rf":{name}\b", lambda _, text=placeholders: f"({text})", sql)  # type: ignore[misc]
        flat.update(zip(names, items, strict=True))
    return sql, flat


@lru_cache(maxsize=1024)
def _maker(row: type[tuple[Any, ...]], columns: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    """Return what makes `row` of a record, after checking that its fields name the columns."""
    fields = getattr(row, "_fields", None)
    if fields is None:
        return row
    if fields != columns:
        raise TypeError(f"{row.__name__} has the fields {fields}, the query gives {columns}")
    make: Callable[[Iterable[Any]], Any] = row._make  # type: ignore[attr-defined]
    return make
