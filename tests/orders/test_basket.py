"""Baskets: of a browser, of a person, and of both."""

import asyncio
import json

import pytest

from bookstore.clock import HOUR
from bookstore.web.shop import Shop
from tests.orders.support import ADDRESS, HANGING, add, on_sale, order, pay, person_id, safe
from tests.support.reader import Reader


async def count(reader: Reader) -> str:
    return (await reader.get("/basket/badge")).text


async def test_an_anonymous_basket_survives_signing_in(reader: Reader, shop: Shop) -> None:
    mine, found = await on_sale(shop, copies=3, title="Mine"), await on_sale(shop, title="Found")
    await reader.register(email="ana@example.org")
    assert (await add(reader, mine)).location == "/basket"
    await reader.submit("/account", "/logout")
    assert await count(reader) == ""
    await add(reader, found)
    await add(reader, mine, 2)
    assert await count(reader) == "3"
    await reader.sign_in("ana@example.org")
    page = await reader.get("/basket")
    assert "Mine" in page.text
    assert "Found" in page.text
    assert await count(reader) == "3"  # 2 of Mine, the larger quantity, and Found
    other = await on_sale(shop)
    await add(reader, other)
    assert await count(reader) == "4"
    assert "basket" not in {cookie.name for cookie in reader._client.cookie_jar}


async def test_looking_changes_nothing(reader: Reader, shop: Shop) -> None:
    await add(reader, await on_sale(shop))
    await reader.register()
    for _time in range(2):
        await reader.get("/basket")
        await reader.get("/basket/badge")
    await reader.submit("/account", "/logout")
    assert await count(reader) == "1"


async def test_everybody_has_a_basket_of_their_own(reader: Reader, shop: Shop) -> None:
    await add(reader, await on_sale(shop, title="Secret reading"))
    other = Reader(shop)
    assert "Secret reading" not in (await other.get("/basket")).text
    other._client.set_cookie("localhost", "basket", "guessed")
    assert await count(other) == ""


async def test_the_quantity_can_be_changed_and_the_book_removed(reader: Reader, shop: Shop) -> None:
    book = await on_sale(shop, copies=5, price=300)
    await add(reader, book)
    assert (await reader.submit("/basket", f"/basket/{book}", quantity=4)).status == 303
    assert "€12.00" in (await reader.get("/basket")).see(".sums")
    assert (await reader.submit("/basket", f"/basket/{book}", quantity=0)).status == 303
    assert "empty" in (await reader.get("/basket")).text


@pytest.mark.parametrize(
    "quantity", ["NaN", "-100", "-1", "0", "1.5", "", " ", "1e3", "9" * 30, "9" * 5000, "∞", "21"]
)
async def test_a_quantity_that_is_none_is_refused(
    reader: Reader, shop: Shop, quantity: str
) -> None:
    book = await on_sale(shop, copies=30)
    answer = await add(reader, book, quantity)
    assert answer.status == 422
    assert "whole number" in answer.see(".notice.error")
    assert await count(reader) == ""


@pytest.mark.parametrize("book_id", ["0", "-1", "NaN", "9" * 30, "x", "999999999"])
async def test_a_book_that_does_not_exist_is_refused(reader: Reader, book_id: str) -> None:
    fields = {**await safe(reader), "book_id": book_id, "quantity": "1"}
    assert (await reader.post("/basket", fields)).status == 422
    assert (await reader.post(f"/basket/{book_id}", {**await safe(reader), "quantity": "1"})
            ).status in {404, 405, 422}  # fmt: skip


async def test_more_than_there_are_is_refused_with_what_is_left(reader: Reader, shop: Shop) -> None:
    book = await on_sale(shop, copies=2, title="Orlando")
    assert (await add(reader, book, 2)).status == 303
    answer = await add(reader, book, 1)
    assert answer.status == 422
    assert answer.see(".notice.error") == "Only 2 copies of “Orlando” are left."
    assert await count(reader) == "2"


async def test_a_sold_out_book_is_refused(reader: Reader, shop: Shop) -> None:
    answer = await add(reader, await on_sale(shop, copies=0, title="Orlando"))
    assert answer.status == 422
    assert answer.see(".notice.error") == "“Orlando” is sold out."


async def test_the_page_of_one_s_own_book_has_no_button_for_its_seller_alone(
    reader: Reader, shop: Shop
) -> None:
    other = Reader(shop)
    await reader.register(email="ana@example.org")
    await other.register(email="berta@example.org")
    ana = await person_id(shop, "ana@example.org")
    path = f"/books/{await on_sale(shop, seller_id=ana)}"

    async def offers_basket(who: Reader) -> bool:
        page = await who.get(path)
        own = f"/my{path}" in {a.get("href") for a in page.soup.select("main a")}
        button = page.soup.select_one("main form[action='/basket']") is not None
        assert own is not button
        return button

    assert not await offers_basket(reader)
    assert await offers_basket(other)
    assert not await offers_basket(reader)
    await reader.submit("/account", "/logout")
    assert await offers_basket(reader)
    stranger = Reader(shop)
    stranger._client.set_cookie("localhost", "person", str(ana))
    assert await offers_basket(stranger)


async def test_nobody_buys_their_own_book(reader: Reader, shop: Shop) -> None:
    await reader.register()
    book = await on_sale(shop, seller_id=await person_id(shop, reader.email))
    answer = await add(reader, book)
    assert answer.status == 422
    assert "your own book" in answer.see(".notice.error")


async def test_one_s_own_book_put_in_before_signing_in_is_marked_and_stops_the_checkout(
    reader: Reader, shop: Shop
) -> None:
    await reader.register(email="ana@example.org")
    book = await on_sale(shop, seller_id=await person_id(shop, "ana@example.org"))
    await reader.submit("/account", "/logout")
    await add(reader, book)
    await reader.sign_in("ana@example.org")
    page = await reader.get("/basket")
    assert "your own book" in page.see(".row .error-text")
    assert page.soup.select_one("a[href='/checkout']") is None
    assert (await reader.get("/checkout")).location == "/basket"


async def test_htmx_gets_a_toast_and_tells_the_badge(reader: Reader, shop: Shop) -> None:
    answer = await add(reader, await on_sale(shop, title="Cien años"), HX_Request="true")
    assert answer.status == 204
    events = json.loads(answer.headers["HX-Trigger"])
    assert events["toast"] == {"text": "“Cien años” is in your basket."}
    assert "basket-changed" in events


async def test_htmx_gets_a_toast_when_refused_as_well(reader: Reader, shop: Shop) -> None:
    answer = await add(reader, await on_sale(shop, copies=0), HX_Request="true")
    assert answer.status == 422
    assert "sold out" in json.loads(answer.headers["HX-Trigger"])["toast"]["text"]
    assert answer.headers["HX-Reswap"] == "none"


async def test_htmx_changes_a_quantity_in_place(reader: Reader, shop: Shop) -> None:
    book = await on_sale(shop, copies=5)
    await add(reader, book)
    form = (await reader.get("/basket")).form(f"/basket/{book}")
    answer = await reader.post(f"/basket/{book}", {**form, "quantity": 3}, HX_Request="true")
    assert answer.status == 200
    assert answer.text.strip().startswith('<div id="basket"')
    assert "basket-changed" in answer.headers["HX-Trigger"]


async def test_the_same_form_twice_adds_once(reader: Reader, shop: Shop) -> None:
    book = await on_sale(shop, copies=5)
    fields = {**await safe(reader), "book_id": book, "quantity": 1}
    for _time in range(2):
        assert (await reader.post("/basket", fields)).status == 303
    assert await count(reader) == "1"


async def test_first_books_at_the_same_moment_share_one_basket(reader: Reader, shop: Shop) -> None:
    await reader.register()
    books = [await on_sale(shop) for _each in range(6)]
    forms = [{**await safe(reader), "book_id": book, "quantity": 1} for book in books]
    answers = await asyncio.gather(*(reader.post("/basket", form) for form in forms))
    assert [answer.status for answer in answers] == [303] * 6
    assert await count(reader) == "6"


async def test_a_basket_s_price_is_ours(reader: Reader, shop: Shop) -> None:
    book = await on_sale(shop, price=1250)
    fields = {**await safe(reader), "book_id": book, "quantity": 1, "price": "1", "seller_id": 9}
    await reader.post("/basket", fields)
    assert "€12.50" in (await reader.get("/basket")).see(".sums")


async def test_a_title_is_text_and_never_markup(reader: Reader, shop: Shop) -> None:
    await add(reader, await on_sale(shop, title="<img src=x onerror=alert(1)> hx-get='/x'"))
    page = await reader.get("/basket")
    assert page.soup.select("img[onerror]") == []
    assert "<img src=x" in page.see(".row h2")


async def test_the_basket_names_the_order_that_waits_for_payment(
    reader: Reader, shop: Shop
) -> None:
    await reader.register()
    address = await order(reader, await on_sale(shop))
    waits = f"#basket .notice a[href='{address}/pay']"
    assert "waits for your payment" in (await reader.get("/basket")).see("#basket .notice")
    assert (await reader.get("/basket", Accept_Language="es")).see(waits) == "Pagar"
    assert (await (await Reader(shop).register()).get("/basket")).soup.select(waits) == []
    once_more = await reader.post("/checkout", {**await safe(reader), **ADDRESS, "carrier": "post"})
    assert once_more.see(waits) == "Pay", "nothing is left to order, but this"
    await pay(reader, address)
    assert (await reader.get("/basket")).soup.select(waits) == []


@pytest.mark.parametrize("how", ["card under way", "time went by"])
async def test_an_order_that_takes_no_card_is_not_in_the_basket(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    buyer = await Reader(shop).register()
    address = await order(buyer, await on_sale(shop))
    if how == "card under way":
        await pay(buyer, address, HANGING)
    else:
        orders = shop.extensions["bookstore.orders"]
        later = orders.clock() + HOUR
        monkeypatch.setattr(orders, "clock", lambda: later)
    assert f"{address}/pay" not in (await buyer.get("/basket")).text
