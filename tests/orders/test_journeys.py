"""Buying and selling as people do it."""

from bookstore.web.shop import Shop
from tests.orders.support import bought, on_sale, person_id, ship
from tests.support.reader import Reader


async def test_a_book_is_bought_paid_sent_and_delivered(reader: Reader, shop: Shop) -> None:
    seller = await Reader(shop).register("Sela")
    book = await on_sale(
        shop, title="Orlando", price=1250, seller_id=await person_id(shop, seller.email)
    )
    await reader.register("Ana")
    order = await bought(reader, book)
    assert (await reader.get(order)).see(".badge") == "Paid"
    assert (await ship(seller, tracking_code="EZ4000000004")).status == 303
    assert (await reader.get(order)).see(".badge") == "Delivered"
    assert "€12.50" in (await seller.get("/sales")).see(".figures")
