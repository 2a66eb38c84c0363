"""SQLite as several readers and one writer need it."""

import asyncio
import sqlite3
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Literal

from databases.backends.sqlite import SQLiteBackend
from databases.interfaces import ConnectionBackend

from bookstore.data.answer import Answer
from bookstore.data.errors import (
    ConnectionLost,
    DatabaseUnavailable,
    Duplicate,
    LockWait,
    ReadOnly,
)

_LOCK_WAIT = 1.0  # seconds


class SQLiteConnection(sqlite3.Connection):
    """A connection with the pragmas that concurrent readers and one writer need."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            self.execute(f"PRAGMA busy_timeout = {round(_LOCK_WAIT * 1000)}")
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


class Connections:
    """Connections to a file. They stay open: opening one starts a thread and asks for pragmas."""

    dialect: Literal["sqlite"] = "sqlite"
    packs = False  # see Wide
    error = sqlite3.Error  # what the database itself has to say

    def __init__(self, url: str) -> None:
        self._backend = SQLiteBackend(url, factory=SQLiteConnection, timeout=_LOCK_WAIT)
        self._idle: list[ConnectionBackend] = []
        self._closing: set[asyncio.Future[None]] = set()  # that opened after their caller left

    async def connect(self) -> None:
        """Make the pool; it opens connections as they are needed."""
        await self._backend.connect()

    async def disconnect(self) -> None:
        """Close every connection."""
        while self._idle:
            await self._idle.pop().release()
        if self._closing:
            await asyncio.wait(self._closing)
        await self._backend.disconnect()

    def at_hand(self) -> ConnectionBackend | None:
        """Return a connection that is open already, if there is one."""
        return self._idle.pop() if self._idle else None

    async def acquire(self) -> ConnectionBackend:
        """Return a connection that is open. The driver would lose one that opens after its caller
        was cancelled; here it is closed as soon as it is open."""
        if at_hand := self.at_hand():
            return at_hand
        connection = self._backend.connection()
        opening = asyncio.ensure_future(connection.acquire())
        try:
            await asyncio.shield(opening)
        except asyncio.CancelledError:
            closing = asyncio.ensure_future(_close_once_open(opening, connection))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
            raise
        return connection

    async def release(self, connection: ConnectionBackend, *, broken: bool) -> None:
        """Give a connection back. One that is broken, or in a transaction, is closed."""
        if not broken and not connection.raw_connection.in_transaction:
            self._idle.append(connection)
            return
        with suppress(Exception):  # a broken connection has nothing left to give back
            await asyncio.shield(asyncio.ensure_future(connection.release()))

    async def run(
        self, raw: Any, statements: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[Answer]:
        """Run statements with their values, one by one; return what became of each."""
        return [await self._run(raw, sql, values) for sql, values in statements]

    async def _run(self, raw: Any, sql: str, values: Mapping[str, Any]) -> Answer:
        cursor = await raw.execute(sql, values)
        try:
            if cursor.description is None:
                return Answer((), (), cursor.rowcount, cursor.lastrowid or 0)
            rows = await cursor.fetchall()
            return Answer(tuple([column[0] for column in cursor.description]), rows, len(rows), 0)
        finally:
            await cursor.close()

    async def run_many(self, raw: Any, sql: str, rows: Sequence[Mapping[str, Any]]) -> int:
        """Run one statement with each of many rows; return how many it affected."""
        cursor = await raw.executemany(sql, rows)
        try:
            return int(cursor.rowcount)
        finally:
            await cursor.close()

    def translate(self, error: Exception) -> Exception:
        """Return the error of ours that an error of the driver means, or the error itself."""
        if isinstance(error, sqlite3.IntegrityError) and "UNIQUE" in str(error):
            return Duplicate(str(error))
        if isinstance(error, sqlite3.OperationalError):
            if "locked" in str(error) or "busy" in str(error):
                return LockWait(str(error))
            if "readonly" in str(error):
                return ReadOnly("the database takes no writes at the moment")
            if "unable to open" in str(error) or "disk I/O" in str(error):
                return DatabaseUnavailable(str(error))
        if (
            isinstance(error, ValueError | sqlite3.ProgrammingError)
            and "closed" in str(error).lower()
        ):
            return ConnectionLost("the connection to the database is closed")
        return error


async def _close_once_open(opening: asyncio.Future[None], connection: ConnectionBackend) -> None:
    await asyncio.wait([opening])
    if opening.exception() is None:
        await connection.release()
