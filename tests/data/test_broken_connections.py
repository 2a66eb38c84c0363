"""What becomes of work whose connection breaks, and of a connection whose work goes wrong."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import NamedTuple
from urllib.parse import urlsplit

import asyncmy.errors
import pymysql.err
import pytest
from structlog.testing import capture_logs

from bookstore.data import deadline
from bookstore.data.database import Database
from bookstore.data.queries import ConnectionLost, DatabaseUnavailable, Queries
from tests.data.conftest import fill
from tests.support.mariadb import MariaDB

pytestmark = pytest.mark.mariadb
STOCK = "SELECT stock FROM books WHERE id = 1"


class Scissors:
    """A way to the server that is cut once: where a word goes by, before or after the answer. What
    the server is not to know loses its last letter on the way."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.word = b""
        self.unknown = b""
        self.answered = False
        self.cuts = 0

    async def pass_by(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server = await asyncio.open_connection("127.0.0.1", self._port)
        cut = asyncio.Event()
        back = asyncio.ensure_future(_back(server_reader, writer, cut))
        with suppress(OSError):
            while data := await reader.read(65_536):
                if self.word and self.word in data:
                    self.word = b""
                    self.cuts += 1
                    cut.set()
                    if not self.answered:
                        break
                if self.unknown:
                    data = data.replace(self.unknown, self.unknown[:-1] + b"_")
                server.write(data)
        server.close()
        await back


async def _back(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: asyncio.Event
) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            if cut.is_set():
                break
            writer.write(data)
    writer.transport.abort()


@asynccontextmanager
async def cut_way(url: str) -> AsyncIterator[tuple[Database, Scissors]]:
    """Yield a database whose connections can be cut; two books with ten copies each."""
    parts = urlsplit(url)
    assert parts.port is not None
    scissors = Scissors(parts.port)
    async with await asyncio.start_server(scissors.pass_by, "127.0.0.1", 0) as way:
        port = way.sockets[0].getsockname()[1]
        database = Database(url.replace(f":{parts.port}/", f":{port}/"), pool_size=2)
        await database.connect()
        await fill(database)
        yield database, scissors
        await database.disconnect()


@pytest.mark.parametrize("answered", [False, True])
@pytest.mark.parametrize(
    ("word", "lost"),
    [(b"stock - 1", False), (b"two", False), (b"three", False), (b"COMMIT", True)],
)
async def test_work_is_done_again_unless_the_commit_was_sent(
    mysql_url: str, word: bytes, lost: bool, answered: bool
) -> None:
    ran = 0

    async def work(queries: Queries) -> int:
        nonlocal ran
        ran += 1
        await queries.execute("UPDATE books SET stock = stock - 1 WHERE id = 1")
        await queries.value("SELECT 'two'")
        await queries.queue("DO 'three'")
        return int(await queries.value(STOCK))

    async with cut_way(mysql_url) as (database, scissors):
        scissors.word, scissors.answered = word, answered
        if lost:
            with pytest.raises(ConnectionLost):
                await database.in_transaction(work)
        else:
            assert await database.in_transaction(work) == 9
        assert ran == 1 if lost else ran >= 2  # more often when the server still holds the lock
        assert scissors.cuts == 1
        assert await database.value(STOCK) == (10 if lost and not answered else 9)
        assert database.in_use == 0


async def test_a_single_statement_is_never_sent_twice(mysql_url: str) -> None:
    async with cut_way(mysql_url) as (database, scissors):
        scissors.word, scissors.answered = b"stock - 1", True
        with pytest.raises(ConnectionLost):
            await database.execute("UPDATE books SET stock = stock - 1 WHERE id = 1")
        assert await database.value(STOCK) == 9


async def test_a_proxy_that_does_not_tell_who_takes_writes_is_asked_on(
    mysql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with cut_way(mysql_url) as (database, scissors):
        monkeypatch.setattr("bookstore.data.mysql.LOOK_EVERY", 0.0)
        scissors.unknown = b"innodb_read_only"
        with capture_logs() as logs:
            found = {await database.value("SELECT CONNECTION_ID()") for _each in range(5)}
    assert len(found) == 1
    assert [entry["log_level"] for entry in logs] == ["warning"]


async def kill(mariadb: MariaDB, queries: Queries) -> None:
    """End the connection on the server."""
    number = await queries.value("SELECT CONNECTION_ID()")
    with mariadb.connect() as root, root.cursor() as cursor:
        cursor.execute(f"KILL {number}")


async def test_work_that_meets_a_connection_cut_at_rest_succeeds(
    mysql: Database, mariadb: MariaDB
) -> None:
    async with mysql.connection() as queries:
        await kill(mariadb, queries)
    await mysql.in_transaction(sell)
    assert await mysql.value(STOCK) == 9


async def test_work_whose_connection_breaks_each_time_is_given_up(
    mysql: Database, mariadb: MariaDB
) -> None:
    ran = 0

    async def work(queries: Queries) -> None:
        nonlocal ran
        ran += 1
        await kill(mariadb, queries)
        await sell(queries)

    with pytest.raises(ConnectionLost):
        await mysql.in_transaction(work)
    assert ran == 2


async def sell(queries: Queries) -> None:
    await queries.execute("UPDATE books SET stock = stock - 1 WHERE id = 1")


# What goes wrong on a connection


class Word(NamedTuple):
    word: str


class Other(NamedTuple):
    other: str


async def undecodable(queries: Queries) -> None:
    """The rest of the rows is still on its way when the first turns out to be no text."""
    await queries.execute("SET NAMES latin1")
    await queries.all(Word, "SELECT _latin1 x'FF' AS word UNION ALL SELECT 'two'")


async def unencodable(queries: Queries) -> None:
    await queries.value("SELECT :word", {"word": "\ud800"})


async def incomplete(queries: Queries) -> None:
    await queries.value("SELECT :word")


async def wrong_fields(queries: Queries) -> None:
    await queries.all(Other, "SELECT 'one' AS word")


async def wrong_statement(queries: Queries) -> None:
    await queries.value("SELECT no_such_column FROM books")


async def cancelled_in_its_turn(queries: Queries) -> None:
    await asyncio.wait_for(queries.value("SELECT SLEEP(20)"), 0.1)


async def gone_on_with(queries: Queries) -> None:
    """An answer that comes late is no answer to what is asked next."""
    with suppress(TimeoutError):
        await asyncio.wait_for(queries.value("SELECT SLEEP(5), 'late'"), 0.1)
    assert await queries.value("SELECT 2") == 2


async def followed_by_another(queries: Queries) -> None:
    """Whoever waits behind a statement that is cut off gets no answer meant for it."""
    slow = asyncio.ensure_future(queries.value("SELECT SLEEP(5)"))
    behind = asyncio.ensure_future(queries.value("SELECT 2"))
    await asyncio.sleep(0.1)
    slow.cancel()
    assert await behind == 2


async def too_late(queries: Queries) -> None:
    deadline.answer_within(1)
    await queries.value("SELECT SLEEP(20)")


THE_SERVERS = (pymysql.err.OperationalError, asyncmy.errors.OperationalError)

type Wrong = Callable[[Queries], Awaitable[None]]
type Errors = type[Exception] | tuple[type[Exception], ...]
TABLE: list[tuple[Wrong, Errors, bool]] = [
    (undecodable, UnicodeDecodeError, True),
    (unencodable, UnicodeEncodeError, True),
    (incomplete, KeyError, True),
    (wrong_fields, TypeError, False),
    (wrong_statement, THE_SERVERS, False),
    (cancelled_in_its_turn, TimeoutError, True),
    (gone_on_with, ConnectionLost, True),
    (followed_by_another, ConnectionLost, True),
    (too_late, DatabaseUnavailable, True),
]


async def in_order(mysql: Database) -> set[int]:
    """Return the numbers of both connections of the pool after asking on each."""
    assert mysql.in_use == mysql.waiting == 0
    both = asyncio.Barrier(2)

    async def ask(number: int) -> int:
        async with mysql.connection() as queries:
            assert await queries.value("SELECT :number", {"number": number}) == number
            await both.wait()
            return int(await queries.value("SELECT CONNECTION_ID()"))

    async with asyncio.timeout(20):
        found = set(await asyncio.gather(ask(1), ask(2)))
    assert len(found) == 2
    return found


@pytest.mark.parametrize("way", ["connection", "transaction"])
@pytest.mark.parametrize(("wrong", "error", "closes"), TABLE)
async def test_a_connection_in_an_unknown_state_is_closed(
    mysql: Database,
    wrong: Wrong,
    error: Errors,
    closes: bool,
    way: str,
) -> None:
    used = 0

    async def work() -> None:
        nonlocal used
        async with mysql.connection() if way == "connection" else mysql.transaction() as queries:
            used = await queries.value("SELECT CONNECTION_ID()")
            await wrong(queries)

    with pytest.raises(error):
        await asyncio.create_task(work())
    assert (used not in await in_order(mysql)) == closes
    assert await mysql.value(STOCK) == 10


async def test_what_did_not_go_along_does_not_lack_in_silence(mysql: Database) -> None:
    async def work() -> None:
        async with mysql.transaction() as queries:
            slow = asyncio.ensure_future(queries.value("SELECT SLEEP(1)"))
            await asyncio.sleep(0)
            await queries.queue("UPDATE books SET stock = 0")
            with suppress(TimeoutError):
                await asyncio.wait_for(queries.value("SELECT 1"), 0.1)
            await slow
            await queries.execute("UPDATE books SET stock = 5 WHERE id = 2")

    with pytest.raises(ConnectionLost):
        await work()
    assert await mysql.value("SELECT SUM(stock) FROM books") == 20


async def test_nobody_gets_a_connection_with_a_statement_under_way(mysql: Database) -> None:
    async with mysql.connection() as queries:
        number = await queries.value("SELECT CONNECTION_ID()")
        slow = asyncio.ensure_future(queries.value("SELECT SLEEP(5)"))
        await asyncio.sleep(0.1)
    assert number not in await in_order(mysql)
    with suppress(ConnectionLost):
        await slow


async def test_nobody_goes_on_with_a_connection_that_was_given_back(mysql: Database) -> None:
    async with mysql.connection() as queries:
        await queries.value("SELECT 1")
    with pytest.raises(ConnectionLost):
        await queries.value("SELECT 1")


async def test_closing_ends_when_a_statement_is_cut_off_meanwhile(mysql: Database) -> None:
    begun = asyncio.Event()

    async def slow() -> None:
        async with mysql.connection() as queries:
            begun.set()
            await queries.value("SELECT SLEEP(20)")

    using = asyncio.create_task(slow())
    async with asyncio.timeout(20):
        await begun.wait()
    assert mysql.in_use == 1
    closing = asyncio.create_task(mysql.disconnect())
    await asyncio.sleep(0)
    using.cancel()
    async with asyncio.timeout(20):
        await closing
    await mysql.connect()
