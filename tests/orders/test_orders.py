"""History, cancelling, sales and shipping."""

import asyncio

import pytest

from bookstore.clock import DAY, SECOND
from bookstore.web.shop import Shop
from tests.orders.conftest import Clock
from tests.orders.support import bought, databases, on_sale, order, pay, person_id, safe, ship
from tests.support.reader import Page, Reader


@pytest.fixture
async def seller(shop: Shop) -> Reader:
    return await Reader(shop).register("Sela")


async def sold(shop: Shop, seller: Reader, buyer: Reader, **terms: object) -> str:
    """Have the buyer buy and pay for a book of the seller's; return the order's address."""
    book = await on_sale(shop, seller_id=await person_id(shop, seller.email), **terms)
    return await bought(buyer, book)


async def stock(shop: Shop) -> int:
    return int(await databases(shop)["catalogue"].value("SELECT SUM(stock) FROM books"))


async def status(reader: Reader, address: str) -> str:
    return (await reader.get(address)).see(".badge")


async def test_somebody_else_s_order_does_not_exist(buyer: Reader, shop: Shop) -> None:
    address = await order(buyer, await on_sale(shop))
    thief = await Reader(shop).register("Thief")
    for path in (address, f"{address}/timeline", f"{address}/pay"):
        assert (await thief.get(path)).status == 404
    assert (await thief.post(f"{address}/cancel", await safe(thief))).status == 404
    assert "Order" not in (await thief.get("/orders")).see("main")
    assert await status(buyer, address) == "Waiting for payment"


@pytest.mark.parametrize("number", ["0", "999999", "9" * 18, "9" * 30, "-1", "x", "1e3"])
async def test_unknown_numbers_are_not_found(buyer: Reader, number: str) -> None:
    for path in (f"/orders/{number}", f"/orders/{number}/pay", f"/orders/{number}/timeline",
                 f"/pay/3ds/{number}"):  # fmt: skip
        assert (await buyer.get(path)).status == 404
    hidden = await safe(buyer)
    for path in (f"/orders/{number}/cancel", f"/sales/{number}/ship", f"/orders/{number}/pay"):
        assert (await buyer.post(path, hidden)).status in {404, 405}  # 405: no route at all


async def test_an_unpaid_order_offers_to_pay_and_to_cancel(buyer: Reader, shop: Shop) -> None:
    address = await order(buyer, await on_sale(shop))
    assert (await buyer.get("/orders")).soup.select_one(f"a[href='{address}/pay']") is not None
    assert (await buyer.get(address)).soup.select_one(f"a[href='{address}/pay']") is not None
    assert (await buyer.submit(address, f"{address}/cancel")).location == address
    assert await status(buyer, address) == "Cancelled"
    assert await stock(shop) == 1
    assert (await pay_directly(buyer, address)).location == address
    assert await status(buyer, address) == "Cancelled"


async def pay_directly(reader: Reader, address: str) -> Page:
    fields = {"card_number": "4242424242424242", "expiry": "12/40", "cvc": "123"}
    return await reader.post(f"{address}/pay", {**await safe(reader), **fields})


async def test_a_paid_order_is_cancelled_and_refunded_before_shipping(
    buyer: Reader, seller: Reader, shop: Shop
) -> None:
    address = await sold(shop, seller, buyer, price=1000)
    assert (await buyer.submit(address, f"{address}/cancel")).status == 303
    page = await buyer.get(address)
    assert page.see(".badge") == "Refunded"
    assert "Refund €12.90" in page.see(".sums")
    assert await stock(shop) == 1
    assert "no sales to show" in (await seller.get("/sales")).text


async def test_after_shipping_nothing_is_cancelled(
    buyer: Reader, seller: Reader, shop: Shop
) -> None:
    address = await sold(shop, seller, buyer)
    form = (await buyer.get(address)).form(f"{address}/cancel")
    await ship(seller)
    assert "Cancel order" not in (await buyer.get(address)).text
    assert (await buyer.post(f"{address}/cancel", form)).status == 409
    assert await status(buyer, address) == "Shipped"


async def test_cancelling_and_shipping_at_once_ends_one_way(
    buyer: Reader, seller: Reader, shop: Shop
) -> None:
    address = await sold(shop, seller, buyer)
    cancel = (await buyer.get(address)).form(f"{address}/cancel")
    sales = await seller.get("/sales")
    action = str(sales.soup.select("form[action$='/ship']")[0]["action"])
    answers = await asyncio.gather(
        buyer.post(f"{address}/cancel", cancel), seller.post(action, sales.form(action))
    )
    assert sorted(answer.status for answer in answers) == [303, 409]
    assert await status(buyer, address) in {"Refunded", "Shipped"}


async def test_nothing_is_shipped_without_payment(
    buyer: Reader, seller: Reader, shop: Shop
) -> None:
    book = await on_sale(shop, seller_id=await person_id(shop, seller.email))
    address = await order(buyer, book)
    assert "no sales to show" in (await seller.get("/sales")).text
    shipment = int(await databases(shop)["orders"].value("SELECT id FROM shipments"))
    answer = await seller.post(
        f"/sales/{shipment}/ship", {**await safe(seller), "tracking_code": "EZ4000000004"}
    )
    assert answer.status == 409
    assert await status(buyer, address) == "Waiting for payment"


async def test_only_the_seller_ships_and_only_once(
    buyer: Reader, seller: Reader, shop: Shop
) -> None:
    await sold(shop, seller, buyer)
    shipment = int(await databases(shop)["orders"].value("SELECT id FROM shipments"))
    assert (await buyer.post(f"/sales/{shipment}/ship", await safe(buyer))).status == 404
    form = (await seller.get("/sales")).form(f"/sales/{shipment}/ship")
    assert (await seller.post(f"/sales/{shipment}/ship", form)).status == 303
    again = {**form, "idempotency_key": "another", "tracking_code": "EZ4000000004"}
    assert (await seller.post(f"/sales/{shipment}/ship", again)).status == 409
    code = await databases(shop)["orders"].value("SELECT tracking_code FROM shipments")
    assert str(code).startswith("BK")


@pytest.mark.parametrize("code", ["short", "x" * 25, "has/slashes/in", "<b>12345678</b>", "ñ" * 9])
async def test_a_strange_tracking_code_is_refused_and_kept_in_the_form(
    buyer: Reader, seller: Reader, shop: Shop, code: str
) -> None:
    await sold(shop, seller, buyer)
    answer = await ship(seller, tracking_code=code)
    assert answer.status == 422
    assert "8 to 24" in " ".join(answer.errors())
    assert answer.soup.select_one("input[name=tracking_code][aria-invalid]") is not None


async def test_a_seller_sees_the_address_the_books_and_the_earnings(
    buyer: Reader, seller: Reader, shop: Shop
) -> None:
    await sold(shop, seller, buyer, title="Orlando", price=1000)
    page = await seller.get("/sales")
    assert "Calle Mayor 1" in page.see(".sale address")
    assert "Orlando" in page.see(".sale")
    assert [tag.get_text() for tag in page.soup.select(".figures dd")] == ["€0.00", "€10.00"]
    await ship(seller)
    page = await seller.get("/sales")
    assert [tag.get_text() for tag in page.soup.select(".figures dd")] == ["€10.00", "€0.00"]
    assert "Calle Mayor 1" not in page.text


async def test_a_parcel_arrives_as_time_passes(
    buyer: Reader, seller: Reader, shop: Shop, clock: Clock
) -> None:
    address = await sold(shop, seller, buyer)
    await ship(seller)
    page = await buyer.get(address)
    assert page.see(".badge") == "Shipped"
    assert page.soup.select_one("#news[hx-get]") is not None
    clock.pass_(6 * DAY + SECOND)
    page = await buyer.get(f"{address}/timeline", HX_Request="true")
    assert page.see(".badge") == "Delivered"
    assert page.text.strip().startswith('<div id="order"')
    assert page.soup.select_one("#news") is None
    assert (await buyer.get("/orders")).see(".badge") == "Delivered"


async def test_long_histories_have_pages(buyer: Reader, shop: Shop) -> None:
    book = await on_sale(shop, copies=30)
    for _order in range(21):
        await order(buyer, book)
    page = await buyer.get("/orders")
    assert len(page.soup.select(".row")) == 20
    older = page.soup.select("a[rel=next]")[0]["href"]
    assert len((await buyer.get(str(older))).soup.select(".row")) == 1
    assert (await buyer.get("/orders?before=NaN")).status == 200
    behind = await buyer.get("/orders?before=1")
    assert "not ordered anything" not in behind.text
    assert behind.soup.select_one(".empty a[href='/orders']") is not None


async def test_behind_the_last_page_a_seller_still_has_sales(
    buyer: Reader, seller: Reader, shop: Shop
) -> None:
    await sold(shop, seller, buyer, price=1000)
    await ship(seller)
    behind = await seller.get("/sales?before=1")
    assert "no sales to show" not in behind.text
    assert "Nothing has been sent yet" not in behind.text
    assert "€10.00" in behind.see(".figures")
    assert behind.soup.select_one("#shipped ~ p a[href='/sales']") is not None


async def test_the_pages_speak_spanish(buyer: Reader, seller: Reader, shop: Shop) -> None:
    address = await sold(shop, seller, buyer)
    page = await buyer.get(address, Accept_Language="es")
    assert page.see(".badge") == "Pagado"
    assert "Cancelar pedido" in page.text
    assert "Marcar como enviado" in (await seller.get("/sales", Accept_Language="es")).text
    assert (await pay(buyer, await order(buyer, await on_sale(shop)))).status == 303
