"""A parcel is not an order: it is called off by itself, and the others go their way."""

import asyncio
from typing import Any

import pytest

from bookstore.orders.service import Orders
from bookstore.settings import Settings
from bookstore.web.shop import Shop
from loadtest.evidence.ledger.audit import audit
from loadtest.evidence.ledger.database import read
from tests.orders.conftest import Clock
from tests.orders.support import bought, databases, on_sale, order, person_id, safe, ship
from tests.orders.test_saga import Died, dying
from tests.support.reader import Page, Reader

SELA, TOMAS = "sela@example.org", "tomas@example.org"


@pytest.fixture
async def sela(shop: Shop) -> Reader:
    return await Reader(shop).register("Sela", SELA)


@pytest.fixture
async def tomas(shop: Shop) -> Reader:
    return await Reader(shop).register("Tomás", TOMAS)


@pytest.fixture
async def books(shop: Shop, sela: Reader, tomas: Reader) -> tuple[int, int]:
    """Two books, of two sellers."""
    first = await on_sale(
        shop, price=1000, copies=2, seller_id=await person_id(shop, SELA), seller_name="Sela"
    )
    second = await on_sale(
        shop, price=500, copies=2, seller_id=await person_id(shop, TOMAS), seller_name="Tomás"
    )
    return first, second


async def stock(shop: Shop) -> list[tuple[Any, ...]]:
    """Return of each book the copies on sale, and of each hold its state."""
    catalogue = databases(shop)["catalogue"]
    left = await catalogue.all(tuple, "SELECT stock FROM books ORDER BY id")
    held = await catalogue.all(tuple, "SELECT state FROM holds ORDER BY book_id")
    return [(row[0],) for row in left] + [(row[0],) for row in held]


async def money_back(shop: Shop) -> tuple[list[int], list[int]]:
    """Return what went back for orders and for parcels by themselves."""
    orders = databases(shop)["orders"]
    whole = await orders.all(tuple, "SELECT amount FROM refunds WHERE done_at IS NOT NULL")
    parcels = await orders.all(
        tuple, "SELECT amount FROM parcel_refunds WHERE done_at IS NOT NULL ORDER BY shipment_id"
    )
    return [row[0] for row in whole], [row[0] for row in parcels]


def balance(settings: Settings) -> list[str]:
    """Return what the ledger finds wrong in the database."""
    url = settings.database_url.get_secret_value()
    state = read(dict.fromkeys(("accounts", "catalogue", "orders"), url))
    return [finding.what for finding in audit([], state).findings]


def parcel_forms(page: Page) -> list[str]:
    return [str(form["action"]) for form in page.soup.select("form[action*='/parcels/']")]


async def cancel_parcel(buyer: Reader, address: str) -> Page:
    """Press the button beside the first parcel that has one."""
    return await buyer.submit(address, parcel_forms(await buyer.get(address))[0])


async def cancel_sale(seller: Reader) -> Page:
    page = await seller.get("/sales")
    form = page.soup.select_one("form[action$='/cancel']")
    assert form is not None
    return await seller.submit("/sales", str(form["action"]))


async def test_the_buyer_calls_off_the_parcel_that_has_not_left(
    shop: Shop, settings: Settings, buyer: Reader, sela: Reader, tomas: Reader,
    books: tuple[int, int],
) -> None:  # fmt: skip
    address = await bought(buyer, *books)
    await ship(sela)
    page = await buyer.get(address)
    assert "Cancel order" not in page.text
    assert len(parcel_forms(page)) == 1
    assert "€7.90" in page.text  # 5.00 and its postage
    assert (await cancel_parcel(buyer, address)).location == address
    page = await buyer.get(address)
    assert "Cancelled by you" in page.text
    assert "€7.90 for this parcel were refunded." in page.text
    assert page.see(".badge") == "Shipped"
    assert parcel_forms(page) == []
    assert await stock(shop) == [(1,), (2,), ("sold",), ("released",)]
    assert await money_back(shop) == ([], [790])
    sales = (await tomas.get("/sales")).text
    assert "no sales to show" in sales
    assert "not sold anything yet" not in sales  # they had, until it was called off
    assert balance(settings) == []


async def test_the_seller_calls_off_their_own_parcel(
    shop: Shop, settings: Settings, buyer: Reader, sela: Reader, tomas: Reader,
    books: tuple[int, int],
) -> None:  # fmt: skip
    address = await bought(buyer, *books)
    assert (await cancel_sale(tomas)).location == "/sales"
    for language, words in (
        ("en", "Cancelled by the seller"),
        ("es", "Cancelado por el vendedor"),
    ):
        assert words in (await buyer.get(address, Accept_Language=language)).text
    assert await stock(shop) == [(1,), (2,), ("sold",), ("released",)]
    assert (await ship(sela)).status == 303
    assert (await buyer.get(address)).see(".badge") == "Shipped"
    assert balance(settings) == []


async def test_the_last_parcel_takes_the_order_with_it(
    shop: Shop, settings: Settings, buyer: Reader, sela: Reader, tomas: Reader,
    books: tuple[int, int],
) -> None:  # fmt: skip
    address = await bought(buyer, *books)
    await cancel_parcel(buyer, address)
    await cancel_sale(tomas)
    page = await buyer.get(address)
    assert page.see(".badge") == "Refunded"
    assert "€20.80" in page.see(".summary")
    assert await stock(shop) == [(2,), (2,), ("released",), ("released",)]
    assert await money_back(shop) == ([790], [1290])
    assert balance(settings) == []


async def test_the_whole_order_after_a_parcel_gives_back_the_rest(
    shop: Shop, settings: Settings, buyer: Reader, books: tuple[int, int]
) -> None:
    third = await on_sale(shop, price=100, seller_id=4711)
    address = await bought(buyer, *books, third)
    await cancel_parcel(buyer, address)
    assert (await buyer.submit(address, f"{address}/cancel")).status == 303
    assert (await buyer.get(address)).see(".badge") == "Refunded"
    assert await money_back(shop) == ([790 + 390], [1290])
    assert balance(settings) == []


async def test_a_single_parcel_is_the_order(
    shop: Shop, settings: Settings, buyer: Reader, sela: Reader, books: tuple[int, int]
) -> None:
    address = await bought(buyer, books[0])
    assert parcel_forms(await buyer.get(address)) == []
    await cancel_sale(sela)
    page = await buyer.get(address)
    assert page.see(".badge") == "Refunded"
    assert "Cancelled by the seller" in page.text
    assert await money_back(shop) == ([1290], [])
    assert balance(settings) == []


@pytest.mark.parametrize("state", ["unpaid", "shipped", "cancelled parcel", "cancelled order"])
@pytest.mark.parametrize("side", ["buyer", "seller"])
async def test_too_late_or_too_early(
    shop: Shop, settings: Settings, buyer: Reader, sela: Reader, tomas: Reader,
    books: tuple[int, int], state: str, side: str,
) -> None:  # fmt: skip
    """Sela's parcel cannot be called off in these states, by nobody."""
    address = await (order if state == "unpaid" else bought)(buyer, *books)
    number = int(address.rpartition("/")[2])
    shipment = await databases(shop)["orders"].value("SELECT MIN(id) FROM shipments")
    if state == "shipped":
        await ship(sela)
    elif state == "cancelled parcel":
        await cancel_sale(sela)
    elif state == "cancelled order":
        await buyer.submit(address, f"{address}/cancel")
    before = await stock(shop), await money_back(shop)
    if side == "buyer":
        path = f"/orders/{number}/parcels/{shipment}/cancel"
        answer = await buyer.post(path, await safe(buyer))
    else:
        answer = await sela.post(f"/sales/{shipment}/cancel", await safe(sela))
    assert answer.status == 409
    assert "cannot be cancelled any more" in answer.text
    assert (await stock(shop), await money_back(shop)) == before
    assert balance(settings) == []


@pytest.mark.parametrize("who", ["stranger", "the other seller", "the buyer as seller"])
async def test_a_parcel_of_others_is_unknown(
    shop: Shop, buyer: Reader, sela: Reader, tomas: Reader, books: tuple[int, int], who: str
) -> None:
    address = await bought(buyer, *books)
    shipment = await databases(shop)["orders"].value("SELECT MIN(id) FROM shipments")
    person = {
        "stranger": await Reader(shop).register("Zoe"),
        "the other seller": tomas,
        "the buyer as seller": buyer,
    }[who]
    assert (await person.post(f"/sales/{shipment}/cancel", await safe(person))).status == 404
    path = f"/orders/999/parcels/{shipment}/cancel"  # not the order that it is of
    assert (await buyer.post(path, await safe(buyer))).status == 404
    if who != "the buyer as seller":
        path = f"{address}/parcels/{shipment}/cancel"
        assert (await person.post(path, await safe(person))).status == 404
    assert await money_back(shop) == ([], [])


async def test_a_parcel_is_called_off_or_sent_and_never_both(
    shop: Shop, settings: Settings, buyer: Reader, sela: Reader, books: tuple[int, int]
) -> None:
    for _round in range(2):
        address = await bought(buyer, *books)
        number = address.rpartition("/")[2]
        shipment = await databases(shop)["orders"].value(
            "SELECT MIN(id) FROM shipments WHERE order_id = :id", {"id": int(number)}
        )
        answers = await asyncio.gather(
            buyer.post(f"{address}/parcels/{shipment}/cancel", await safe(buyer)),
            sela.post(f"/sales/{shipment}/cancel", await safe(sela)),
            sela.post(f"/sales/{shipment}/ship", {**await safe(sela), "tracking_code": ""}),
            buyer.post(f"{address}/parcels/{shipment}/cancel", await safe(buyer)),
        )
        assert sorted(answer.status for answer in answers) == [303, 409, 409, 409]
    assert balance(settings) == []


@pytest.mark.parametrize("when", ["before", "after"])
async def test_dead_while_giving_the_copies_back(
    shop: Shop, orders: Orders, settings: Settings, clock: Clock, buyer: Reader, sela: Reader,
    books: tuple[int, int], when: str,
) -> None:  # fmt: skip
    await bought(buyer, *books)
    shipment = await databases(shop)["orders"].value("SELECT MIN(id) FROM shipments")
    other = dying(orders, settings, clock, when, "release_books")
    seller_id = await person_id(shop, SELA)
    with pytest.raises(Died):
        await other.parcels.cancel(shipment, person_id=seller_id, by="seller")  # type: ignore[arg-type]
    assert await money_back(shop) == ([], [])
    await asyncio.gather(*(orders.saga.sweep() for _replica in range(3)))
    assert await money_back(shop) == ([], [1290])
    assert await stock(shop) == [(2,), (1,), ("released",), ("sold",)]
    assert balance(settings) == []
