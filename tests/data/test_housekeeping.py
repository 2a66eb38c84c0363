"""Old rows go in small batches, from one replica at a time."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from bookstore.clock import DAY, now
from bookstore.data.database import Database
from bookstore.data.housekeeping import BATCH, alone, delete_older
from bookstore.orders.baskets import Baskets


@pytest.fixture
async def db(empty_url: str) -> AsyncIterator[Database]:
    database = Database(empty_url)
    await database.connect()
    await database.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, at BIGINT NOT NULL)")
    await database.execute("CREATE INDEX notes_at ON notes (at)")
    async with database.transaction() as queries:
        await queries.execute_many(
            "INSERT INTO notes (id, at) VALUES (:id, :at)",
            [{"id": number, "at": number} for number in range(1, 2 * BATCH + 501)],
        )
    yield database
    await database.disconnect()


async def test_old_rows_go_and_others_stay(db: Database) -> None:
    assert await delete_older(db, "notes", "at", 2 * BATCH + 1) == 2 * BATCH
    assert await db.value("SELECT COUNT(*) FROM notes") == 500
    assert await db.value("SELECT MIN(at) FROM notes") == 2 * BATCH + 1
    assert await delete_older(db, "notes", "at", 10**9, where="id < 2100") == 99
    assert await delete_older(db, "notes", "at", 0) == 0


async def test_one_replica_at_a_time_does_a_task(db: Database, empty_url: str) -> None:
    if db.dialect == "sqlite":
        pytest.skip("SQLite is for one process")
    other = Database(empty_url)
    await other.connect()
    async with alone(db, "tidy") as mine, alone(other, "tidy") as theirs:
        assert mine is not None
        assert theirs is None
        async with alone(other, "sweep") as another_task:
            assert another_task is not None
    async with alone(other, "tidy") as theirs:
        assert theirs is not None
    cut_off = asyncio.ensure_future(_hold_for_ever(db))
    await asyncio.sleep(0.3)
    cut_off.cancel()
    await asyncio.wait([cut_off])
    async with alone(other, "tidy") as theirs:
        assert theirs is not None
    await other.disconnect()


async def _hold_for_ever(database: Database) -> None:
    async with alone(database, "tidy"):
        await asyncio.sleep(60)


async def test_baskets_that_browsers_left_behind_are_forgotten(database: Database) -> None:
    old, young = now() - 31 * DAY, now() - DAY
    async with database.transaction() as queries:
        await queries.execute_many(
            "INSERT INTO baskets (token_hash, person_id, changed_at) VALUES (:hash, :person, :at)",
            [{"hash": f"old {number}", "person": None, "at": old} for number in range(BATCH + 200)]
            + [{"hash": "young", "person": None, "at": young}]
            + [{"hash": None, "person": 7, "at": old}],
        )
        await queries.execute(
            "INSERT INTO basket_items (basket_id, book_id, quantity, added_at)"
            " SELECT id, 1, 1, 0 FROM baskets"
        )
    await Baskets(database, now, None, currency="EUR").forget_old()  # type: ignore[arg-type]
    assert await database.value("SELECT COUNT(*) FROM baskets") == 2
    assert await database.value("SELECT COUNT(*) FROM basket_items") == 2
