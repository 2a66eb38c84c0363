"""How often a purchase goes to the database, which is most of what it costs."""

from typing import Any

import pytest
from quart import has_request_context

from bookstore.data.answer import Answer
from bookstore.data.mysql import Connections
from bookstore.web.shop import Shop
from tests.orders.support import ADDRESS, CARD, databases, on_sale, safe
from tests.support.reader import Reader


async def test_a_purchase_makes_31_round_trips(
    buyer: Reader, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/performance.md says what each of them is for."""
    if databases(shop)["orders"].dialect != "mysql":
        pytest.skip("SQLite is in the process itself")
    sent: list[object] = []
    run = Connections.run

    async def counted(engine: Connections, raw: Any, statements: Any) -> list[Answer]:
        if has_request_context():  # chores look around meanwhile
            sent.append(statements)
        return await run(engine, raw, statements)

    def taken() -> int:
        count = len(sent)
        sent.clear()
        return count

    fields = {**await safe(buyer), "book_id": await on_sale(shop), "quantity": 1}
    monkeypatch.setattr(Connections, "run", counted)
    assert (await buyer.post("/basket", fields)).status == 303
    assert taken() == 8  # one more than later: what was in the basket before signing in
    page = await buyer.get("/checkout")
    assert taken() == 4
    placed = await buyer.post("/checkout", {**page.form("/checkout"), **ADDRESS})
    assert taken() == 10
    assert placed.location is not None
    form = (await buyer.get(placed.location)).form(placed.location)
    assert taken() == 2
    paid = await buyer.post(placed.location, {**form, "card_number": CARD})
    assert (paid.status, taken()) == (303, 7)
