"""The database as the shop uses it: a bounded pool, transactions that always give their connection
back, retries where the engine asks for them, and shares of the pool that keep one locked row from
everybody else. `databases` owns the drivers (aiosqlite, aiomysql, asyncmy).
"""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from time import monotonic
from typing import Any

from databases.interfaces import ConnectionBackend

from bookstore.data import deadline
from bookstore.data.errors import (
    Busy,
    Conflict,
    ConnectionLost,
    DatabaseUnavailable,
    LockWait,
    ReadOnly,
    Undone,
)
from bookstore.data.queries import Engine, Queries, Select, Values

_PATIENCE = 8.0  # seconds for which a transaction is tried again
_MOMENT = {
    "mysql": "SELECT TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(3)) DIV 1000",
    "sqlite": "SELECT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
}
_FAREWELL = 5.0  # seconds for which closing waits for connections in use
_CONTENDED = 5.0  # seconds for which work counts as contended after it waited for a lock in vain


class Database:
    """One database and its bounded pool of connections."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        pool_timeout: float = 5.0,
        engine: Engine | None = None,
    ) -> None:
        """`url` is sqlite:///FILE, mysql://USER:PASSWORD@HOST/NAME or mysql+asyncmy://…
        (?ssl=true, ?ssl_ca=FILE, ?unix_socket=FILE); `pool_timeout` is how many seconds a statement
        waits for a connection; the engine is the one that the URL names, unless it is given."""
        self._engine = engine or _engine(url, pool_size)
        self.dialect = self._engine.dialect
        self.packs = self._engine.packs
        self._timeout = pool_timeout
        # What writes leaves a quarter of the pool to what only reads, and what waited for a lock in
        # vain goes on in a quarter of it: whoever needs no locked row finds a connection.
        share = max(pool_size // 4, 1)
        self._size = pool_size
        self._slots = asyncio.Semaphore(pool_size)
        self._writers = asyncio.Semaphore(max(pool_size - share, 1))
        self._blocked = asyncio.Semaphore(share)
        self._contended: dict[str, float] = {}  # the name of work -> until when it counts as such
        self._closed = False
        self.in_use = 0
        self.waiting = 0

    async def connect(self) -> None:
        """Make the pool. It opens connections as they are needed: a database that is away now
        does not stop the shop from starting."""
        await self._engine.connect()
        self._closed = False

    async def disconnect(self) -> None:
        """Close every connection, those in use once they are given back: that is waited for, but
        not for long. Nobody gets one any more."""
        self._closed = True
        ends = monotonic() + _FAREWELL
        async with AsyncExitStack() as everything:
            with suppress(TimeoutError):
                async with asyncio.timeout(_FAREWELL):
                    for _each in range(self._size):
                        await everything.enter_async_context(self._slots)
            with suppress(TimeoutError):
                async with asyncio.timeout(max(ends - monotonic(), 1)):
                    await self._engine.disconnect()

    def connection(self) -> "_Held":
        """Hold one connection for several statements that read, without a transaction."""
        return _Held(self, writes=False)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Queries]:
        """Run statements that take effect together; an exception undoes them all.

        On SQLite it takes the write lock at once (BEGIN IMMEDIATE). Use the object it gives;
        statements on the database itself run outside of the transaction.
        """
        async with _Held(self, writes=True) as queries:
            await queries._begin()
            try:
                yield queries
                await queries._commit()
            except BaseException as error:
                await self._undo(queries)
                if type(error) is ConnectionLost and queries.broken and not queries.committing:
                    raise Undone(str(error)) from error
                raise

    async def in_transaction[T](self, work: Callable[[Queries], Awaitable[T]]) -> T:
        """Run `work` in a transaction, and again from its start when the engine chose it as the
        victim of a deadlock or a lock was not to be had, and once when its connection broke before
        the commit was sent. `work` must have no other effect than its statements. Raises Busy when
        that goes on for too long."""

        async def once() -> T:
            async with self.transaction() as queries:
                return await work(queries)

        return await self._persist(getattr(work, "__qualname__", ""), once)

    async def all[T: tuple[Any, ...]](self, row: type[T], sql: str, values: Values = {}) -> list[T]:  # noqa: B006
        """Return every row as the named tuple `row`. See Queries.all."""
        return await self.read(lambda queries: queries.all(row, sql, values))

    async def one[T: tuple[Any, ...]](
        self,
        row: type[T],
        sql: str,
        values: Values = {},  # noqa: B006
    ) -> T | None:
        """Return the first row as the named tuple `row`, or None."""
        return await self.read(lambda queries: queries.one(row, sql, values))

    async def value(self, sql: str, values: Values = {}) -> Any:  # noqa: B006
        """Return the first column of the first row, or None."""
        return await self.read(lambda queries: queries.value(sql, values))

    async def moment(self) -> int:
        """Return what the database's clock shows, in milliseconds since 1970."""
        return int(await self.value(_MOMENT[self.dialect]))

    async def together(self, *selects: Select) -> list[list[Any]]:
        """Return the rows of several SELECTs, asked at once. See Queries.together."""
        return await self.read(lambda queries: queries.together(*selects))

    async def execute(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run one statement by itself and return how many rows it matched."""

        async def once() -> int:
            async with _Held(self, writes=True) as queries:
                return await queries.execute(sql, values)

        return await self._persist(sql, once)

    async def insert(self, sql: str, values: Values = {}) -> int:  # noqa: B006
        """Run one INSERT by itself and return the id that the engine gave the row."""

        async def once() -> int:
            async with _Held(self, writes=True) as queries:
                return await queries.insert(sql, values)

        return await self._persist(sql, once)

    async def read[T](self, query: Callable[[Queries], Awaitable[T]]) -> T:
        """Run what only reads on one connection, once more when that turned out to be dead."""
        try:
            async with self.connection() as queries:
                return await query(queries)
        except ConnectionLost:
            async with self.connection() as queries:
                return await query(queries)

    async def _persist[T](self, name: str, once: Callable[[], Awaitable[T]]) -> T:
        """Do something that changes nothing unless it succeeds, until it does or time is up."""
        ends = monotonic() + deadline.left(_PATIENCE)
        tries = 0
        undone = False
        while True:
            try:
                if self._contended.get(name, 0.0) <= monotonic():
                    return await once()
                async with self._share(ends):
                    return await once()
            except ReadOnly:  # by a connection to a server that was the writer once
                if tries >= 3:
                    raise
            except Undone:
                if undone:
                    raise
                undone = True
            except Conflict as error:
                if isinstance(error, LockWait):
                    self._note_contended(name)
                if monotonic() >= ends:
                    raise Busy("somebody else kept a row locked for too long") from error
            tries += 1
            await asyncio.sleep(random.uniform(0.5, 1) * min(0.01 * 2**tries, 0.3))  # noqa: S311

    @asynccontextmanager
    async def _share(self, ends: float) -> AsyncIterator[None]:
        """Let work that counts as contended wait for its share of the pool."""
        try:
            async with asyncio.timeout(max(ends - monotonic(), 0)):
                await self._blocked.acquire()
        except TimeoutError as error:
            raise Busy("too many wait for a row that somebody else keeps locked") from error
        try:
            yield
        finally:
            self._blocked.release()

    def _note_contended(self, name: str) -> None:
        now = monotonic()
        self._contended = {work: until for work, until in self._contended.items() if until > now}
        self._contended[name] = now + _CONTENDED

    async def _acquire(self, *, writes: bool) -> ConnectionBackend:
        """Wait for a slot, at most the pool's timeout, and take a connection."""
        self._require_open()
        free = not (self._slots.locked() or (writes and self._writers.locked()))
        if free and (at_hand := self._engine.at_hand()):  # there is nothing to wait for
            await self._slots.acquire()
            if writes:
                await self._writers.acquire()
            return at_hand
        wait = deadline.left(self._timeout)
        self.waiting += 1
        try:
            async with asyncio.timeout(wait):
                if writes:
                    await self._writers.acquire()
                try:
                    await self._slots.acquire()
                    try:
                        self._require_open()
                        connection = await self._engine.acquire()
                        if self._closed:
                            await self._engine.release(connection, broken=True)
                            self._require_open()
                        return connection
                    except BaseException:
                        self._slots.release()
                        raise
                except BaseException:
                    if writes:
                        self._writers.release()
                    raise
        except TimeoutError as error:
            raise DatabaseUnavailable(
                f"no database connection became free within {wait:g} s"
            ) from error
        except DatabaseUnavailable:
            raise
        except Exception as error:
            translated = self._engine.translate(error)
            raise (
                translated
                if isinstance(translated, DatabaseUnavailable)
                else DatabaseUnavailable(str(error))
            ) from error
        finally:
            self.waiting -= 1

    def _require_open(self) -> None:
        if self._closed:
            raise DatabaseUnavailable("the connections to the database are closed")

    async def _release(self, connection: ConnectionBackend, *, broken: bool, writes: bool) -> None:
        try:
            await self._engine.release(connection, broken=broken or self._closed)
        finally:
            self._slots.release()
            if writes:
                self._writers.release()

    async def _undo(self, queries: Queries) -> None:
        """End a transaction that failed. A connection whose statement was cut off is closed, which
        undoes its work on the server as well."""
        if queries.broken:
            return
        try:
            with suppress(Exception):
                await asyncio.shield(asyncio.ensure_future(queries._undo()))
        except BaseException:  # cancelled: it goes on, and nobody else may use the connection
            queries.broken = True
            raise


def _engine(url: str, pool_size: int) -> Engine:
    """Return the engine that a URL names; only the chosen one costs time and memory."""
    if url.startswith("sqlite"):
        from bookstore.data import sqlite

        return sqlite.Connections(url)
    from bookstore.data import mysql

    return mysql.Connections(url, pool_size)


class _Held:
    """A connection for the length of a block. It is given back whatever happens, a cancelled task
    included."""

    def __init__(self, database: Database, *, writes: bool) -> None:
        self._database = database
        self._writes = writes

    async def __aenter__(self) -> Queries:
        self._backend = await self._database._acquire(writes=self._writes)
        self._database.in_use += 1
        self._queries = Queries(self._backend.raw_connection, self._database._engine)
        return self._queries

    async def __aexit__(self, *_failure: object) -> None:
        self._database.in_use -= 1
        usable = self._queries._end()
        await self._database._release(self._backend, broken=not usable, writes=self._writes)
