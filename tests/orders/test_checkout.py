"""From the basket to an order."""

import asyncio
import re

import pytest

from bookstore.clock import MINUTE, SECOND
from bookstore.orders.service import Orders
from bookstore.web.shop import Shop
from tests.orders.conftest import Clock
from tests.orders.support import ADDRESS, add, bought, databases, on_sale, order, safe
from tests.support.reader import Reader


async def stock(shop: Shop, book: int) -> int:
    return int(
        await databases(shop)["catalogue"].value(
            "SELECT stock FROM books WHERE id = :id", {"id": book}
        )
    )


async def number_of_orders(shop: Shop) -> int:
    return int(await databases(shop)["orders"].value("SELECT COUNT(*) FROM orders"))


async def test_ordering_needs_an_account(reader: Reader, shop: Shop) -> None:
    await add(reader, await on_sale(shop))
    assert (await reader.get("/checkout")).location == "/login?next=%2Fcheckout"
    answer = await reader.post("/checkout", {**await safe(reader), **ADDRESS, "carrier": "post"})
    assert (answer.status, answer.location) == (422, None)
    assert answer.form("/checkout")["address"] == ADDRESS["address"]  # nothing typed is lost
    assert answer.soup.select_one("a[href='/login'][target='_blank']") is not None
    assert await number_of_orders(shop) == 0


async def test_steps_cannot_be_skipped(buyer: Reader, shop: Shop) -> None:
    assert (await buyer.get("/checkout")).location == "/basket"
    answer = await buyer.post("/checkout", {**await safe(buyer), **ADDRESS, "carrier": "post"})
    assert answer.status == 409
    assert "nothing in your basket" in answer.see(".notice.error")
    assert (await buyer.get("/orders/1/pay")).status == 404


async def test_books_of_two_sellers_are_one_payment_and_two_parcels(
    buyer: Reader, shop: Shop
) -> None:
    first = await on_sale(shop, price=1000, seller_id=71, seller_name="Sela")
    second = await on_sale(shop, price=500, seller_id=72, seller_name="Tomás")
    address = await order(buyer, first, second, carrier="parcel")
    page = await buyer.get(address)
    assert [tag.get_text() for tag in page.soup.select(".parcel h2 a")] == ["Sela", "Tomás"]
    assert "Pay €24.00" in re.sub(r"\s+", " ", (await buyer.get(f"{address}/pay")).text)


async def test_ordering_empties_the_basket_and_holds_the_copies(buyer: Reader, shop: Shop) -> None:
    book = await on_sale(shop, copies=3)
    await add(buyer, book, 2)
    await buyer.submit("/checkout", **ADDRESS)
    assert await stock(shop, book) == 1
    assert (await buyer.get("/basket/badge")).text == ""


async def test_the_snapshot_stays_when_the_seller_changes_the_book(
    buyer: Reader, shop: Shop
) -> None:
    book = await on_sale(shop, title="Old title", price=1000)
    address = await order(buyer, book)
    await databases(shop)["catalogue"].execute(
        "UPDATE books SET title = 'New title', price = 99900 WHERE id = :id", {"id": book}
    )
    page = await buyer.get(address)
    assert "Old title" in page.text
    assert "€12.90" in page.see(".sums .total")


async def test_prices_of_the_form_are_ignored(buyer: Reader, shop: Shop) -> None:
    await add(buyer, await on_sale(shop, price=1000))
    answer = await buyer.submit(
        "/checkout", **ADDRESS, price="1", total="1", goods=1, shipping=0, amount="NaN",
        buyer_id=99, state="paid", seller_id=1,
    )  # fmt: skip
    assert answer.status == 303
    page = await buyer.get((answer.location or "").removesuffix("/pay"))
    assert "€12.90" in page.see(".sums .total")
    assert page.see(".badge") == "Waiting for payment"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "x" * 81), ("address", ""), ("address", "abc"),
        ("address", "x" * 401), ("address", "a\x00bcdef"), ("country", "XX"), ("country", ""),
        ("carrier", "pigeon"), ("carrier", ""),
    ],
)  # fmt: skip
async def test_a_bad_field_is_a_sentence_and_keeps_the_rest(
    buyer: Reader, shop: Shop, field: str, value: str
) -> None:
    await add(buyer, await on_sale(shop))
    answer = await buyer.submit("/checkout", **{**ADDRESS, "name": "Ana P.", field: value})
    assert answer.status == 422
    assert answer.errors()
    if field != "name":
        assert answer.form("/checkout")["name"] == "Ana P."
    assert await number_of_orders(shop) == 0


async def test_a_shortage_says_what_is_left_and_keeps_the_basket(buyer: Reader, shop: Shop) -> None:
    scarce, plenty = await on_sale(shop, copies=2, title="Scarce"), await on_sale(shop, copies=9)
    await add(buyer, scarce, 2)
    await add(buyer, plenty, 3)
    form = (await buyer.get("/checkout")).form("/checkout")
    await order(await Reader(shop).register("Rival"), scarce)
    answer = await buyer.post("/checkout", {**form, **ADDRESS})
    assert answer.status == 409
    assert "Only 1 copy of “Scarce” is left." in answer.text
    assert (await buyer.get("/basket/badge")).text == "5"
    assert await stock(shop, plenty) == 9
    # With the quantity put right the same person orders after all.
    await buyer.submit("/basket", f"/basket/{scarce}", quantity=1)
    assert (await buyer.submit("/checkout", **ADDRESS)).status == 303
    assert (await stock(shop, scarce), await stock(shop, plenty)) == (0, 6)


async def test_a_changed_price_is_shown_before_anything_is_ordered(
    buyer: Reader, shop: Shop
) -> None:
    book = await on_sale(shop, price=1000)
    await add(buyer, book)
    form = (await buyer.get("/checkout")).form("/checkout")
    await databases(shop)["catalogue"].execute(
        "UPDATE books SET price = 2000 WHERE id = :id", {"id": book}
    )
    answer = await buyer.post("/checkout", {**form, **ADDRESS})
    assert answer.status == 422
    assert "changed" in answer.see(".notice.error")
    assert "€22.90" in answer.see("#totals")
    assert await stock(shop, book) == 1


async def test_the_same_key_twice_is_one_order(buyer: Reader, shop: Shop) -> None:
    book = await on_sale(shop, copies=5)
    await add(buyer, book)
    fields = {**(await buyer.get("/checkout")).form("/checkout"), **ADDRESS}
    answers = await asyncio.gather(*(buyer.post("/checkout", fields) for _time in range(5)))
    assert {(answer.status, answer.location) for answer in answers} == {(303, answers[0].location)}
    assert await number_of_orders(shop) == 1
    assert await stock(shop, book) == 4


async def test_the_same_key_from_another_session_is_the_same_order(
    buyer: Reader, shop: Shop
) -> None:
    book = await on_sale(shop, copies=5)
    await add(buyer, book)
    fields = {**(await buyer.get("/checkout")).form("/checkout"), **ADDRESS}
    first = await buyer.post("/checkout", fields)
    phone = Reader(shop)
    await phone.sign_in(buyer.email)
    again = await phone.post(
        "/checkout", {**fields, "csrf_token": (await safe(phone))["csrf_token"]}
    )
    assert (again.status, again.location) == (303, first.location)
    assert await number_of_orders(shop) == 1


@pytest.mark.parametrize("same_session", [True, False])
async def test_the_same_key_with_other_contents_is_refused(
    buyer: Reader, shop: Shop, same_session: bool
) -> None:
    book = await on_sale(shop, copies=5)
    await add(buyer, book)
    fields = {**(await buyer.get("/checkout")).form("/checkout"), **ADDRESS}
    assert (await buyer.post("/checkout", fields)).status == 303
    sender = buyer
    if not same_session:
        sender = Reader(shop)
        await sender.sign_in(buyer.email)
        fields["csrf_token"] = (await safe(sender))["csrf_token"]
    answer = await sender.post("/checkout", {**fields, "address": "Somewhere else 7"})
    assert answer.status == 422
    assert await number_of_orders(shop) == 1


async def test_one_basket_sent_from_two_windows_is_one_order(buyer: Reader, shop: Shop) -> None:
    book = await on_sale(shop, copies=5)
    await add(buyer, book)
    windows = [(await buyer.get("/checkout")).form("/checkout") for _window in range(2)]
    answers = await asyncio.gather(
        *(buyer.post("/checkout", {**fields, **ADDRESS}) for fields in windows)
    )
    assert sorted(answer.status for answer in answers)[0] == 303
    assert sum(answer.status == 303 for answer in answers) == 1
    orders: Orders = shop.extensions["bookstore.orders"]
    await orders.saga.sweep()
    assert await stock(shop, book) == 4


async def test_an_order_without_key_or_token_is_refused(buyer: Reader, shop: Shop) -> None:
    await add(buyer, await on_sale(shop))
    fields = {**(await buyer.get("/checkout")).form("/checkout"), **ADDRESS}
    assert (await buyer.post("/checkout", {**fields, "csrf_token": ""})).status == 403
    assert (await buyer.post("/checkout", {**fields, "idempotency_key": ""})).status == 400
    assert (await buyer.post("/checkout", {**fields, "idempotency_key": "k" * 256})).status == 400
    assert await number_of_orders(shop) == 0


async def test_an_unpaid_order_runs_out_and_its_copies_come_back(
    buyer: Reader, shop: Shop, orders: Orders, clock: Clock
) -> None:
    book = await on_sale(shop)
    address = await order(buyer, book)
    clock.pass_(15 * MINUTE - 5 * SECOND)
    await orders.saga.sweep()
    assert await stock(shop, book) == 0
    clock.pass_(6 * SECOND)
    await orders.saga.sweep()
    assert await stock(shop, book) == 1
    page = await buyer.get(address)
    assert page.see(".badge") == "Cancelled"
    assert "not paid in time" in page.text
    assert (await buyer.get(f"{address}/pay")).location == address


async def test_the_last_address_is_remembered(buyer: Reader, shop: Shop) -> None:
    await bought(buyer, await on_sale(shop), country="PT")
    await add(buyer, await on_sale(shop))
    form = (await buyer.get("/checkout")).form("/checkout")
    assert (form["name"], form["address"].strip(), form["country"]) == (
        ADDRESS["name"], ADDRESS["address"], "PT",
    )  # fmt: skip


async def test_htmx_sees_the_total_of_another_carrier(buyer: Reader, shop: Shop) -> None:
    await add(buyer, await on_sale(shop, price=1000))
    answer = await buyer.get("/checkout?carrier=express", HX_Request="true")
    assert answer.text.strip().startswith("<dl")
    assert "€18.90" in answer.see(".total")


async def test_orders_are_counted_for_operators(buyer: Reader, shop: Shop) -> None:
    async def counted(name: str) -> float:
        found = re.search(rf"^bookstore_{name}_total (\S+)", (await buyer.get("/metrics")).text,
                          re.MULTILINE)  # fmt: skip
        assert found is not None
        return float(found.group(1))

    names = ("orders_placed", "orders_paid", "stock_conflicts")
    before = [await counted(name) for name in names]
    book = await on_sale(shop)
    rival = await Reader(shop).register()
    await add(rival, book)
    form = (await rival.get("/checkout")).form("/checkout")
    await bought(buyer, book)
    assert (await rival.post("/checkout", {**form, **ADDRESS})).status == 409
    after = [await counted(name) for name in names]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1]


async def test_a_basket_filled_before_creating_an_account_is_ordered(
    shop: Shop, reader: Reader
) -> None:
    book = await on_sale(shop, copies=2)
    await add(reader, book)
    await reader.register()
    answer = await reader.submit("/checkout", **ADDRESS)
    assert answer.status == 303, answer.text
    assert await items_left(shop) == 0


async def items_left(shop: Shop) -> int:
    return int(await databases(shop)["orders"].value("SELECT COUNT(*) FROM basket_items"))
