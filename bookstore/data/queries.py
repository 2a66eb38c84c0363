"""Statements on one connection: typed rows, affected-row counts, and errors that mean the same on
every engine.

Parameters are written `:name`, a list or tuple expands to an IN list, and rows come back as the
named tuples the caller asks for.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from json import loads
from typing import TYPE_CHECKING, Any

from bookstore.data import deadline
from bookstore.data.answer import Answer
from bookstore.data.errors import Busy, ConnectionLost, DatabaseUnavailable, Duplicate, ReadOnly
from bookstore.data.wide import PACKED

if TYPE_CHECKING:
    from bookstore.data import mysql, sqlite

__all__ = [
    "BeforeCommit", "Busy", "ConnectionLost", "DatabaseUnavailable", "Duplicate", "Queries",
    "ReadOnly", "Select", "Statement",
]  # fmt: skip

_LISTS = {list, tuple}
_LONGEST_STATEMENT = 60.0  # seconds, where nobody waits for an answer

type Values = Mapping[str, Any]
type Statement = tuple[str, Values]
type Select = tuple[type[tuple[Any, ...]], str, Values]  # and the named tuple for its rows
type Engine = mysql.Connections | sqlite.Connections
type BeforeCommit[T] = Callable[["Queries", T], Awaitable[None]]  # what a transaction does besides


class Queries:
    """Run statements on one connection. `sql` names its parameters `:name`."""

    def __init__(self, raw: Any, engine: Engine) -> None:
        self._raw = raw
        self._engine = engine
        self._turn = asyncio.Lock()  # a connection runs one statement at a time
        self._queued: list[Statement] = []
        self._in_transaction = False
        self.committing = False  # whether it is too late to say that nothing was changed
        self.committed = False
        # A statement was cut off, or the connection is somebody else's by now: it takes no more.
        self.broken = False
        self.dialect = engine.dialect
        self.packs = engine.packs
        # What ends a SELECT whose rows nobody else is to change before the transaction ends. On
        # SQLite a transaction is the only one that writes.
        self.for_update = " FOR UPDATE" if engine.dialect == "mysql" else ""

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

    async def together(self, *selects: Select) -> list[list[Any]]:
        """Return the rows of several SELECTs, which go to the database in one round trip."""
        self._queued += [(sql, values) for _row, sql, values in selects]
        answers = (await self._send())[-len(selects) :]
        return [
            list(map(_maker(row, answer.columns), answer.rows))
            for (row, _sql, _values), answer in zip(selects, answers, strict=True)
        ]

    async def execute(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run a statement and return how many rows it matched, on every engine."""
        return max((await self._run(sql, values)).affected, 0)

    async def insert(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run an INSERT and return the id that the engine gave the row."""
        return (await self._run(sql, values)).insert_id

    async def queue(self, sql: str, values: Values = {}) -> None:  # noqa: B006
        """Have a statement go to the database together with the next one, before it, or with the
        commit: what goes wrong with it is raised there. It saves a round trip. Outside of a
        transaction it goes at once."""
        self._queued.append((sql, values))
        if not self._in_transaction:
            await self._send()

    async def execute_many(self, sql: str, rows: Sequence[Values]) -> int:
        """Run a statement once for each mapping in `rows`, in bulk; return the rows affected."""
        if not rows:
            return 0
        if self._queued:
            await self._send()
        return max(await self._in_turn(lambda: self._engine.run_many(self._raw, sql, rows)), 0)

    async def _run(self, sql: str, values: Values) -> Answer:
        self._queued.append((sql, values))
        return (await self._send())[-1]

    async def _send(self) -> list[Answer]:
        """Send the statements that wait and return what became of each."""
        statements = [
            (sql, values) if _LISTS.isdisjoint(map(type, values.values())) else _expand(sql, values)
            for sql, values in self._queued
        ]
        self._queued.clear()
        return await self._in_turn(lambda: self._engine.run(self._raw, statements))

    async def _in_turn[T](self, work: Callable[[], Awaitable[T]]) -> T:
        """Wait for this connection's turn, do something with it, and translate what goes wrong.
        Unless the database itself said so, nobody knows what state the connection is in then."""
        try:
            async with self._turn:
                if self.broken:
                    raise ConnectionLost("this connection to the database takes no more statements")
                async with asyncio.timeout(deadline.left(_LONGEST_STATEMENT)):
                    return await work()
        except TimeoutError as error:
            self.broken = True
            raise DatabaseUnavailable("the database did not answer in time") from error
        except Exception as error:
            translated = self._engine.translate(error)
            self.broken |= isinstance(translated, ConnectionLost)
            self.broken |= not isinstance(error, self._engine.error)
            if translated is error:
                raise
            raise translated from error
        except BaseException:  # cancelled: an answer, or what was to go along, is lost on the way
            self.broken = True
            raise

    def _end(self) -> bool:
        """Take no more statements; tell whether somebody else can use the connection."""
        usable = not self.broken and not self._turn.locked()
        self.broken = True
        return usable

    async def _begin(self) -> None:
        """Begin a transaction; on SQLite it takes the write lock at once, elsewhere it begins with
        its first statement."""
        self._in_transaction = True
        if self.dialect == "sqlite":
            await self._run("BEGIN IMMEDIATE", {})
        else:
            await self.queue("BEGIN")

    async def _commit(self) -> None:
        self.committing = True
        await self._run("COMMIT", {})
        self.committed = True

    async def _undo(self) -> None:
        """Undo a transaction that failed."""
        self._queued.clear()
        await self._run("ROLLBACK", {})


def _expand(sql: str, values: Values) -> tuple[str, Values]:
    """Write a list or tuple value as one placeholder an item; an empty one matches nothing."""
    flat: dict[str, Any] = {}
    sizes: list[tuple[str, int]] = []
    for name, value in values.items():
        if type(value) in _LISTS:
            sizes.append((name, len(value)))
            flat.update((f"{name}_{number}", item) for number, item in enumerate(value))
        else:
            flat[name] = value
    return _expanded(sql, tuple(sizes)), flat


@lru_cache(maxsize=512)
def _expanded(sql: str, sizes: tuple[tuple[str, int], ...]) -> str:
    for name, size in sizes:
        placeholders = ", ".join(f":{name}_{number}" for number in range(size)) or "NULL"
        sql = re.sub(rf":{name}\b", f"({placeholders})", sql)
    return sql


@lru_cache(maxsize=1024)
def _maker(row: type[tuple[Any, ...]], columns: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    """Return what makes `row` of a record, after checking that its fields name the columns."""
    fields = getattr(row, "_fields", None)
    make: Callable[[Iterable[Any]], Any] = getattr(row, "_make", row)
    if columns == (PACKED,):
        return lambda record: make(loads(*record))
    if fields is not None and fields != columns:
        raise TypeError(f"{row.__name__} has the fields {fields}, the query gives {columns}")
    return make
