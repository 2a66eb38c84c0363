"""Pages and statements when a shop has grown: a million books, a million sessions, a seller with
100,000 parcels. `./run bench --growth`"""

import argparse
import statistics
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.client import Browser
from benchmarks.data import FIRST_BUYER, Data, load
from benchmarks.stacks import Stack, shop
from benchmarks.visits import Refused
from bookstore.clock import now
from bookstore.migrations import migrate
from bookstore.settings import load_settings
from tests.support.mariadb import MariaDB

SELLER = 0  # the number of the buyer who sells as well
RUNS = 5
PAGE_MS, STATEMENT_MS, SWEEP_MS = 250.0, 50.0, 1000.0  # what must hold
_COLD = ("--innodb-buffer-pool-load-at-startup=OFF",)  # a restart leaves nothing in its memory
_RESTARTED = "after a restart of the database, with nothing in its memory"
STATES = ("paid", "paid", "paid", "cancelled", "placed")  # of the orders behind the parcels


class Timing(NamedTuple):
    """One page: milliseconds the first time, the median and the slowest."""

    name: str
    path: str
    first: float
    median: float
    slowest: float


async def measure(options: argparse.Namespace, folder: Path) -> int:
    """Fill the database, time every page that grows, and tell which statements took long."""
    with ExitStack() as running:
        server = running.enter_context(MariaDB.start(*_COLD))
        url = server.create_database("shop")
        migrate(load_settings(database_url=url, secret_key="k" * 40))
        begun = time.monotonic()
        print(
            f"Filling the database with {options.books:,} books, {options.sessions:,} sessions and"
            f" {options.parcels:,} parcels of one seller …",
            flush=True,
        )
        data = load(server, options.books, options.sessions, peers=False)
        with server.connect("shop") as connection, connection.cursor() as cursor:
            add_parcels(cursor, options.parcels)
            cursor.execute(
                "ANALYZE TABLE orders, order_lines, shipments, payment_intents, sessions"
            )
        print(f"  done in {time.monotonic() - begun:.0f} s", flush=True)
        held = await _ask(server, url, folder, data, "right after filling")
        server.stop()
        server.boot()
        return 0 if await _ask(server, url, folder, data, _RESTARTED) and held else 1


async def _ask(server: MariaDB, url: str, folder: Path, data: Data, when: str) -> bool:
    """Time every page with a fresh replica and print what it took; tell whether all were quick."""
    with (
        shop(url, folder) as ours,
        server.connect("mysql") as connection,
        connection.cursor() as cursor,
    ):
        await ours.ready()
        watch(cursor)
        timings = [await _timed(ours, data, name, path) for name, path in pages(data).items()]
        slow = slow_statements(cursor)
    _print(when, timings, slow)
    return not slow and all(timing.slowest <= PAGE_MS for timing in timings)


def pages(data: Data) -> dict[str, str]:
    """Return the pages that grow, by what they are."""
    frequent = data.words[0]
    return {
        "front page": "/",
        "list": "/books",
        "rare facet by title": "/?category=arts&sort=title",
        "rare facet by price": "/?category=arts&sort=price-up",
        "two facets": "/?category=arts&language=it",
        "frequent word": "/?q=the",
        "one word": f"/?q={frequent}",
        "frequent word of a seller": f"/?q=the&seller={FIRST_BUYER + SELLER}",
        "books of a seller": f"/?seller={FIRST_BUYER + SELLER}",
        "sales of the seller": "/sales",
        "own books of the seller": "/my/books",
        "orders of a buyer": "/orders",
        "account": "/account",
    }


def add_parcels(cursor: Any, parcels: int) -> None:
    """Put orders of many buyers into the tables, each with one line and one parcel of the seller,
    and give the seller a tenth of the books."""
    seller = FIRST_BUYER + SELLER
    cursor.execute("UPDATE books SET seller_id = %s WHERE id %% 10 = 0", (seller,))
    moment = now()
    paid, cancelled = f"n % {len(STATES)} < 3", f"n % {len(STATES)} = 3"
    for table, given in {
        "orders": {
            "id": "n", "buyer_id": f"{FIRST_BUYER} + n % 5000", "checkout_key": "CONCAT('g', n)",
            "fingerprint": "REPEAT('0', 64)", "reference": "LPAD(HEX(n), 32, '0')",
            "state": f"ELT(1 + n % {len(STATES)}, {', '.join(repr(state) for state in STATES)})",
            "currency": "'EUR'", "goods": "900", "shipping": "290", "carrier": "'post'",
            "name": "'A buyer'", "address": "'Street 1'", "country": "'ES'",
            "placed_at": f"{moment} - n * 60000", "expires_at": f"{moment} - n * 60000 + 900000",
            "paid_at": f"IF({paid}, {moment} - n * 60000, NULL)",
            "confirmed_at": f"IF({paid}, {moment} - n * 60000, NULL)",
            "cancelled_at": f"IF({cancelled}, {moment} - n * 60000, NULL)",
            "released_at": f"IF({cancelled}, {moment} - n * 60000, NULL)",
        },
        "order_lines": {
            "order_id": "n", "book_id": "10 * (1 + n % 900)", "seller_id": str(seller),
            "title": "'A book'", "author": "'An author'", "price": "900", "quantity": "1",
        },
        "shipments": {
            "id": "n", "order_id": "n", "seller_id": str(seller), "seller_name": "'A seller'",
            "goods": "900", "shipping": "290",
            "shipped_at": f"IF({paid} AND n % 2, {moment} - n * 50000, NULL)",
            "tracking_code": f"IF({paid} AND n % 2, CONCAT('T', n), NULL)",
        },
        "payment_intents": {
            "id": "CONCAT('pi_', n)", "order_id": "n", "amount": "1190", "currency": "'EUR'",
            "state": f"IF({paid}, 'succeeded', IF({cancelled}, 'canceled',"
            " 'requires_payment_method'))",
        },
    }.items():  # fmt: skip
        values = {**_defaults(cursor, table), **given}
        columns = ", ".join(f"`{name}`" for name in values)
        chosen = ", ".join(values.values())
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {chosen}"
            f" FROM (SELECT seq AS n FROM seq_1_to_{parcels}) AS numbers"
        )


def _defaults(cursor: Any, table: str) -> dict[str, str]:
    """Return a value for each column that needs one and has no default of its own."""
    cursor.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = DATABASE() AND table_name = %s AND is_nullable = 'NO'"
        " AND column_default IS NULL AND extra NOT LIKE '%%auto_increment%%'",
        (table,),
    )
    return {name: "0" if "int" in kind else "''" for name, kind in cursor.fetchall()}


def watch(cursor: Any) -> None:
    """Have the server write down each statement that takes longer than a page's may."""
    cursor.execute("SET GLOBAL slow_query_log = OFF")
    cursor.execute("TRUNCATE TABLE slow_log")
    cursor.execute("SET GLOBAL log_output = 'TABLE'")
    cursor.execute("SET GLOBAL long_query_time = %s", (STATEMENT_MS / 1000,))
    cursor.execute("SET GLOBAL slow_query_log = ON")


def slow_statements(cursor: Any) -> list[tuple[float, str]]:
    """Return the statements that took too long, milliseconds and text; a sweep has a second."""
    cursor.execute("SELECT TIME_TO_SEC(query_time) * 1000, sql_text FROM mysql.slow_log")
    found = [(float(ms), " ".join(_text(sql).split())) for ms, sql in cursor.fetchall()]
    return sorted(
        (one for one in found if one[0] > (STATEMENT_MS if one[1][:6] == "SELECT" else SWEEP_MS)),
        reverse=True,
    )


def _text(sql: str | bytes) -> str:
    return sql.decode(errors="replace") if isinstance(sql, bytes) else sql


async def _timed(ours: Stack, data: Data, name: str, path: str) -> Timing:
    taken = []
    for _run in range(RUNS):
        browser = Browser(ours.port, {"session": data.tokens[SELLER]})
        begun = time.perf_counter()
        answer = await browser.get(path)
        taken.append((time.perf_counter() - begun) * 1000)
        browser.close()
        if answer.status != 200:
            raise Refused(f"{path} answered {answer.status}\n{ours.last_words()}")
    return Timing(name, path, taken[0], statistics.median(taken), max(taken))


def _print(when: str, timings: list[Timing], slow: list[tuple[float, str]]) -> None:
    print(f"\n{when.capitalize()}:\n{'ms a page':<28}{'first':>9}{'median':>9}{'slowest':>9}")
    for timing in timings:
        verdict = "" if timing.slowest <= PAGE_MS else f"  over {PAGE_MS:.0f}"
        times = "".join(f"{ms:>9.1f}" for ms in timing[2:])
        print(f"{timing.name:<28}{times}{verdict}")
    print(f"\nStatements of pages over {STATEMENT_MS:.0f} ms, of sweeps over {SWEEP_MS:.0f} ms:"
          f"{'' if slow else ' none'}")  # fmt: skip
    for ms, sql in slow[:20]:
        print(f"  {ms:>7.0f}  {sql[:180]}")
