"""The traps of the data layer, each as it was met. They run against the real engines."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bookstore.data.database import Database
from bookstore.data.queries import ConnectionLost, DatabaseUnavailable, Duplicate, Queries, Select
from bookstore.data.sqlite import SQLiteConnection
from bookstore.data.wide import Wide
from tests.data.conftest import fill
from tests.support.mariadb import DRIVERS, MariaDB, with_driver


class Counted(NamedTuple):
    count: int  # type: ignore[assignment]  # the names of methods of tuple, on purpose
    index: str  # type: ignore[assignment]
    keys: str


class Stock(NamedTuple):
    id: int
    stock: int


@pytest.fixture
async def db(empty_url: str) -> AsyncIterator[Database]:
    """A pool of two connections on a table of two books with ten copies each."""
    database = Database(empty_url, pool_size=2)
    await database.connect()
    await fill(database)
    await database.execute(
        "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTO_INCREMENT, word VARCHAR(20) UNIQUE)"
        if database.dialect == "mysql"
        else "CREATE TABLE notes (id INTEGER PRIMARY KEY AUTOINCREMENT, word VARCHAR(20) UNIQUE)"
    )
    yield database
    await database.disconnect()


async def stock(database: Database, book_id: int = 1) -> int:
    return int(await database.value("SELECT stock FROM books WHERE id = :id", {"id": book_id}))


# Connections come back


@pytest.mark.mariadb
async def test_cancelled_transactions_give_their_connections_back(mysql: Database) -> None:
    async def slow(queries: Queries) -> None:
        await queries.execute("UPDATE books SET stock = 0 WHERE id = 1")
        await queries.value("SELECT SLEEP(30)")

    for _more_than_the_pool_holds in range(5):
        task = asyncio.ensure_future(mysql.in_transaction(slow))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert mysql.in_use == 0
    assert await stock(mysql) == 10


@pytest.mark.mariadb
async def test_a_connection_killed_in_mid_transaction_is_replaced(
    mysql: Database, mariadb: MariaDB
) -> None:
    async def killed(queries: Queries) -> None:
        await queries.execute("UPDATE books SET stock = 0 WHERE id = 1")
        number = await queries.value("SELECT CONNECTION_ID()")
        with mariadb.connect() as root, root.cursor() as cursor:
            cursor.execute(f"KILL {number}")
        await queries.execute("UPDATE books SET stock = 0 WHERE id = 2")

    for _more_than_the_pool_holds in range(5):
        with pytest.raises(ConnectionLost):
            await mysql.in_transaction(killed)
    assert mysql.in_use == 0
    assert [await stock(mysql, 1), await stock(mysql, 2)] == [10, 10]


@pytest.mark.mariadb
async def test_a_query_on_a_pooled_connection_that_died_is_asked_again(
    mysql: Database, mariadb: MariaDB
) -> None:
    number = await mysql.value("SELECT CONNECTION_ID()")
    with mariadb.connect() as root, root.cursor() as cursor:
        cursor.execute(f"KILL {number}")
    assert await stock(mysql) == 10


@pytest.mark.mariadb
async def test_whoever_waits_gets_the_place_of_a_connection_that_broke(
    mariadb: MariaDB, mysql_url: str
) -> None:
    database = Database(mysql_url, pool_size=1, pool_timeout=5.0)
    await database.connect()
    held = asyncio.Event()

    async def hold_and_break() -> None:
        async with database.connection() as queries:
            number = await queries.value("SELECT CONNECTION_ID()")
            held.set()
            await asyncio.sleep(0.2)
            with mariadb.connect() as root, root.cursor() as cursor:
                cursor.execute(f"KILL {number}")
            with pytest.raises(ConnectionLost):
                await queries.value("SELECT 1")

    task = asyncio.ensure_future(hold_and_break())
    await held.wait()
    assert await database.value("SELECT 7") == 7
    await task
    await database.disconnect()


async def test_waiting_for_a_connection_ends(empty_url: str) -> None:
    database = Database(empty_url, pool_size=1, pool_timeout=0.5)
    await database.connect()
    async with database.connection():
        with pytest.raises(DatabaseUnavailable, match=r"within 0\.5 s"):
            await database.value("SELECT 1")
    assert await database.value("SELECT 1") == 1
    assert database.waiting == 0
    await database.disconnect()


@pytest.mark.mariadb
@pytest.mark.usefixtures("mariadb")
@pytest.mark.parametrize("driver", DRIVERS)
async def test_the_pool_recovers_from_a_restart_of_the_server(driver: str) -> None:
    with MariaDB.start() as server:
        url = with_driver(server.create_database("restarted"), driver)
        database = Database(url, pool_size=2)
        await database.connect()
        assert await database.value("SELECT 1") == 1
        server.stop()
        with pytest.raises(DatabaseUnavailable):
            await database.value("SELECT 1")
        server.boot()
        assert await database.value("SELECT 1") == 1
        await database.disconnect()


# Counting what was changed


async def test_an_update_that_matches_nothing_counts_nothing(db: Database) -> None:
    async with db.transaction() as queries:
        assert await queries.insert("INSERT INTO notes (word) VALUES ('first')") == 1
        assert await queries.execute("UPDATE books SET stock = 1 WHERE id = 999") == 0


async def test_an_update_to_the_same_value_counts(db: Database) -> None:
    assert await db.execute("UPDATE books SET stock = 10 WHERE id IN :ids", {"ids": [1, 2]}) == 2


async def test_a_second_unique_value_is_a_duplicate(db: Database) -> None:
    await db.insert("INSERT INTO notes (word) VALUES (:word)", {"word": "once"})
    with pytest.raises(Duplicate):
        await db.insert("INSERT INTO notes (word) VALUES (:word)", {"word": "once"})


async def test_thirty_buyers_of_ten_copies_buy_ten(db: Database) -> None:
    async def buy(queries: Queries) -> int:
        return await queries.execute(
            "UPDATE books SET stock = stock - 1 WHERE id = 1 AND stock >= 1"
        )

    sold = await asyncio.gather(*(db.in_transaction(buy) for _buyer in range(30)))
    assert (sum(sold), await stock(db)) == (10, 0)


# Transactions


async def test_a_failed_transaction_changes_nothing(db: Database) -> None:
    async def fail(queries: Queries) -> None:
        await queries.execute("UPDATE books SET stock = 0")
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await db.in_transaction(fail)
    assert await stock(db) == 10


async def test_reading_before_writing_neither_locks_out_nor_loses(db: Database) -> None:
    async def take(queries: Queries) -> None:
        lock = " FOR UPDATE" if queries.dialect == "mysql" else ""
        left = await queries.value(f"SELECT stock FROM books WHERE id = 1{lock}")
        await queries.execute("UPDATE books SET stock = :left WHERE id = 1", {"left": left - 1})

    await asyncio.gather(*(db.in_transaction(take) for _buyer in range(10)))
    assert await stock(db) == 0


async def test_opposite_orders_both_succeed(db: Database) -> None:
    def taking(*books: int) -> asyncio.Future[None]:
        async def take(queries: Queries) -> None:
            for book in books:
                await queries.execute(
                    "UPDATE books SET stock = stock - 1 WHERE id = :id", {"id": book}
                )
                await asyncio.sleep(0.02)

        return asyncio.ensure_future(db.in_transaction(take))

    await asyncio.gather(*(taking(*order) for order in [(1, 2), (2, 1)] * 5))
    assert [await stock(db, 1), await stock(db, 2)] == [0, 0]


async def test_statements_side_by_side_stay_inside_the_transaction(db: Database) -> None:
    async def both(queries: Queries) -> None:
        await asyncio.gather(
            queries.execute("UPDATE books SET stock = 0 WHERE id = 1"),
            queries.execute("UPDATE books SET stock = 0 WHERE id = 2"),
        )
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await db.in_transaction(both)
    assert [await stock(db, 1), await stock(db, 2)] == [10, 10]


# What statements may hold


@pytest.mark.parametrize("literal", ["at 10:30", "100%", "%(a)s :a", "it''s :b"])
async def test_literals_are_left_alone(db: Database, literal: str) -> None:
    found = await db.value(f"SELECT '{literal}' WHERE 1 = :one", {"one": 1})
    assert found == literal.replace("''", "'")


@pytest.mark.parametrize("value", ["' OR 1=1 --", "%s", "a\\", "\\'", "ñ😀", ":one", ""])
async def test_values_are_bound(db: Database, value: str) -> None:
    await db.insert("INSERT INTO notes (word) VALUES (:word)", {"word": value})
    assert await db.value("SELECT word FROM notes WHERE word = :word", {"word": value}) == value


async def test_columns_may_be_called_count_index_and_keys(db: Database) -> None:
    row = await db.one(Counted, "SELECT 3 AS `count`, 'i' AS `index`, 'k' AS `keys`")
    assert row == Counted(count=3, index="i", keys="k")


async def test_rows_must_have_the_columns_asked_for(db: Database) -> None:
    with pytest.raises(TypeError, match="the query gives"):
        await db.all(Stock, "SELECT stock, id FROM books")


async def test_an_empty_list_matches_nothing(db: Database) -> None:
    assert await db.all(Stock, "SELECT id, stock FROM books WHERE id IN :ids", {"ids": []}) == []


# SQLite alone


async def test_every_sqlite_connection_has_its_pragmas_and_no_stray_file(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/pragmas.db", pool_size=3)
    await database.connect()

    async def pragmas() -> tuple[str, int, int]:
        async with database.connection() as queries:
            await asyncio.sleep(0.05)
            return (
                await queries.value("PRAGMA journal_mode"),
                await queries.value("PRAGMA busy_timeout"),
                await queries.value("PRAGMA foreign_keys"),
            )

    assert set(await asyncio.gather(*(pragmas() for _each in range(3)))) == {("wal", 1000, 1)}
    await database.disconnect()
    assert {path.name for path in tmp_path.iterdir()} <= {
        "pragmas.db", "pragmas.db-wal", "pragmas.db-shm",
    }  # fmt: skip


async def test_a_connection_that_opens_after_its_caller_left_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, closed = [], []

    class Slow(SQLiteConnection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            time.sleep(0.05)
            super().__init__(*args, **kwargs)
            opened.append(self)

        def close(self) -> None:
            closed.append(self)
            super().close()

    monkeypatch.setattr("bookstore.data.sqlite.SQLiteConnection", Slow)
    database = Database(f"sqlite:///{tmp_path}/left.db", pool_size=1)
    await database.connect()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await database.value("SELECT 1")
    assert await database.value("SELECT 1") == 1  # its place is free again
    await database.disconnect()
    assert len(opened) == 2
    assert set(closed) == set(opened)


class Wished(NamedTuple):
    id: int
    word: str
    nothing: None
    length: int


_WISHED = Wide({"id": "n.id", "word": "n.word", "nothing": "NULL", "length": "LENGTH(n.word)"})


@pytest.mark.parametrize(
    "word", ["", "año 📚", "\x01\x1f\x7f\t\n", "\\\"'", '{"a": [1]}', "null", "12", "\u2028%s :id"]
)
async def test_many_columns_come_back_as_they_are(db: Database, word: str) -> None:
    key = 2**31 - 1
    await db.execute("INSERT INTO notes (id, word) VALUES (:id, :word)", {"id": key, "word": word})
    sql = f"SELECT {_WISHED.of(db)} FROM notes n WHERE n.id = :id"
    wished = Wished(key, word, None, len(word.encode()))
    if db.dialect == "sqlite":
        wished = wished._replace(length=len(word))
    assert await db.one(Wished, sql, {"id": key}) == wished
    assert await db.all(tuple, sql, {"id": key}) == [tuple(wished)]


async def test_whole_numbers_beyond_those_of_a_float_come_back_as_they_are(db: Database) -> None:
    columns = Wide({"id": "2147483648 * 4194304 + 1", "stock": "-(2147483648 * 4194304 + 1)"})
    number = 2**53 + 1
    assert await db.one(Stock, f"SELECT {columns.of(db)}") == Stock(number, -number)


async def test_rows_with_too_few_columns_are_no_rows(db: Database) -> None:
    await db.execute("INSERT INTO notes (word) VALUES ('one')")
    with pytest.raises(TypeError):
        await db.all(Wished, f"SELECT {Wide({'id': 'n.id'}).of(db)} FROM notes n")


async def test_several_selects_are_answered_each(db: Database) -> None:
    books: Select = (
        Stock,
        "SELECT id, stock FROM books WHERE id IN :ids ORDER BY id",
        {"ids": [1, 2]},
    )
    nobody: Select = (Stock, "SELECT id, stock FROM books WHERE id = :id", {"id": 77})
    count: Select = (tuple, "SELECT COUNT(*), MAX(id) FROM books", {})
    assert await db.together(books, nobody, count) == [[Stock(1, 10), Stock(2, 10)], [], [(2, 2)]]


async def test_several_selects_see_what_their_transaction_has_queued(db: Database) -> None:
    stock: Select = (Stock, "SELECT id, stock FROM books WHERE id = :id", {"id": 1})
    async with db.transaction() as queries:
        await queries.queue("UPDATE books SET stock = 7 WHERE id = 1")
        assert await queries.together(stock, stock) == [[Stock(1, 7)], [Stock(1, 7)]]
    assert await db.together(stock) == [[Stock(1, 7)]]


async def test_an_error_of_one_of_several_selects_is_raised(db: Database) -> None:
    fine: Select = (tuple, "SELECT 1", {})
    wrong: Select = (tuple, "SELECT id FROM nowhere", {})
    with pytest.raises(Exception, match="nowhere"):
        await db.together(fine, wrong, fine)
    assert await db.together(fine, fine) == [[(1,)], [(1,)]]


async def test_closing_ends_while_others_go_on_asking(db: Database, tmp_path: Path) -> None:
    answers = 0
    under_way = asyncio.Event()

    async def ask() -> None:
        nonlocal answers
        while True:
            await db.value("SELECT 1")
            answers += 1
            if answers == 20:
                under_way.set()

    async with asyncio.timeout(20):
        tasks = [asyncio.create_task(ask()) for _each in range(6)]
        await under_way.wait()
        await db.disconnect()
        answered = answers
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(error) for error in ended} == {DatabaseUnavailable}
    assert answers == answered
    if db.dialect == "sqlite":  # the last one that is closed takes the other files along
        assert [path.name for path in tmp_path.iterdir()] == ["empty.db"]
    await db.connect()
    assert await db.value("SELECT 1") == 1


async def test_closing_ends_while_somebody_keeps_a_connection(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bookstore.data.database._FAREWELL", 0.1)
    async with db.connection() as kept:
        assert await kept.value("SELECT 1") == 1
        async with asyncio.timeout(20):
            await db.disconnect()
        with pytest.raises(DatabaseUnavailable, match="closed"):
            await db.value("SELECT 1")
    await db.connect()
    assert await db.value("SELECT 1") == 1
