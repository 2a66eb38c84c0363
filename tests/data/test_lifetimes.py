"""Every table has a lifetime for its rows, or is declared permanent; what is over goes in batches,
found by an index however much is there."""

import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from bookstore.app import create_app
from bookstore.clock import DAY, now
from bookstore.data.database import Database
from bookstore.data.housekeeping import BATCH
from bookstore.orders import never_paid
from bookstore.settings import CONTEXTS
from bookstore.web import kept_answers
from bookstore.web.shop import Shop
from tests.conftest import settings_for
from tests.support.mariadb import MariaDB

PAGE = Path(__file__).parents[2] / "docs" / "growth.md"
YOUNG, OLD = 20_000, 2_500
AGO = now() - 400 * DAY
SOON = now() + DAY

# What is filled: the columns whose values matter, for rows that stay and for rows that go.
TABLES: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "sessions": ({"token_hash": "n", "expires_at": f"{SOON}", "seen_at": f"{SOON}"},
                 {"token_hash": "n", "expires_at": f"{SOON}", "seen_at": f"{AGO}"}),
    "throttles": ({"bucket": "n", "full_until": f"{SOON}"}, {"bucket": "n", "full_until": "9"}),
    "one_time_links": ({"token_hash": "n", "expires_at": f"{SOON}"},
                       {"token_hash": "n", "expires_at": f"{AGO}"}),
    "sign_in_places": ({"person_id": "n", "seen_at": f"{SOON}"},
                       {"person_id": "n", "seen_at": f"{AGO}"}),
    "accounts_outbox": ({"mail_key": "n", "closed_at": f"{SOON}"},
                        {"mail_key": "n", "closed_at": f"{AGO}"}),
    "catalogue_outbox": ({"mail_key": "n", "closed_at": f"{SOON}"},
                         {"mail_key": "n", "closed_at": f"{AGO}"}),
    "orders_outbox": ({"mail_key": "n", "closed_at": f"{SOON}"},
                      {"mail_key": "n", "closed_at": f"{AGO}"}),
    **{f"{context}_idempotency": ({"`key`": "n", "started_at": f"{SOON}"},
                                  {"`key`": "n", "started_at": f"{AGO}"})
       for context in CONTEXTS},
    "book_changes": ({"changed_at": f"{SOON}"}, {"changed_at": f"{AGO}"}),
    "released_holds": ({"reference": "n", "released_at": f"{SOON}"},
                       {"reference": "n", "released_at": f"{AGO}"}),
    "holds": ({"reference": "n", "quantity": "1", "state": "'sold'", "expires_at": f"{AGO}"},
              {"reference": "n", "quantity": "1", "state": "'released'", "expires_at": f"{AGO}"}),
    "imports": ({"state": "'done'", "created_at": f"{SOON}"},
                {"state": "'done'", "created_at": f"{AGO}"}),
    "baskets": ({"token_hash": "n", "changed_at": f"{SOON}"},
                {"token_hash": "n", "changed_at": f"{AGO}"}),
    "payment_events": ({"id": "n", "received_at": f"{SOON}"}, {"id": "n", "received_at": f"{AGO}"}),
    # Half of those that stay were paid and called off later.
    "orders": ({"id": "n", "reference": "n", "checkout_key": "n", "state": "'cancelled'",
                "released_at": f"IF(n % 2, {AGO}, {SOON})", "paid_at": f"IF(n % 2, {AGO}, NULL)"},
               {"id": "n", "reference": "n", "checkout_key": "n", "state": "'cancelled'",
                "released_at": f"{AGO}"}),
    "order_lines": ({"order_id": "n", "book_id": "1"}, {"order_id": "n", "book_id": "1"}),
    "shipments": ({"order_id": "n", "seller_id": "1"}, {"order_id": "n", "seller_id": "1"}),
    "payment_intents": ({"id": "n", "order_id": "n"}, {"id": "n", "order_id": "n"}),
}  # fmt: skip


def test_each_table_has_a_lifetime_or_is_declared_permanent(sqlite_template: Path) -> None:
    with sqlite3.connect(sqlite_template) as connection:
        made = {
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith(("sqlite_", "books_words_")) and not name.endswith("_version")
        }
    connection.close()
    rows = re.findall(r"^\| (`.+?) \| \S", PAGE.read_text(), re.MULTILINE)
    named = {name for names in rows for name in re.findall(r"`(\w+)`", names)}
    assert made - named == set()
    assert named - made == set()


def insert(cursor: Any, table: str, given: dict[str, str], first: int, last: int) -> None:
    """Put rows into a table, `n` in a value counting them; other columns are empty or zero."""
    cursor.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = 'shop' AND table_name = %s AND is_nullable = 'NO'"
        " AND column_default IS NULL AND extra NOT LIKE '%%auto_increment%%'",
        (table,),
    )
    values = {f"`{name}`": "0" if "int" in kind else "''" for name, kind in cursor.fetchall()}
    values |= {f"`{name.strip('`')}`": value for name, value in given.items()}
    cursor.execute(
        f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM (SELECT seq AS n FROM seq_{first}_to_{last}) AS numbers"
    )


@pytest.fixture
async def grown(mariadb: MariaDB, mariadb_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    """A shop whose tables hold much that is young, and more than two batches that are old."""
    mariadb.empty("shop")
    with mariadb.connect("shop") as connection, connection.cursor() as cursor:
        for table, (stays, goes) in TABLES.items():
            insert(cursor, table, stays, 1, YOUNG)
            insert(cursor, table, goes, YOUNG + 1, YOUNG + OLD)
            cursor.execute(f"ANALYZE TABLE {table}")
    mails = {"smtp_url": f"file:{tmp_path}/mails"}
    app = create_app(settings_for(mariadb_url, tmp_path / "media", **mails))
    for database in set(databases(app).values()):
        await database.connect()
    yield app
    for database in set(databases(app).values()):
        await database.disconnect()
    with mariadb.connect("shop") as connection, connection.cursor() as cursor:
        cursor.execute("SET foreign_key_checks = 0")
        for table in TABLES:
            cursor.execute(f"TRUNCATE {table}")


def databases(app: Shop) -> dict[str, Database]:
    found: dict[str, Database] = app.extensions["bookstore.databases"]
    return found


def chores(app: Shop) -> list[Callable[[], Awaitable[None]]]:
    """Return all that a shop does by itself."""
    services = [app.extensions[f"bookstore.{name}"] for name in CONTEXTS]
    found = [chore for service in services for _seconds, chore in service.chores()]
    found += [app.extensions["bookstore.mail"].run, app.extensions["bookstore.mail"].forget_old]
    for name, database in databases(app).items():

        async def forget(database: Database = database, name: str = name) -> None:
            await kept_answers.forget_old_answers(
                database, name, app.extensions["bookstore.clock"]()
            )

        found.append(forget)
    return found


@pytest.mark.mariadb
async def test_what_is_over_goes_in_batches_found_by_an_index(
    grown: Shop, mariadb: MariaDB
) -> None:
    with mariadb.connect("mysql") as connection, connection.cursor() as cursor:
        cursor.execute("SET GLOBAL log_output = 'TABLE', GLOBAL long_query_time = 0")
        cursor.execute("SET GLOBAL slow_query_log = ON")
        cursor.execute("TRUNCATE mysql.slow_log")
        pool = databases(grown)["orders"]
        await pool.disconnect()  # connections keep the limit that they began with
        await pool.connect()
        try:
            for chore in chores(grown):
                await chore()
        finally:
            cursor.execute("SET GLOBAL slow_query_log = OFF, GLOBAL long_query_time = DEFAULT")
        cursor.execute(
            "SELECT rows_examined, rows_affected, sql_text FROM mysql.slow_log WHERE db = 'shop'"
        )
        ran = [
            (int(seen), int(changed), str(sql)[:200]) for seen, changed, sql in cursor.fetchall()
        ]
        left = {}
        for table in TABLES:
            cursor.execute(f"SELECT COUNT(*) FROM shop.{table}")
            ((left[table],),) = cursor.fetchall()
    assert any(changed == BATCH for _seen, changed, _sql in ran)
    # A row that is locked or deleted is looked at several times; a table is never read whole.
    assert [one for one in ran if one[0] > 6 * BATCH or one[1] > BATCH] == []
    assert left == dict.fromkeys(TABLES, YOUNG)


async def test_an_unpaid_order_goes_with_all_that_belongs_to_it(database: Database) -> None:
    def order(number: int, paid_at: int | None, released_at: int) -> dict[str, Any]:
        return {"id": number, "paid_at": paid_at, "released_at": released_at}

    async with database.transaction() as queries:
        await queries.execute_many(
            "INSERT INTO orders (id, buyer_id, checkout_key, fingerprint, reference, state,"
            " currency, goods, shipping, carrier, name, address, country, placed_at, expires_at,"
            " paid_at, released_at, changed_at) VALUES (:id, 9, :id, 'f', :id, 'cancelled',"
            " 'EUR', 100, 1, 'post', 'n', 'a', 'ES', 0, 0, :paid_at, :released_at, 0)",
            [
                order(1, None, AGO), order(2, AGO, AGO), order(3, None, now()),
                order(4, None, AGO),  # paid too late, and refunded
            ],
        )  # fmt: skip
        for table, columns, values in (
            ("order_lines", "book_id, seller_id, title, author, price, quantity",
             "1, 1, 't', 'a', 100, 1"),
            ("shipments", "seller_id, seller_name, goods, shipping", "1, 's', 100, 1"),
        ):  # fmt: skip
            await queries.execute(
                f"INSERT INTO {table} (order_id, {columns}) SELECT id, {values} FROM orders"
            )
        await queries.execute(
            "INSERT INTO payment_intents (id, order_id, amount, currency, state, attempt)"
            " SELECT id, id, 101, 'EUR', 'canceled', 0 FROM orders"
        )
        await queries.execute("INSERT INTO refunds VALUES (4, 101, 0, 0)")
    assert await never_paid.forget(database, now()) == 1
    for table, column in (
        ("orders", "id"), ("order_lines", "order_id"),
        ("shipments", "order_id"), ("payment_intents", "order_id"),
    ):  # fmt: skip
        rows: list[tuple[int]] = await database.all(
            tuple, f"SELECT {column} FROM {table} ORDER BY {column}"
        )
        assert [row[0] for row in rows] == [2, 3, 4], table
