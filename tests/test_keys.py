"""Keys that identify: told apart by their bytes on every engine, and never given twice."""

import re
import sqlite3
import unicodedata
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from bookstore.accounts import domain, passwords
from bookstore.catalogue.changes import Changes
from bookstore.clock import MINUTE
from bookstore.data.database import Database
from bookstore.web.forms import shows
from tests.orders.conftest import Clock
from tests.support.reader import PASSWORD, Reader

TEXTS = {"varchar", "char", "text", "tinytext", "mediumtext", "longtext"}
TWINS = ["josé-1", "JOSÉ-1", "jose-1", "jose\u0301-1", "josé-1 ", "ſosé-1"]


class _Column(NamedTuple):
    table_name: str
    column_name: str
    kind: str
    collation: str | None


@pytest.mark.mariadb
async def test_every_unique_text_is_compared_by_its_bytes_on_mysql(mariadb_url: str) -> None:
    """Add the column to compare_bytes(…) in a migration."""
    database = Database(mariadb_url)
    await database.connect()
    columns = await database.all(
        _Column,
        "SELECT DISTINCT c.TABLE_NAME AS table_name, c.COLUMN_NAME AS column_name,"
        " c.DATA_TYPE AS kind, c.COLLATION_NAME AS collation"
        " FROM information_schema.STATISTICS s JOIN information_schema.COLUMNS c"
        " USING (TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME)"
        " WHERE s.TABLE_SCHEMA = DATABASE() AND s.NON_UNIQUE = 0"
        " AND c.TABLE_NAME NOT LIKE '%\\_version'",
    )
    await database.disconnect()
    texts = [column for column in columns if column.kind in TEXTS]
    assert len(texts) > 12
    exact = re.compile(r"utf8mb4_nopad_bin|utf8mb4_0900_bin|ascii_bin|ascii_nopad_bin")
    assert [column for column in texts if not exact.fullmatch(column.collation or "")] == []


async def test_twins_of_a_key_are_others(database: Database) -> None:
    for key in TWINS:
        await database.execute(
            "INSERT INTO payment_events (id, type, received_at) VALUES (:key, 'x', 0)", {"key": key}
        )
        await database.execute(
            "INSERT INTO orders_idempotency (scope, `key`, fingerprint, started_at)"
            " VALUES ('scope', :key, 'f', 0)",
            {"key": key},
        )
    for key in TWINS:
        found = await database.value(
            "SELECT COUNT(*) FROM payment_events WHERE id = :key", {"key": key}
        )
        assert found == 1


def test_no_table_of_sqlite_gives_an_id_twice_after_rows_were_deleted(
    sqlite_template: Path,
) -> None:
    """Whatever is deleted from counts on: add the table to never_reuse_ids(…) in a migration."""
    source = "\n".join(
        path.read_text()
        for path in (Path(__file__).parents[1] / "bookstore").rglob("*.py")
        if "migrations" not in path.parts
    )
    deleted = set(re.findall(r"DELETE FROM (\w+)", source))
    deleted |= set(re.findall(r"delete_older\([^\"]*\"(\w+)\"", source))
    deleted |= {f"{context}_outbox" for context in ("accounts", "catalogue", "orders")}
    with closing(sqlite3.connect(sqlite_template)) as connection:
        tables = dict(connection.execute("SELECT name, sql FROM sqlite_master WHERE type='table'"))
    reusing = {
        name
        for name, sql in tables.items()
        if name in deleted and re.search(r"\bid INTEGER", sql) and "AUTOINCREMENT" not in sql
    }
    assert {"book_changes", "baskets", "orders_outbox"} <= deleted & tables.keys()
    assert reusing == set()


async def test_what_changed_is_heard_of_though_all_older_changes_were_forgotten(
    database: Database,
) -> None:
    clock = Clock()
    changes = Changes(database, clock)
    heard: list[str] = []
    changes.tell = lambda *tags: heard.extend(tags)

    async def change(book_id: int) -> None:
        await database.execute(
            "INSERT INTO book_changes (book_id, isbn13, listed, changed_at)"
            " VALUES (:id, NULL, 1, :now)",
            {"id": book_id, "now": clock()},
        )

    await change(1)
    await change(2)
    await changes.poll()
    clock.pass_(MINUTE // 2)
    await changes.poll()
    await database.execute("DELETE FROM book_changes")  # as happens in a quiet shop
    heard.clear()
    await change(3)
    await changes.poll()
    assert "book 3" in heard


async def test_a_replica_that_looked_too_long_ago_forgets_everything(database: Database) -> None:
    clock = Clock()
    changes = Changes(database, clock)
    everything: list[bool] = []
    changes.tell_everything = lambda: everything.append(True)
    await changes.poll()
    clock.pass_(MINUTE // 2)
    await changes.poll()
    assert not everything
    clock.pass_(200_000)  # it was stopped, and what changed is forgotten by now
    await changes.poll()
    assert everything == [True]
    await changes.poll()
    assert everything == [True]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ana@Example.org", "ana@example.org "),
        ("josé@example.org", "jose\u0301@example.org"),
        ("JOSÉ@example.org", "josé@EXAMPLE.org"),
        ("ana@bücher.example", "ana@xn--bcher-kva.example"),
        ("ana@BÜCHER.example", "ana@bu\u0308cher.example"),
    ],
)
def test_two_spellings_of_one_address(one: str, other: str) -> None:
    assert domain.email_key(one) == domain.email_key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("josé@example.org", "jose@example.org"),
        ("strasse@example.org", "straße@example.org"),
        ("ana@bucher.example", "ana@bücher.example"),
        ("a.na@example.org", "ana@example.org"),
    ],
)
def test_two_addresses(one: str, other: str) -> None:
    assert domain.email_key(one) != domain.email_key(other)


async def test_a_password_may_be_typed_on_any_keyboard() -> None:
    composed = "contraseña única"
    hashed = await passwords.hash_password(composed)
    assert await passwords.verify(unicodedata.normalize("NFD", composed), hashed)
    assert not await passwords.verify("contrasena unica", hashed)
    full_width = "ｐａｓｓ word long"
    assert await passwords.verify("pass word long", await passwords.hash_password(full_width))


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Emma", True), ("书", True), ("¿?", True), ("7", True), ("❤", True), ("क्\u200dष", True),
        ("\u200b\u200d", False), ("\u202e\u2066", False), ("\u3164\u115f", False),
        ("\u2800", False),
        ("\u00ad\ufeff", False), ("\u0301", False), ("   ", False), ("\u034f", False),
    ],
)  # fmt: skip
def test_what_can_be_seen(text: str, seen: bool) -> None:
    assert shows(text) is seen


async def test_a_name_that_cannot_be_seen_is_refused(reader: Reader) -> None:
    fields: dict[str, Any] = {"email": "nobody@example.org", "password": PASSWORD}
    answer = await reader.submit("/register", name="\u200b\u202e", **fields)
    assert answer.status == 422
    assert (await reader.submit("/register", name="Ana", **fields)).status == 303
