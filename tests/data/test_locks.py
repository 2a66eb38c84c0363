"""Rows that somebody keeps locked, clients that fall silent, and servers that take no writes."""

import asyncio
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import pytest

from bookstore.data import deadline, mysql
from bookstore.data.database import Database
from bookstore.data.queries import (
    Busy,
    DatabaseUnavailable,
    Queries,
    ReadOnly,
)
from tests.data.conftest import fill
from tests.support.mariadb import MariaDB

pytestmark = pytest.mark.mariadb


@pytest.fixture
async def db(mysql_url: str) -> AsyncIterator[Database]:
    """A pool of four connections to MariaDB."""
    database = Database(mysql_url, pool_size=4)
    await database.connect()
    await fill(database)
    yield database
    await database.disconnect()


@contextmanager
def locked(mariadb: MariaDB, book_id: int) -> Iterator[None]:
    """Let somebody else keep a book's row locked for the length of the block."""
    with mariadb.connect("traps") as other, other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"SELECT * FROM books WHERE id = {book_id} FOR UPDATE")
        yield
        cursor.execute("ROLLBACK")


async def sell(queries: Queries) -> None:
    await queries.execute("UPDATE books SET stock = stock - 1 WHERE id = 1")


async def test_a_locked_row_is_waited_for_without_keeping_others_waiting(
    db: Database, mariadb: MariaDB
) -> None:
    slowest = 0.0
    with locked(mariadb, 1):
        buyers = [asyncio.ensure_future(db.in_transaction(sell)) for _buyer in range(8)]
        until = time.monotonic() + 4
        while time.monotonic() < until:
            await asyncio.sleep(0.05)
            asked = time.monotonic()
            assert await db.value("SELECT stock FROM books WHERE id = 2") >= 0
            reading = time.monotonic() - asked
            await db.execute("UPDATE books SET stock = stock WHERE id = 2")
            slowest = max(slowest, time.monotonic() - asked)
            assert reading < 0.5
    await asyncio.gather(*buyers)
    assert await db.value("SELECT stock FROM books WHERE id = 1") == 2
    assert slowest < 2.5  # who came first waits for a lock once, and others meanwhile for them


async def test_a_locked_row_is_not_waited_for_without_end(db: Database, mariadb: MariaDB) -> None:
    async def outcome(seconds: float, work: str) -> float:
        deadline.answer_within(seconds)
        asked = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            await (
                db.in_transaction(sell)
                if work == "transaction"
                else db.execute("UPDATE books SET stock = 0 WHERE id = 1")
            )
        return time.monotonic() - asked

    with locked(mariadb, 1):
        took = await asyncio.gather(
            *(asyncio.create_task(outcome(2, work)) for work in ("transaction", "statement") * 4)
        )
    assert max(took) < 5
    assert db.in_use == 0
    assert await db.value("SELECT stock FROM books WHERE id = 1") == 10


async def test_a_server_that_does_not_answer_is_given_up_in_time(mysql: Database) -> None:
    async def ask() -> None:
        deadline.answer_within(1)
        await mysql.value("SELECT SLEEP(30)")

    asked = time.monotonic()
    with pytest.raises(DatabaseUnavailable, match="in time"):
        await asyncio.create_task(ask())
    assert time.monotonic() - asked < 3
    assert mysql.in_use == 0


STOPS = """
import asyncio, os, signal, sys
from bookstore.data.database import Database

async def main():
    database = Database(sys.argv[1], pool_size=2)
    await database.connect()
    async with database.transaction() as queries:
        await queries.execute("UPDATE books SET stock = 0 WHERE id = 1")
        print("locked", flush=True)
        os.kill(os.getpid(), signal.SIGSTOP)
        await queries.execute("UPDATE books SET stock = 0 WHERE id = 2")

asyncio.run(main())
"""


async def test_a_process_that_stops_in_its_transaction_keeps_no_row(
    db: Database, mysql_url: str
) -> None:
    process = subprocess.Popen(  # noqa: ASYNC220
        [sys.executable, "-c", STOPS, mysql_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await asyncio.to_thread(process.stdout.readline) == b"locked\n"
        asked = time.monotonic()
        while True:  # each buyer hears something within ten seconds, and tries again
            tried = time.monotonic()
            with suppress(Busy):
                await db.in_transaction(sell)
                break
            assert time.monotonic() - tried < 10
        assert time.monotonic() - asked < 16
        process.send_signal(signal.SIGCONT)
        _, errors = await asyncio.to_thread(process.communicate, timeout=20)
        assert b"ConnectionLost" in errors
    finally:
        process.kill()
        process.wait()
    assert await db.value("SELECT stock FROM books WHERE id = 1") == 9
    assert await db.value("SELECT stock FROM books WHERE id = 2") == 10


class _Variable(NamedTuple):
    Variable_name: str
    Value: str


async def test_every_connection_has_the_limits_of_the_shop(db: Database) -> None:
    limits = {
        "wait_timeout": "10",
        "net_read_timeout": "10",
        "net_write_timeout": "10",
        "innodb_lock_wait_timeout": "1",
    }
    found = await db.all(
        _Variable,
        "SHOW SESSION VARIABLES WHERE Variable_name IN :names",
        {"names": [*limits, "tx_isolation", "transaction_isolation"]},
    )
    isolation = {row.Value for row in found if row.Variable_name not in limits}
    assert isolation == {"READ-COMMITTED"}  # MariaDB and MySQL call it by different names
    assert {row for row in found if row.Variable_name in limits} == set(limits.items())


@contextmanager
def read_only(mariadb: MariaDB) -> Iterator[None]:
    """Let the server take no writes, as one that has ceased to be the writer."""
    with mariadb.connect() as root, root.cursor() as cursor:
        cursor.execute("SET GLOBAL read_only = 1")
        try:
            yield
        finally:
            cursor.execute("SET GLOBAL read_only = 0")


async def test_a_server_that_takes_no_writes_is_left(db: Database, mariadb: MariaDB) -> None:
    before = {await db.value("SELECT CONNECTION_ID()") for _each in range(8)}
    with read_only(mariadb):
        with pytest.raises(ReadOnly):
            await db.execute("UPDATE books SET stock = 0 WHERE id = 1")
        with pytest.raises(ReadOnly):
            await db.in_transaction(sell)
        assert await db.value("SELECT stock FROM books WHERE id = 1") == 10
    await db.in_transaction(sell)
    assert await db.value("SELECT stock FROM books WHERE id = 1") == 9
    after = {await db.value("SELECT CONNECTION_ID()") for _each in range(8)}
    assert not before & after


async def test_all_connections_to_a_server_that_takes_no_writes_are_left(
    db: Database, mariadb: MariaDB
) -> None:
    before = await _connections(db)
    async with db.connection() as reader:
        with read_only(mariadb), pytest.raises(ReadOnly):
            await db.execute("UPDATE books SET stock = 0 WHERE id = 1")
        assert await reader.value("SELECT CONNECTION_ID()") in before
    assert len(before) == 4
    assert not before & await _connections(db)


async def test_a_server_that_takes_no_writes_is_left_by_who_only_reads(
    db: Database, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await _connections(db)
    monkeypatch.setattr(mysql, "LOOK_EVERY", 0.0)
    with read_only(mariadb):
        assert not before & await _connections(db)
    monkeypatch.undo()
    assert len(await _connections(db)) == 4


async def test_a_server_that_never_takes_writes_is_read_from(
    db: Database, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its connections are opened anew once a second, not at each look."""
    monkeypatch.setattr(mysql, "LOOK_EVERY", 0.0)
    found = set()
    with read_only(mariadb):
        began = time.monotonic()
        for _each in range(120):
            found |= {await db.value("SELECT CONNECTION_ID()")}
            await asyncio.sleep(0.01)
        took = time.monotonic() - began
    assert 2 <= len(found) <= 2 + took


async def _connections(db: Database) -> set[int]:
    """Return the numbers of all four connections of the pool, held at one time."""
    everybody = asyncio.Barrier(4)

    async def number() -> int:
        async with db.connection() as queries:
            found = await queries.value("SELECT CONNECTION_ID()")
            await everybody.wait()
            return int(found)

    return set(await asyncio.gather(*(number() for _each in range(4))))


async def test_connections_that_nobody_needs_any_more_are_closed(
    db: Database, mariadb: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = await _connections(db)
    monkeypatch.setattr("bookstore.data.mysql._LONGEST_REST", 0)
    for _each in many:
        used = await db.value("SELECT CONNECTION_ID()")
    left: set[int] = set()
    with mariadb.connect() as root, root.cursor() as cursor:
        for _attempt in range(50):
            cursor.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = 'traps'")
            left = many & {number for (number,) in cursor.fetchall()}
            if left == {used}:
                return
            await asyncio.sleep(0.1)
    pytest.fail(f"{len(left)} connections are still open")


async def test_closing_waits_for_a_connection_in_use_and_ends(db: Database) -> None:
    async with db.connection() as queries:
        await queries.value("SELECT 1")
        closing = asyncio.create_task(db.disconnect())
        done, _waiting = await asyncio.wait([closing], timeout=0.2)
        assert not done
    async with asyncio.timeout(10):
        await closing
    await db.connect()


async def test_connecting_that_is_cancelled_leaves_nothing_behind(
    db: Database, mariadb: MariaDB
) -> None:
    for number in range(40):
        with suppress(TimeoutError):
            async with asyncio.timeout(0.0002 * number):
                await db.in_transaction(sell)
    assert db.in_use == db.waiting == 0
    await asyncio.gather(*(db.value("SELECT SLEEP(0.1)") for _each in range(8)))
    connections = 0
    with mariadb.connect() as root, root.cursor() as cursor:
        for _attempt in range(50):
            cursor.execute("SELECT ID FROM information_schema.PROCESSLIST WHERE DB = 'traps'")
            connections = len(cursor.fetchall())
            if connections <= 4:
                return
            await asyncio.sleep(0.1)
    pytest.fail(f"{connections} connections of a pool of four")
