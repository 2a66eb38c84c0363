"""Statements that go to the database together with the next one."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple

import pytest

from bookstore.data.database import Database
from bookstore.data.queries import Duplicate, Queries

ADD = "INSERT INTO things (id, name) VALUES (:id, :name)"


class Thing(NamedTuple):
    id: int
    name: str


async def things(database: Database) -> list[Thing]:
    return await database.all(Thing, "SELECT id, name FROM things ORDER BY id")


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[Database]:
    database = Database(empty_url)
    await database.connect()
    await database.execute("CREATE TABLE things (id INTEGER PRIMARY KEY, name VARCHAR(99))")
    yield database
    await database.disconnect()


async def test_what_is_queued_is_done_before_what_follows(empty: Database) -> None:
    async with empty.transaction() as queries:
        await queries.queue(ADD, {"id": 1, "name": "100 %; it's :one"})
        await queries.queue("UPDATE things SET id = :new WHERE id IN :old", {"new": 2, "old": [1]})
        assert await queries.value("SELECT id FROM things WHERE name LIKE '%%;%'") == 2
        assert await queries.execute("UPDATE things SET name = :name", {"name": "b"}) == 1
    assert await things(empty) == [Thing(2, "b")]


async def test_the_commit_takes_what_is_queued_along(empty: Database) -> None:
    async with empty.transaction() as queries:
        await queries.queue(ADD, {"id": 1, "name": "a"})
    assert await things(empty) == [Thing(1, "a")]


@pytest.mark.parametrize("then", ["execute", "commit"])
async def test_what_goes_wrong_with_it_undoes_the_transaction(empty: Database, then: str) -> None:
    await empty.execute(ADD, {"id": 2, "name": "before"})

    async def work(queries: Queries) -> None:
        await queries.queue(ADD, {"id": 1, "name": "a"})
        await queries.queue(ADD, {"id": 2, "name": "twice"})
        await queries.queue(ADD, {"id": 3, "name": "c"})
        if then == "execute":
            await queries.execute(ADD, {"id": 4, "name": "d"})

    with pytest.raises(Duplicate):
        await empty.in_transaction(work)
    assert await things(empty) == [Thing(2, "before")]


async def test_a_transaction_that_fails_forgets_what_is_queued(empty: Database) -> None:
    async def work(queries: Queries) -> None:
        await queries.queue(ADD, {"id": 1, "name": "a"})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await empty.in_transaction(work)
    assert await things(empty) == []


async def test_many_rows_come_after_what_is_queued(empty: Database) -> None:
    rows: list[dict[str, Any]] = [{"id": number, "name": "many"} for number in (2, 3)]
    async with empty.transaction() as queries:
        await queries.queue(ADD, {"id": 1, "name": "first"})
        await queries.queue("UPDATE things SET name = 'changed'")
        assert await queries.execute_many(ADD, rows) == 2
    assert await things(empty) == [Thing(1, "changed"), Thing(2, "many"), Thing(3, "many")]


async def test_outside_of_a_transaction_nothing_waits(empty: Database) -> None:
    async with empty.connection() as queries:
        await queries.queue(ADD, {"id": 1, "name": "a"})
    assert await things(empty) == [Thing(1, "a")]
