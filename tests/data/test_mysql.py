"""Values, rows and statements of MariaDB as each driver brings them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

import pytest

from bookstore.data.database import Database
from bookstore.data.queries import Duplicate, Queries
from tests.support.mariadb import DRIVERS, MariaDB, with_driver

pytestmark = pytest.mark.mariadb


class Kinds(NamedTuple):
    whole: int
    negative: int
    share: float
    exact: Decimal
    text: str
    raw: bytes
    day: date
    moment: datetime
    nothing: None


class Word(NamedTuple):
    word: str


@pytest.fixture(params=DRIVERS)
async def db(request: pytest.FixtureRequest, mariadb: MariaDB) -> AsyncIterator[Database]:
    database = Database(with_driver(mariadb.create_database("values"), request.param), pool_size=2)
    await database.connect()
    await database.execute("CREATE TABLE words (word LONGTEXT, short VARCHAR(20) UNIQUE)")
    yield database
    await database.disconnect()


async def test_each_kind_of_value_comes_back_as_it_is(db: Database) -> None:
    assert await db.all(
        Kinds,
        "SELECT 18446744073709551615 AS whole, -7 AS negative, 0.5E0 AS share, 1.50 AS exact,"
        " 'año 📚' AS text, x'00FF' AS raw, DATE '2026-02-28' AS day,"
        " TIMESTAMP '2026-02-28 12:00:00' AS moment, NULL AS nothing",
    ) == [
        Kinds(
            2**64 - 1, -7, 0.5, Decimal("1.50"), "año 📚", b"\x00\xff", date(2026, 2, 28),
            datetime(2026, 2, 28, 12), None,
        )
    ]  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*max_allowed_packet")
@pytest.mark.parametrize("length", [0, 1, 250, 251, 252, 65_535, 65_536, 300_000, 2**24 - 1, 2**24])
async def test_texts_of_every_length_come_back_whole(db: Database, length: int) -> None:
    found = await db.value("SELECT CONCAT(REPEAT('x', :n), 'é') AS word", {"n": length})
    assert (found is None) == (length >= 2**24 - 2)  # longer than the server's largest packet
    if found is not None:
        assert found == "x" * length + "é"


async def test_many_rows_come_back_whole_and_in_order(db: Database) -> None:
    rows = [{"word": f"{number} " + "y" * (number % 700)} for number in range(3000)]
    assert await db.execute("SET @nothing = 0") == 0
    async with db.transaction() as queries:
        assert (await queries.execute_many("INSERT INTO words (word) VALUES (:word)", rows)) == 3000
    found = await db.all(
        Word, "SELECT word FROM words ORDER BY CAST(SUBSTRING_INDEX(word, ' ', 1) AS UNSIGNED)"
    )
    assert [row.word for row in found] == [row["word"] for row in rows]


@pytest.mark.parametrize(
    "text",
    ["'; DROP TABLE words; --", "\\' OR 1=1 #", "%s %(word)s %", ":word", "a\x00b\x1a\n", "\\"],
)
async def test_what_a_parameter_holds_is_a_value(db: Database, text: str) -> None:
    values = {"word": text}
    await db.execute("INSERT INTO words (word) VALUES (:word)", values)
    async with db.transaction() as queries:
        await queries.execute("UPDATE words SET short = 'seen' WHERE word = :word", values)
    assert await db.value("SELECT word FROM words WHERE short = 'seen'") == text


async def test_the_statements_of_a_transaction_take_effect_together(db: Database) -> None:
    async with db.transaction() as queries:
        await queries.execute("INSERT INTO words (short) VALUES ('one')")
        await queries.execute_many(
            "INSERT INTO words (short) VALUES (:short)", [{"short": "two"}, {"short": "three"}]
        )
        assert await queries.value("SELECT COUNT(*) FROM words") == 3
        await queries.execute("DELETE FROM words WHERE short = 'two'")
    assert await db.value("SELECT COUNT(*) FROM words") == 2


async def test_one_that_fails_undoes_those_before_it_and_stops_those_behind(db: Database) -> None:
    async def work(queries: Queries) -> None:
        await queries.execute("INSERT INTO words (short) VALUES ('new')")
        await queries.execute("INSERT INTO words (short) VALUES ('taken')")
        await queries.execute("INSERT INTO words (short) VALUES ('never')")

    await db.execute("INSERT INTO words (short) VALUES ('taken')")
    with pytest.raises(Duplicate):
        await db.in_transaction(work)
    assert await db.value("SELECT GROUP_CONCAT(short) FROM words") == "taken"
    assert db.in_use == 0


async def test_a_locked_row_is_nobody_elses_until_the_transaction_ends(db: Database) -> None:
    await db.execute("INSERT INTO words (short, word) VALUES ('row', '0')")

    async def add(queries: Queries) -> None:
        number = await queries.value(
            f"SELECT word FROM words WHERE short = 'row'{queries.for_update}"
        )
        await queries.execute(
            "UPDATE words SET word = :word WHERE short = 'row'", {"word": str(int(number) + 1)}
        )

    await asyncio.gather(*(db.in_transaction(add) for _number in range(20)))
    assert await db.value("SELECT word FROM words") == "20"
