"""Answers that are kept in the very transaction that does the work."""

import json
from contextlib import suppress
from typing import Any

import pytest

from bookstore.contracts import Quote
from bookstore.data.queries import Queries
from bookstore.orders.service import Orders
from bookstore.web.shop import Shop
from tests.orders.support import ADDRESS, CARD, add, databases, on_sale, order, safe
from tests.support.reader import Page, Reader


async def _kept(shop: Shop) -> list[int | None]:
    rows: list[tuple[Any, ...]] = await databases(shop)["orders"].all(
        tuple, "SELECT status FROM orders_idempotency ORDER BY started_at"
    )
    return [row[0] for row in rows]


def _same(first: Page, second: Page) -> None:
    location = f"{first.location}?sent=before" if first.location == "/basket" else first.location
    assert (first.status, location) == (second.status, second.location)
    assert "Idempotent-Replay" not in first.headers
    assert second.headers["Idempotent-Replay"] == "true"


async def test_into_the_basket(buyer: Reader, shop: Shop) -> None:
    fields = {**await safe(buyer), "book_id": await on_sale(shop, copies=9), "quantity": 2}
    _same(await buyer.post("/basket", fields), await buyer.post("/basket", fields))
    assert await _kept(shop) == [303]
    assert (await buyer.get("/basket/badge")).text == "2"


async def test_into_the_basket_with_htmx(buyer: Reader, shop: Shop) -> None:
    fields = {**await safe(buyer), "book_id": await on_sale(shop, title="Año"), "quantity": 1}
    first = await buyer.post("/basket", fields, HX_Request="true")
    second = await buyer.post("/basket", fields, HX_Request="true")
    _same(first, second)
    assert first.status == 204
    assert "Año" in json.loads(first.headers["HX-Trigger"])["toast"]["text"]
    assert first.headers["HX-Trigger"] == second.headers["HX-Trigger"]


async def test_an_order_and_its_payment(buyer: Reader, shop: Shop) -> None:
    await add(buyer, await on_sale(shop))
    form = {**(await buyer.get("/checkout")).form("/checkout"), **ADDRESS}
    first = await buyer.post("/checkout", form)
    _same(first, await buyer.post("/checkout", form))
    assert first.location is not None
    card = {**(await buyer.get(first.location)).form(first.location), "card_number": CARD}
    paid = await buyer.post(first.location, card)
    _same(paid, await buyer.post(first.location, card))
    assert paid.location == first.location.removesuffix("/pay")
    assert await _kept(shop) == [303] * 3


async def test_a_declined_card_is_not_kept(buyer: Reader, shop: Shop) -> None:
    address = f"{await order(buyer, await on_sale(shop))}/pay"
    form = {**(await buyer.get(address)).form(address), "card_number": "4000000000000002"}
    assert (await buyer.post(address, form)).status == 422
    assert (await buyer.post(address, {**form, "card_number": CARD})).status == 303


async def test_an_answer_that_was_undone_with_its_work_is_kept_by_itself(
    buyer: Reader, shop: Shop, orders: Orders, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def undone(*_given: object, before_commit: Any) -> Quote:
        quote: Any = None
        with suppress(LookupError):
            async with databases(shop)["orders"].transaction() as queries:
                assert isinstance(queries, Queries)
                await before_commit(queries, quote)
                raise LookupError
        return quote  # type: ignore[no-any-return]

    monkeypatch.setattr(orders.baskets, "add", undone)
    fields = {**await safe(buyer), "book_id": 1, "quantity": 1}
    _same(await buyer.post("/basket", fields), await buyer.post("/basket", fields))
    assert await _kept(shop) == [303]
