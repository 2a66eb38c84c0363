"""SQLite on the simulated loop: real SQL, without a thread, over a network that loses answers."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, cast

from databases.interfaces import ConnectionBackend

from bookstore.data import sqlite
from loadtest.simulation.process import Process
from loadtest.simulation.virtual import EPOCH, clock

LOCK_WAIT = 1.0  # seconds, as the shop's own connections wait
_LOOK = 0.001

type Rewrite = Callable[[str], str]


class Faults:
    """What the network to the database does, by chance, while it lasts."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.on = False
        self.cut = 0.0004  # share of statements whose connection ends, before or after their effect
        self.kill = 0.0001  # share of statements at which their process dies, before or after
        self.killed: Callable[[Process], None] = lambda process: None
        self.told: Callable[[str], None] = lambda line: None

    async def pass_by(self, process: Process) -> None:
        """Let a message take its time, or never arrive."""
        await asyncio.sleep(self.chance.expovariate(2000))
        if self.on:
            roll = self.chance.random()
            if roll < self.kill:
                self.killed(process)
            elif roll < self.kill + self.cut:
                raise sqlite3.ProgrammingError("the connection was closed by the network")
        await process.live()


def _julian_day(_: str) -> float:
    return (EPOCH + clock.elapsed) / 86_400 + 2_440_587.5


class Cursor:
    """An answer, which has come whole."""

    def __init__(self, found: sqlite3.Cursor) -> None:
        self.description = found.description
        self.rowcount = found.rowcount
        self.lastrowid = found.lastrowid
        self._rows = found.fetchall() if found.description is not None else []

    async def fetchall(self) -> list[Any]:
        """Return its rows."""
        return self._rows

    async def close(self) -> None:
        """Do nothing: there is nothing left to come."""


class Raw:
    """A connection as the driver gives it."""

    def __init__(self, file: Path, process: Process, faults: Faults, rewrite: Rewrite) -> None:
        self._process = process
        self._faults = faults
        self._rewrite = rewrite
        self._connection = sqlite3.connect(
            file, isolation_level=None, factory=sqlite.SQLiteConnection, check_same_thread=False
        )
        # A database shows the right time, whatever the clock of the process that asks does.
        self._connection.create_function("julianday", 1, _julian_day)
        self._connection.execute("PRAGMA busy_timeout = 0")
        self._connection.execute("PRAGMA synchronous = OFF")

    @property
    def in_transaction(self) -> bool:
        """Tell whether a transaction is open."""
        return self._connection.in_transaction

    async def execute(self, sql: str, values: Mapping[str, Any]) -> Cursor:
        """Run a statement."""
        made = self._rewrite(sql)
        return await self._ask(lambda: self._connection.execute(made, values), made)

    async def executemany(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> Cursor:
        """Run a statement once with each of many rows."""
        made = self._rewrite(sql)
        return await self._ask(lambda: self._connection.executemany(made, rows), made)

    async def _ask(self, run: Callable[[], sqlite3.Cursor], sql: str) -> Cursor:
        await self._pass_by()
        answer = Cursor(await self._run(run))
        self._faults.told(f"{self._process.name} {sql[:60]} {answer.rowcount}")
        await self._pass_by()
        return answer

    async def _pass_by(self) -> None:
        try:
            await self._faults.pass_by(self._process)
        except sqlite3.Error:
            self.close()
            raise

    async def _run(self, run: Callable[[], sqlite3.Cursor]) -> sqlite3.Cursor:
        """Run something, waiting for the only writer where that is somebody else."""
        waits = asyncio.get_running_loop().time() + LOCK_WAIT
        while True:
            try:
                return run()
            except sqlite3.OperationalError as error:
                late = asyncio.get_running_loop().time() > waits
                if late or "locked" not in str(error):
                    raise
            await asyncio.sleep(_LOOK)
            await self._process.live()

    def close(self) -> None:
        """End the connection: the server undoes what was not committed."""
        self._connection.close()


class Backend:
    """A connection as the pool keeps it."""

    def __init__(self, raw: Raw) -> None:
        self.raw_connection = raw


class Connections(sqlite.Connections):
    """The connections of one process to the database; its death ends them."""

    def __init__(self, file: Path, process: Process, faults: Faults, rewrite: Rewrite) -> None:
        super().__init__(f"sqlite:///{file}")
        self._file, self._process, self._faults = file, process, faults
        self._rewrite = rewrite
        self._open: list[Raw] = []
        self._free: list[ConnectionBackend] = []

    async def connect(self) -> None:
        """Make the pool."""

    async def disconnect(self) -> None:
        """Close every connection."""
        self.end()

    async def acquire(self) -> ConnectionBackend:
        """Return a connection that is open."""
        await self._process.live()
        if self._free:
            return self._free.pop()
        await self._faults.pass_by(self._process)
        raw = Raw(self._file, self._process, self._faults, self._rewrite)
        self._open.append(raw)
        return cast(ConnectionBackend, Backend(raw))

    async def release(self, connection: ConnectionBackend, *, broken: bool) -> None:
        """Give a connection back; one that is broken, or in a transaction, is closed."""
        raw = cast(Raw, connection.raw_connection)
        if raw not in self._open:
            return
        if not broken and not raw.in_transaction:
            self._free.append(connection)
            return
        self._open.remove(raw)
        raw.close()

    def end(self) -> None:
        """Close them all, as the server does when their process is gone."""
        for raw in self._open:
            raw.close()
        self._open, self._free = [], []
