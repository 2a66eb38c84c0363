"""The database as the shop uses it: a pool, transactions that always give their connection back,
and retries where the engine asks for them. `databases` owns the drivers (aiosqlite, aiomysql,
asyncmy).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any, NamedTuple

from databases.interfaces import ConnectionBackend

from bookstore.data import mysql, sqlite
from bookstore.data.errors import Conflict, ConnectionLost, DatabaseUnavailable
from bookstore.data.queries import Dialect, Queries, Values

# On MySQL a connection is asked whether it lives after so many seconds of rest, and is closed
# after so many.
_UNQUESTIONED_REST = 0.1
_LONGEST_REST = 60.0


class _AtRest(NamedTuple):
    backend: ConnectionBackend
    since: float


class Database:
    """One database and its bounded pool of connections."""

    def __init__(self, url: str, *, pool_size: int = 10, pool_timeout: float = 5.0) -> None:
        """`url` is sqlite:///FILE or mysql://USER:PASSWORD@HOST/NAME (?ssl=true, ?ssl_ca=FILE,
        ?unix_socket=FILE); `pool_timeout` is how many seconds a statement waits for a connection.
        """
        self.dialect: Dialect = "sqlite" if url.startswith("sqlite") else "mysql"
        if self.dialect == "sqlite":
            self._backend, self._translate = sqlite.backend(url), sqlite.translate
        else:
            self._backend, self._translate = mysql.backend(url, pool_size), mysql.translate
        self._encrypted = self.dialect == "mysql" and mysql.without_tls(url)[1] is not None
        self._slots = asyncio.Semaphore(pool_size)
        self._timeout = pool_timeout
        # Connections at rest, the latest last. The libraries' own ways are longer: on SQLite
        # opening one starts a thread, on MySQL giving one back starts a task.
        self._idle: list[_AtRest] = []
        self._closing: set[asyncio.Future[None]] = set()  # that opened after their caller left
        self.in_use = 0
        self.waiting = 0

    async def connect(self) -> None:
        """Make the pool. It opens connections as they are needed: a database that is away now
        does not stop the shop from starting."""
        await self._backend.connect()

    async def disconnect(self) -> None:
        """Close every connection."""
        await self._drop_idle()
        if self._closing:
            await asyncio.wait(self._closing)
        await self._backend.disconnect()

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
        self.waiting += 1
        try:
            async with asyncio.timeout(self._timeout):
                await self._slots.acquire()
                try:
                    return await self._rested() or await self._opened()
                except BaseException:
                    self._slots.release()
                    raise
        except TimeoutError as error:
            raise DatabaseUnavailable(
                f"no database connection became free within {self._timeout:g} s"
            ) from error
        except DatabaseUnavailable:
            raise
        except Exception as error:
            translated = self._translate(error)
            raise (
                DatabaseUnavailable(str(error)) if translated is error else translated
            ) from error
        finally:
            self.waiting -= 1

    async def _rested(self) -> ConnectionBackend | None:
        """Return the connection that has rested for the shortest time, if it is still good."""
        if not self._idle:
            return None
        backend, since = self._idle.pop()
        rest = monotonic() - since
        if self.dialect == "sqlite" or rest < _UNQUESTIONED_REST:
            return backend
        try:
            if rest < _LONGEST_REST:
                await backend.raw_connection.ping(reconnect=False)
                return backend
        except BaseException as error:
            await self._close(backend)
            if not isinstance(error, Exception):
                raise
        else:
            await self._close(backend)
        await self._drop_idle()  # they have rested for longer
        return None

    async def _opened(self) -> ConnectionBackend:
        """Open a connection. The driver would lose one that opens after its caller was cancelled;
        here it is closed as soon as it is open."""
        backend = self._backend.connection()
        opening = asyncio.ensure_future(self._open(backend))
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            closing = asyncio.ensure_future(self._close_once_open(opening, backend))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            raise
        return backend

    async def _open(self, backend: ConnectionBackend) -> None:
        await backend.acquire()
        # aiomysql goes on in the clear when the server, or somebody on the way, offers no TLS.
        if self._encrypted and not await mysql.cipher(backend.raw_connection):
            await self._close(backend)
            raise DatabaseUnavailable(
                "the database does not encrypt, although its URL asks for it"
                " (?ssl=true or ?ssl_ca=FILE)"
            )

    async def _close_once_open(
        self, opening: asyncio.Future[None], backend: ConnectionBackend
    ) -> None:
        await asyncio.wait([opening])
        if opening.exception() is None:
            await self._close(backend)

    async def _release(self, backend: ConnectionBackend, queries: Queries) -> None:
        """Let a connection rest, or close it when something on it was cut off."""
        try:
            if queries.broken or self._in_transaction(backend):
                await asyncio.shield(asyncio.ensure_future(self._close(backend)))
            else:
                self._idle.append(_AtRest(backend, monotonic()))
            if queries.lost:  # so are those that were opened before, most likely
                await asyncio.shield(asyncio.ensure_future(self._drop_idle()))
        finally:
            self._slots.release()

    def _in_transaction(self, backend: ConnectionBackend) -> bool:
        raw = backend.raw_connection
        return bool(
            raw.in_transaction if self.dialect == "sqlite" else raw.get_transaction_status()
        )

    async def _drop_idle(self) -> None:
        while self._idle:
            await self._close(self._idle.pop().backend)

    async def _close(self, backend: ConnectionBackend) -> None:
        """Close a connection, and tell the driver's pool so."""
        if self.dialect == "mysql":
            backend.raw_connection.close()
        with suppress(Exception):  # a broken connection has nothing left to give back
            await backend.release()

    async def _undo(self, queries: Queries) -> None:
        """End a transaction that failed. A connection whose statement was cut off is closed, which
        undoes its work on the server as well."""
        if not queries.broken:
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
        self._queries = Queries(self._backend.raw_connection, self._database.dialect)
        return self._queries

    async def __aexit__(self, *_failure: object) -> None:
        self._database.in_use -= 1
        await self._database._release(self._backend, self._queries)
