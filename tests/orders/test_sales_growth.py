"""A seller with very many parcels: lists and sums are found by an index, and are right."""

from typing import Any

import pytest

from bookstore.data.database import Database
from bookstore.orders import repository
from bookstore.orders.service import Orders
from bookstore.web.shop import Shop
from tests.orders.conftest import Clock
from tests.orders.support import bought, databases, on_sale
from tests.support.reader import Reader

SELLER = 4_000
PARCELS = 20_000


async def fill(database: Database, parcels: int) -> None:
    """Give a seller parcels: a tenth to send, two tenths sent, the others never paid for."""
    async with database.transaction() as queries:
        await queries.execute_many(
            "INSERT INTO orders (id, buyer_id, checkout_key, fingerprint, reference, state,"
            " currency, goods, shipping, carrier, name, address, country, placed_at, expires_at,"
            " paid_at, confirmed_at, changed_at) VALUES (:id, 9, :key, 'f', :key, :state,"
            " 'EUR', 100, 1, 'post', 'n', 'a', 'ES', 0, 0, :paid, :paid, 0)",
            [
                {
                    "id": number, "key": f"k{number}",
                    "state": "paid" if number % 10 < 3 else "cancelled",
                    "paid": 1 if number % 10 < 3 else None,
                }
                for number in range(1, parcels + 1)
            ],
        )  # fmt: skip
        await queries.execute_many(
            "INSERT INTO shipments (id, order_id, seller_id, seller_name, goods, shipping,"
            " shipped_at, stage, currency) VALUES (:id, :id, :seller, 's', 100, 1, :shipped,"
            " :stage, :currency)",
            [
                {
                    "id": number, "seller": SELLER,
                    "stage": {0: 1, 1: 2, 2: 2}.get(number % 10, 0),
                    "shipped": 1 if number % 10 in {1, 2} else None,
                    "currency": "EUR" if number % 10 < 3 else "",
                }
                for number in range(1, parcels + 1)
            ],
        )  # fmt: skip
        if database.dialect == "mysql":
            await queries.all(tuple, "ANALYZE TABLE shipments")
        else:
            await queries.execute("ANALYZE")


async def plan(database: Database, statement: str) -> str:
    """Return in words how the engine finds the rows."""
    explain = "EXPLAIN" if database.dialect == "mysql" else "EXPLAIN QUERY PLAN"
    values = {"seller_id": SELLER, "stage": 1, "before": 10**9, "limit": 9}
    rows: list[tuple[Any, ...]] = await database.all(tuple, f"{explain} {statement}", values)
    return str(rows)


@pytest.mark.filterwarnings("ignore:/. select#1")  # a note of MySQL's about what it explains
async def test_a_sellers_page_reads_what_it_shows(database: Database) -> None:
    await fill(database, PARCELS)
    lists = await plan(
        database,
        "SELECT * FROM shipments WHERE seller_id = :seller_id AND stage = :stage AND id < :before"
        " ORDER BY id LIMIT :limit",
    )
    assert "shipments_shown" in lists
    assert not any(word in lists for word in ("filesort", "TEMP B-TREE"))
    sums = await plan(
        database,
        "SELECT currency, SUM(goods) FROM shipments"
        " WHERE seller_id = :seller_id AND stage IN (1, 2) GROUP BY currency",
    )
    assert "shipments_earned" in sums
    to_send = await repository.sales_of(database, SELLER, shipped=False, before=10**9, limit=100)
    sent = await repository.sales_of(database, SELLER, shipped=True, before=10**9, limit=20)
    earnings = await repository.earnings_of(database, SELLER)
    assert [row.id for row in to_send[:3]] == [10, 20, 30]
    assert [row.id for row in sent[:3]] == [PARCELS - 8, PARCELS - 9, PARCELS - 18]
    assert [tuple(map(str, row)) for row in earnings] == [("EUR", "400000", "200000")]


async def test_parcels_that_an_earlier_version_sold_are_shown_as_well(
    shop: Shop, orders: Orders, clock: Clock, buyer: Reader
) -> None:
    del clock
    database = databases(shop)["orders"]
    await bought(buyer, await on_sale(shop, seller_id=SELLER))
    shown = await repository.sales_of(database, SELLER, shipped=False, before=10**9, limit=9)
    assert len(shown) == 1
    await database.execute("UPDATE shipments SET stage = 0, currency = ''")
    await orders.show_what_was_sold()
    again = await repository.sales_of(database, SELLER, shipped=False, before=10**9, limit=9)
    assert again == shown
    earned = await repository.earnings_of(database, SELLER)
    assert [row.currency for row in earned] == ["EUR"]


@pytest.mark.parametrize("whole", [True, False])
async def test_what_is_called_off_is_shown_no_longer(
    shop: Shop, orders: Orders, buyer: Reader, whole: bool
) -> None:
    database = databases(shop)["orders"]
    other = await on_sale(shop, seller_id=SELLER + 1)
    address = await bought(buyer, await on_sale(shop, seller_id=SELLER), other)
    order_id = int(address.rsplit("/", 1)[1])
    order = await repository.order(database, order_id)
    assert order is not None
    parcels = await repository.shipments_of(database, [order_id])
    mine = next(one for one in parcels if one.seller_id == SELLER)
    if whole:
        await orders.cancel(order_id, order.buyer_id)
    else:
        await database.in_transaction(
            lambda queries: repository.cancel_shipment(queries, mine.id, "seller", 1)
        )
    counts = [
        len(await repository.sales_of(database, seller, shipped=False, before=10**9, limit=9))
        for seller in (SELLER, SELLER + 1)
    ]
    assert counts == ([0, 0] if whole else [0, 1])
