"""The database as the shop uses it: a pool, transactions that always give their connection back,
and retries where the engine asks for them. `databases` owns the drivers (aiosqlite, aiomysql).
"""

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import databases
from databases.interfaces import ConnectionBackend
from pymysql.constants import CLIENT

from bookstore.data.queries import (
    Conflict,
    ConnectionLost,
    DatabaseUnavailable,
    Dialect,
    Queries,
    Values,
    translate,
)
from bookstore.data.sqlite import SQLiteConnection

_LONGEST_REST = 60.0  # seconds


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

    def connection(self) -> "_Held":
        """Hold one connection for several statements, without a transaction."""
        return _Held(self)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Queries]:
        """Run statements that take effect together; an exception undoes them all.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE). Use the object it gives;
        statements on the database itself run outside of the transaction.
        """
        async with self.connection() as queries:
            await queries._begin()
            try:
                yield queries
                await queries._commit()
            except BaseException:
                await self._undo(queries)
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

    async def _acquire(self) -> ConnectionBackend:
        """Wait for a slot, at most the pool's timeout, and take a connection."""
        if self._idle and not self._slots.locked():
            resting, since = self._idle.pop()
            if self._lives(resting, since):
                await self._slots.acquire()  # one is free: this does not wait
                return resting
            await _give_up(resting)
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
            translated = translate(error)
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

    async def _release(self, backend: ConnectionBackend) -> None:
        try:
            if self._rests(backend):
                self._idle.append((backend, time.monotonic()))
            else:
                await asyncio.shield(asyncio.ensure_future(_give_up(backend)))
        finally:
            self._slots.release()

    async def _undo(self, queries: Queries) -> None:
        """End a transaction that failed. The driver closes a connection whose statement was
        cancelled or broke, which undoes its work on the server as well."""
        if self.dialect == "mysql" and queries._raw.closed:
            return
        with suppress(Exception):
            await asyncio.shield(asyncio.ensure_future(queries._undo()))


class _Held:
    """A connection for the length of a block. It is given back whatever happens, a cancelled task
    included."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def __aenter__(self) -> Queries:
        self._backend = await self._database._acquire()
        self._database.in_use += 1
        return Queries(self._backend.raw_connection, self._database.dialect)

    async def __aexit__(self, *_failure: object) -> None:
        self._database.in_use -= 1
        await self._database._release(self._backend)


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
