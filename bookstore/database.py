"""The database as the shop uses it: typed rows, affected-row counts, transactions that always
give their connection back, and retries where the engine asks for them.

`databases` owns the pool and the drivers (aiosqlite, aiomysql). Parameters are written `:name` for
every engine, a list or tuple expands to an IN list, and rows come back as the named tuples the
caller asks for.
"""

import asyncio
import re
import sqlite3
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import lru_cache
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import databases
import pymysql
from databases.interfaces import ConnectionBackend
from pymysql.constants import CLIENT

from bookstore import mysql
from bookstore.mysql import Answer

type Values = Mapping[str, Any]
type Dialect = Literal["sqlite", "mysql"]

_LOST = {2002, 2003, 2006, 2013, 2014, 2055, 1040, 1053, 1077, 1079, 1129, 1290, 1836, 1927, 3159}
_RETRY = {1205, 1213}  # lock wait timeout, deadlock
_DUPLICATE = {1062, 1586}
_LONGEST_REST = 60.0  # seconds


class DatabaseUnavailable(Exception):
    """The database does not answer, or no connection became free in time."""


class ConnectionLost(DatabaseUnavailable):
    """The connection broke under a statement; what became of the statement is unknown."""


class Conflict(Exception):
    """The engine gave this transaction up for another one; running it again may succeed."""


class Duplicate(Exception):
    """A row with the same unique value exists already."""


class SQLiteConnection(sqlite3.Connection):
    """A connection with the pragmas that concurrent readers and one writer need."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            self.execute("PRAGMA busy_timeout = 10000")
            self._write_ahead()
            self.execute("PRAGMA synchronous = NORMAL")
            self.execute("PRAGMA foreign_keys = ON")
            self.execute("PRAGMA temp_store = MEMORY")
        except sqlite3.Error:
            self.close()
            raise

    def _write_ahead(self) -> None:
        """Ask for WAL, again when refused: of several who open a new file, one gets it at once."""
        for attempt in range(200):
            try:
                self.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if attempt == 199:
                    raise
                time.sleep(0.01)


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


def _translate(error: Exception) -> Exception:
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


class Queries:
    """Run statements on one connection. `sql` names its parameters `:name`."""

    def __init__(self, raw: Any, dialect: Dialect) -> None:
        self._raw = raw
        self._turn = asyncio.Lock()  # a connection runs one statement at a time
        self._waiting: list[str] = []  # statements that go with the next one
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
                translated = _translate(error)
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
                return await mysql.run(self._raw, statement)
            except Exception as error:
                translated = _translate(error)
                if translated is error:
                    raise
                raise translated from error

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
                translated = _translate(error)
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

    async def _undo(self) -> None:
        """Undo a transaction that failed."""
        begun = "BEGIN" not in self._waiting
        self._waiting.clear()
        if begun:
            await self._run("ROLLBACK", {})


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


class Database:
    """One database and its bounded pool of connections."""

    def __init__(self, url: str, *, pool_size: int = 10, pool_timeout: float = 5.0) -> None:
        """`url` is sqlite:///FILE or mysql://USER:PASSWORD@HOST/NAME (?ssl=true, ?ssl_ca=FILE,
        ?unix_socket=FILE); `pool_timeout` is how many seconds a statement waits for a connection.
        """
        self.dialect: Dialect = "sqlite" if url.startswith("sqlite") else "mysql"
        self._databases = _make(url, self.dialect, pool_size)
        self._slots = asyncio.Semaphore(pool_size)
        self._timeout = pool_timeout
        # Connections at rest and since when. The pools' own ways are longer: on SQLite opening one
        # starts a thread, on MySQL giving one back starts a task.
        self._idle: list[tuple[ConnectionBackend, float]] = []
        self._closing: set[asyncio.Future[None]] = set()  # that opened after their caller left
        self.in_use = 0
        self.waiting = 0

    async def connect(self) -> None:
        """Make the pool. It opens connections as they are needed: a database that is away now
        does not stop the shop from starting."""
        await self._databases.connect()

    async def disconnect(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._idle.pop()[0].release()
        if self._closing:
            await asyncio.wait(self._closing)
        await self._databases.disconnect()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Queries]:
        """Hold one connection for several statements, without a transaction."""
        async with self._held() as backend:
            yield Queries(backend.raw_connection, self.dialect)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Queries]:
        """Run statements that take effect together; an exception undoes them all.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE). Use the object it gives;
        statements on the database itself run outside of the transaction.
        """
        async with self._held() as backend:
            queries = Queries(backend.raw_connection, self.dialect)
            await queries._begin()
            try:
                yield queries
                await queries._commit()
            except BaseException:
                await self._undo(backend, queries)
                raise

    async def in_transaction[T](
        self, work: Callable[[Queries], Awaitable[T]], *, attempts: int = 6
    ) -> T:
        """Run `work` in a transaction, and again from its start when the engine chose it as the
        victim of a deadlock or a lock wait ran out. `work` must have no other effect than its
        statements."""
        for attempt in range(1, attempts + 1):
            try:
                async with self.transaction() as queries:
                    return await work(queries)
            except Conflict as error:
                if attempt == attempts:
                    raise DatabaseUnavailable(
                        f"the transaction met a conflict {attempts} times"
                    ) from error
                await asyncio.sleep(0.01 * 2**attempt)
        raise AssertionError("unreachable")

    async def all[T: tuple[Any, ...]](self, row: type[T], sql: str, values: Values = {}) -> list[T]:  # noqa: B006
        """Return every row as the named tuple `row`. See Queries.all."""
        return await self._read(lambda queries: queries.all(row, sql, values))

    async def one[T: tuple[Any, ...]](
        self,
        row: type[T],
        sql: str,
        values: Values = {},  # noqa: B006
    ) -> T | None:
        """Return the first row as the named tuple `row`, or None."""
        return await self._read(lambda queries: queries.one(row, sql, values))

    async def value(self, sql: str, values: Values = {}) -> Any:  # noqa: B006
        """Return the first column of the first row, or None."""
        return await self._read(lambda queries: queries.value(sql, values))

    async def execute(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run one statement by itself and return how many rows it matched."""
        async with self.connection() as queries:
            return await queries.execute(sql, values)

    async def insert(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run one INSERT by itself and return the id that the engine gave the row."""
        async with self.connection() as queries:
            return await queries.insert(sql, values)

    async def _read[T](self, query: Callable[[Queries], Awaitable[T]]) -> T:
        """Run a query, once more when the pooled connection turned out to be dead."""
        try:
            async with self.connection() as queries:
                return await query(queries)
        except ConnectionLost:
            async with self.connection() as queries:
                return await query(queries)

    @asynccontextmanager
    async def _held(self) -> AsyncIterator[ConnectionBackend]:
        """Wait for a slot, at most the pool's timeout, and give the connection back whatever
        happens, a cancelled task included."""
        backend = await self._acquire()
        self.in_use += 1
        try:
            yield backend
        finally:
            self.in_use -= 1
            try:
                if self._rests(backend):
                    self._idle.append((backend, time.monotonic()))
                else:
                    await asyncio.shield(asyncio.ensure_future(_give_up(backend)))
            finally:
                self._slots.release()

    async def _acquire(self) -> ConnectionBackend:
        self.waiting += 1
        try:
            async with asyncio.timeout(self._timeout):
                await self._slots.acquire()
                try:
                    while self._idle:
                        resting, since = self._idle.pop()
                        if self._lives(resting, since):
                            return resting
                        await _give_up(resting)
                    backend = await self._opened()
                except BaseException:
                    self._slots.release()
                    raise
                return backend
        except TimeoutError as error:
            raise DatabaseUnavailable(
                f"no database connection became free within {self._timeout:g} s"
            ) from error
        except DatabaseUnavailable:
            raise
        except Exception as error:
            translated = _translate(error)
            raise (
                DatabaseUnavailable(str(error)) if translated is error else translated
            ) from error
        finally:
            self.waiting -= 1

    async def _opened(self) -> ConnectionBackend:
        """Open a connection. The driver would lose one that opens after its caller was cancelled;
        here it is closed as soon as it is open."""
        backend: ConnectionBackend = self._databases._backend.connection()
        opening = asyncio.ensure_future(backend.acquire())
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            closing = asyncio.ensure_future(_give_up_once(opening, backend))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            raise
        return backend

    def _rests(self, backend: ConnectionBackend) -> bool:
        """Tell whether a connection can serve the next one: it is open and in no transaction."""
        raw = backend.raw_connection
        if self.dialect == "sqlite":
            return not raw.in_transaction
        return not raw.closed and not raw.get_transaction_status()

    def _lives(self, backend: ConnectionBackend, since: float) -> bool:
        """Tell whether a connection at rest since then is still good: the server did not close it
        meanwhile, and it is not so old that something on the way may have forgotten it."""
        if self.dialect == "sqlite":
            return True
        raw = backend.raw_connection
        alive = (
            time.monotonic() - since < _LONGEST_REST
            and not raw._reader.at_eof()
            and raw._reader.exception() is None
        )
        if not alive:
            raw.close()
        return alive

    async def _undo(self, backend: ConnectionBackend, queries: Queries) -> None:
        """End a transaction that failed. The driver closes a connection whose statement was
        cancelled or broke, which undoes its work on the server as well."""
        if self.dialect == "mysql" and backend.raw_connection.closed:
            return
        with suppress(Exception):
            await asyncio.shield(asyncio.ensure_future(queries._undo()))


async def _give_up_once(opening: asyncio.Future[None], backend: ConnectionBackend) -> None:
    """Give a connection back as soon as it is open."""
    await asyncio.wait([opening])
    if opening.exception() is None:
        await _give_up(backend)


async def _give_up(backend: ConnectionBackend) -> None:
    """Give a connection back to the pool, which drops it if it is closed."""
    with suppress(Exception):  # a broken connection has nothing left to give back
        await backend.release()


def _make(url: str, dialect: Dialect, pool_size: int) -> databases.Database:
    if dialect == "sqlite":
        return databases.Database(url, factory=SQLiteConnection, timeout=10.0)
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    options: dict[str, Any] = {}
    ca = query.pop("ssl_ca", None)
    if query.pop("ssl", "false").lower() == "true" or ca:
        options["ssl"] = ssl.create_default_context(cafile=ca)
    return databases.Database(
        urlunsplit(parts._replace(query=urlencode(query))),
        min_size=0,
        max_size=pool_size,
        pool_recycle=1800,
        charset="utf8mb4",
        connect_timeout=3,
        client_flag=CLIENT.FOUND_ROWS,  # an UPDATE to the same value counts as matched
        init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        **options,
    )
