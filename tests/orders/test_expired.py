"""What a buyer sees when the time to pay goes by, and how the books come back."""

import pytest

from bookstore.clock import MINUTE
from bookstore.orders.service import Orders
from bookstore.web.shop import Shop
from tests.orders.conftest import Clock
from tests.orders.support import add, databases, on_sale, order
from tests.support.reader import Page, Reader


def basket(page: Page) -> dict[str, int]:
    titles = [tag.get_text(strip=True) for tag in page.soup.select(".row h2")]
    fields = page.soup.select(".row input[type=number]")
    return dict(zip(titles, [int(str(field["value"])) for field in fields], strict=True))


@pytest.mark.parametrize("swept", [False, True], ids=["not yet swept", "swept"])
async def test_it_says_what_happened_and_one_press_puts_the_books_back(
    buyer: Reader, shop: Shop, orders: Orders, clock: Clock, swept: bool
) -> None:
    address = await order(buyer, await on_sale(shop, title="Kim"))
    clock.pass_(16 * MINUTE)
    if swept:
        await orders.saga.sweep()
    page = await buyer.get(address)
    assert "Nothing was charged." in page.see(".notice.error")
    for _press in range(2):
        answer = await buyer.submit(address, f"{address}/again")
        assert answer.status == 303
    if swept:  # before, the copies are not on sale again
        assert answer.location == "/basket"
        assert basket(await buyer.get("/basket")) == {"Kim": 1}


async def test_what_was_sold_meanwhile_is_said(
    buyer: Reader, shop: Shop, orders: Orders, clock: Clock
) -> None:
    kim, emma = await on_sale(shop, title="Kim"), await on_sale(shop, title="Emma")
    address = await order(buyer, kim, emma)
    clock.pass_(16 * MINUTE)
    await orders.saga.sweep()
    await databases(shop)["catalogue"].in_transaction(
        lambda queries: queries.execute(
            "UPDATE books SET stock = 0, on_sale = 0 WHERE id = :id", {"id": emma}
        )
    )
    answer = await buyer.submit(address, f"{address}/again")
    page = await buyer.get(str(answer.location))
    assert basket(page) == {"Kim": 1}
    assert "the rest was sold" in page.see(".notice.error")


async def test_more_copies_that_are_there_already_stay(
    buyer: Reader, shop: Shop, orders: Orders, clock: Clock
) -> None:
    kim = await on_sale(shop, title="Kim", copies=5)
    address = await order(buyer, kim)
    await add(buyer, kim, 3)
    clock.pass_(16 * MINUTE)
    await orders.saga.sweep()
    await buyer.submit(address, f"{address}/again")
    assert basket(await buyer.get("/basket")) == {"Kim": 3}


async def test_an_order_of_somebody_else_fills_no_basket(
    buyer: Reader, shop: Shop, orders: Orders, clock: Clock
) -> None:
    address = await order(buyer, await on_sale(shop, title="Kim"))
    clock.pass_(16 * MINUTE)
    await orders.saga.sweep()
    other = await Reader(shop).register("Eva")
    token = (await other.get("/account")).form("/account")
    assert (await other.post(f"{address}/again", token)).status == 404


async def test_an_order_that_can_be_paid_fills_no_basket(buyer: Reader, shop: Shop) -> None:
    address = await order(buyer, await on_sale(shop, title="Kim"))
    token = (await buyer.get("/account")).form("/account")
    await buyer.post(f"{address}/again", token)
    assert basket(await buyer.get("/basket")) == {}


async def test_the_pay_page_counts_down(buyer: Reader, shop: Shop, clock: Clock) -> None:
    address = await order(buyer, await on_sale(shop))
    clock.pass_(5 * MINUTE)
    timer = (await buyer.get(f"{address}/pay")).soup.select_one("[role=timer]")
    assert timer is not None
    assert 540 < int(str(timer["data-seconds"])) <= 600


async def test_no_country_is_chosen_beforehand(buyer: Reader, shop: Shop) -> None:
    await add(buyer, await on_sale(shop))
    page = await buyer.get("/checkout")
    assert page.form("/checkout")["country"] == ""
    answer = await buyer.submit("/checkout", name="Ana", address="Calle Mayor 1, Madrid")
    assert (answer.status, len(answer.errors())) == (422, 2)


@pytest.mark.parametrize(
    ("language", "before"), [("es", ["Alemania", "Chipre"]), ("en", ["Austria", "Spain"])]
)
async def test_countries_are_sorted_as_the_language_does(
    buyer: Reader, shop: Shop, language: str, before: list[str]
) -> None:
    await add(buyer, await on_sale(shop))
    page = await buyer.get(f"/checkout?lang={language}")
    names = [tag.get_text() for tag in page.soup.select("select[name=country] option")][1:]
    assert [name for name in names if name in before] == before
    assert names[-1] != "Åland"
