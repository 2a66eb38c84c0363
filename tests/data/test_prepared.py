"""Statements that the driver in C has the server prepare."""

from collections.abc import AsyncIterator

import pytest

from bookstore.data.database import Database
from tests.data.conftest import fill
from tests.support.mariadb import MariaDB, with_driver

pytestmark = pytest.mark.mariadb


@pytest.fixture
async def db(mariadb: MariaDB) -> AsyncIterator[Database]:
    """One connection of asyncmy, on a table of two books with ten copies each."""
    database = Database(with_driver(mariadb.create_database("traps"), "asyncmy"), pool_size=1)
    await database.connect()
    await fill(database)
    yield database
    await database.disconnect()


async def counted(database: Database, what: str) -> int:
    """Return how often this connection has done something."""
    async with database.connection() as queries:
        [(_name, count)] = await queries.all(tuple, f"SHOW SESSION STATUS LIKE '{what}'")
        return int(count)


async def test_a_statement_that_comes_again_is_prepared_once(db: Database) -> None:
    await counted(db, "Com_stmt_prepare")
    before = await counted(db, "Com_stmt_prepare")
    found = [
        await db.value("SELECT stock + :more FROM books WHERE id = :id", {"more": n, "id": 1})
        for n in range(5)
    ]
    assert found == [10, 11, 12, 13, 14]
    assert await counted(db, "Com_stmt_prepare") == before + 1


async def test_a_value_may_be_of_another_kind_each_time(db: Database) -> None:
    values = [None, 7, "seven", 2**63 - 1, "", "ñ😀", -1]
    found = [await db.value("SELECT :value AS value", {"value": value}) for value in values]
    assert found == values


async def test_a_name_may_stand_in_a_statement_twice(db: Database) -> None:
    twice = "SELECT :first + :second * 10 + :first * 100"
    assert [await db.value(twice, {"first": 1, "second": n}) for n in (2, 3)] == [121, 131]


async def test_a_column_that_became_another_is_read_as_it_is_now(db: Database) -> None:
    select = "SELECT stock FROM books WHERE id = 1"
    assert await db.value(select) == 10
    await db.execute("ALTER TABLE books MODIFY stock VARCHAR(20) NOT NULL")
    await db.execute("UPDATE books SET stock = 'ten' WHERE id = 1")
    assert await db.value(select) == "ten"


async def test_a_connection_keeps_a_limited_number(db: Database) -> None:
    for number in range(200):
        assert await db.value(f"SELECT {number} + :more", {"more": 1}) == number + 1
    closed = await counted(db, "Com_stmt_close")
    assert await counted(db, "Com_stmt_prepare") - closed < 100


async def test_a_server_that_prepares_no_more_is_asked_all_the_same(
    db: Database, mariadb: MariaDB
) -> None:
    with mariadb.connect() as root, root.cursor() as cursor:
        cursor.execute("SELECT @@GLOBAL.max_prepared_stmt_count")
        [usual] = cursor.fetchone() or ()
        cursor.execute("SET GLOBAL max_prepared_stmt_count = 0")
        try:
            for number in range(3):
                assert await db.value("SELECT :more + 1", {"more": number}) == number + 1
            assert await db.execute("UPDATE books SET stock = 9 WHERE id = :id", {"id": 2}) == 1
        finally:
            cursor.execute("SET GLOBAL max_prepared_stmt_count = %s", (usual,))
