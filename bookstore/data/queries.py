"""Statements on one connection: typed rows, affected-row counts, and errors that mean the same on
every engine.

Parameters are written `:name`, a list or tuple expands to an IN list, and rows come back as the
named tuples the caller asks for.
"""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

import pymysql

from bookstore.data import mysql
from bookstore.data.mysql import Answer, NewId

type Values = Mapping[str, Any]
type Dialect = Literal["sqlite", "mysql"]

_LOST = {2002, 2003, 2006, 2013, 2014, 2055, 1040, 1053, 1077, 1079, 1129, 1290, 1836, 1927, 3159}
_RETRY = {1205, 1213}  # lock wait timeout, deadlock
_DUPLICATE = {1062, 1586}


class DatabaseUnavailable(Exception):
    """The database does not answer, or no connection became free in time."""


class ConnectionLost(DatabaseUnavailable):
    """The connection broke under a statement; what became of the statement is unknown."""


class Conflict(Exception):
    """The engine gave this transaction up for another one; running it again may succeed."""


class Duplicate(Exception):
    """A row with the same unique value exists already."""


def _expand(sql: str, values: Values) -> tuple[str, Values]:
    """Write a list or tuple value as one placeholder an item; an empty one matches nothing."""
    lists = {name: value for name, value in values.items() if isinstance(value, list | tuple)}
    if not lists:
        return sql, values
    flat = {name: value for name, value in values.items() if name not in lists}
    for name, items in lists.items():
        names = [f"{name}_{number}" for number in range(len(items))]
        placeholders = ", ".join(f":{item}" for item in names) or "NULL"
        sql = re.sub(rf":{name}\b", lambda _, text=placeholders: f"({text})", sql)  # type: ignore[misc]
        flat.update(zip(names, items, strict=True))
    return sql, flat


def translate(error: Exception) -> Exception:
    """Return the error of ours that a driver's error means, or the error itself."""
    if isinstance(error, pymysql.err.Error | pymysql.err.Warning):
        code = error.args[0] if error.args and isinstance(error.args[0], int) else 0
        if code in _RETRY:
            return Conflict(str(error))
        if code in _DUPLICATE:
            return Duplicate(str(error))
        if code in _LOST or isinstance(error, pymysql.err.InterfaceError):
            return ConnectionLost("the connection to the database broke")
    if isinstance(error, sqlite3.IntegrityError) and "UNIQUE" in str(error):
        return Duplicate(str(error))
    if isinstance(error, sqlite3.OperationalError):
        if "locked" in str(error) or "busy" in str(error):
            return Conflict(str(error))
        if "unable to open" in str(error) or "disk I/O" in str(error):
            return DatabaseUnavailable(str(error))
    if isinstance(error, OSError | EOFError):
        return ConnectionLost("the connection to the database broke")
    if isinstance(error, RuntimeError) and "closed" in str(error).lower():
        return ConnectionLost("the connection to the database is closed")
    return error


type Also[T] = Callable[["Queries", T], Awaitable[None]]  # what a transaction does besides


class Queries:
    """Run statements on one connection. `sql` names its parameters `:name`."""

    def __init__(self, raw: Any, dialect: Dialect) -> None:
        self._raw = raw
        self._turn = asyncio.Lock()  # a connection runs one statement at a time
        self._waiting: list[str] = []  # statements that go with the next one
        self._new: list[tuple[int, NewId]] = []  # the ids that they make, by their places
        self._made = 0
        self.committed = False
        self.dialect: Dialect = dialect
        # What ends a SELECT whose rows nobody else is to change before the transaction ends. On
        # SQLite a transaction is the only one that writes.
        self.for_update = " FOR UPDATE" if dialect == "mysql" else ""

    async def _run(self, sql: str, values: Values) -> Answer:
        if any(isinstance(value, list | tuple) for value in values.values()):
            sql, values = _expand(sql, values)
        if self.dialect == "mysql":
            return (await self._send(mysql.statement(self._raw, sql, values)))[-1]
        async with self._turn:
            try:
                cursor = await self._raw.execute(sql, values)
                try:
                    columns = tuple(column[0] for column in cursor.description or ())
                    rows = await cursor.fetchall() if columns else []
                    return Answer(columns, rows, cursor.rowcount, cursor.lastrowid or 0)
                finally:
                    await cursor.close()
            except Exception as error:
                translated = translate(error)
                if translated is error:
                    raise
                raise translated from error

    async def _send(self, statement: str) -> list[Answer]:
        """Send MySQL what waits and a statement behind it; return the answers."""
        async with self._turn:
            if self._waiting:
                statement = ";".join([*self._waiting, statement])
                self._waiting.clear()
            try:
                answers = await mysql.run(self._raw, statement)
            except Exception as error:
                translated = translate(error)
                if translated is error:
                    raise
                raise translated from error
            for place, new in self._new:
                new.known = answers[place].insert_id
            self._new.clear()
            return answers

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
        if not answer.rows:
            return None
        made: T = _maker(row, answer.columns)(answer.rows[0])
        return made

    async def value(self, sql: str, values: Values = {}) -> Any:  # noqa: B006
        """Return the first column of the first row, or None."""
        answer = await self._run(sql, values)
        return answer.rows[0][0] if answer.rows else None

    async def execute(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run a statement and return how many rows it matched, on every engine."""
        return _count(await self._run(sql, values))

    async def insert(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run an INSERT and return the id that the engine gave the row."""
        return (await self._run(sql, values)).insert_id

    async def soon(self, sql: str, values: Values = {}) -> None:  # noqa: B006
        """Run a statement of a transaction together with the next one or with the commit, in one
        round trip where the engine is across a network. What it raises is raised there."""
        if self.dialect == "sqlite":
            await self._run(sql, values)
        else:
            sql, values = _expand(sql, values)
            self._waiting.append(mysql.statement(self._raw, sql, values))

    async def insert_soon(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run an INSERT as `soon` does and return what stands for its row's id in the statements
        behind it; `settled` tells the number once the transaction is through."""
        if self.dialect == "sqlite":
            return await self.insert(sql, values)
        self._made += 1
        new = NewId()
        new.variable = f"@new_{self._made}"
        self._new.append((len(self._waiting), new))
        await self.soon(sql, values)
        self._waiting.append(f"SET {new.variable} = LAST_INSERT_ID()")
        return new

    async def execute_many(self, sql: str, rows: Sequence[Values]) -> int:
        """Run a statement once for each mapping in `rows`, in bulk; return the rows affected."""
        if not rows:
            return 0
        if self.dialect == "mysql":
            statements = mysql.inserts(self._raw, sql, rows)
            return sum([(await self._send(text))[-1].affected for text in statements])
        async with self._turn:
            try:
                cursor = await self._raw.executemany(sql, rows)
                affected = int(cursor.rowcount)
                await cursor.close()
            except Exception as error:
                translated = translate(error)
                if translated is error:
                    raise
                raise translated from error
        return max(affected, 0)

    async def soon_many(self, sql: str, rows: Sequence[Values]) -> None:
        """Run a statement once for each of `rows`, in bulk, as `soon` does."""
        if self.dialect == "sqlite":
            await self.execute_many(sql, rows)
        else:
            self._waiting.extend(mysql.inserts(self._raw, sql, rows))

    async def counts(self, statements: Sequence[tuple[str, Values]]) -> list[int]:
        """Run statements in one round trip where the engine is across a network; return how many
        rows each of them found or matched."""
        if self.dialect == "sqlite":
            return [_count(await self._run(sql, values)) for sql, values in statements]
        for sql, values in statements:
            await self.soon(sql, values)
        last = self._waiting.pop()
        return [_count(answer) for answer in (await self._send(last))[-len(statements) :]]

    async def _begin(self) -> None:
        """Begin a transaction: on SQLite at once, elsewhere together with its first statement."""
        if self.dialect == "sqlite":
            await self._run("BEGIN IMMEDIATE", {})
        else:
            self._waiting.append("BEGIN")

    async def _commit(self) -> None:
        if self._waiting == ["BEGIN"]:
            self._waiting.clear()  # nothing happened
        else:
            await self._run("COMMIT", {})
        self.committed = True

    async def _undo(self) -> None:
        """Undo a transaction that failed."""
        begun = "BEGIN" not in self._waiting
        self._waiting.clear()
        self._new.clear()
        if begun:
            await self._run("ROLLBACK", {})


def settled(row_id: int) -> int:
    """Return the number of a row that was inserted soon, or any other id as it is."""
    return row_id.known if isinstance(row_id, NewId) else row_id


def _count(answer: Answer) -> int:
    return len(answer.rows) if answer.columns else max(answer.affected, 0)


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
