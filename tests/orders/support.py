"""Steps that the tests of orders have in common."""

from typing import Any

from bookstore.data.database import Database
from bookstore.web.shop import Shop
from tests.support.books import add_book
from tests.support.reader import Page, Reader

CARD = "4242424242424242"
HANGING = "4000000000007734"
ADDRESS: dict[str, Any] = {
    "name": "Ana Prueba",
    "address": "Calle Mayor 1\n28013 Madrid",
    "country": "ES",
}


def databases(shop: Shop) -> dict[str, Database]:
    found: dict[str, Database] = shop.extensions["bookstore.databases"]
    return found


async def on_sale(shop: Shop, **terms: Any) -> int:
    """Put a book on sale and return its id."""
    return await add_book(databases(shop)["catalogue"], **terms)


async def safe(reader: Reader) -> dict[str, str]:
    """Return the hidden fields of a fresh form: token and key."""
    form = (await reader.get("/login")).soup.select_one("form[action='/login']")
    if form is None:
        form = (await reader.get("/account")).soup.select_one("form[action='/account']")
    assert form is not None
    return {
        str(field["name"]): str(field.get("value", ""))
        for field in form.select("input[type=hidden]")
        if field["name"] in {"csrf_token", "idempotency_key"}
    }


async def add(reader: Reader, book_id: int, quantity: object = 1, **headers: Any) -> Page:
    """Press "Add to basket" on a book's page."""
    fields = {**await safe(reader), "book_id": book_id, "quantity": quantity}
    return await reader.post("/basket", fields, **headers)


async def order(reader: Reader, *books: int, **fields: Any) -> str:
    """Buy books up to the payment; return the order's address."""
    for book_id in books:
        answer = await add(reader, book_id)
        assert answer.status == 303, answer.text
    answer = await reader.submit("/checkout", **{**ADDRESS, **fields})
    assert answer.status == 303, answer.text
    assert answer.location is not None
    return answer.location.removesuffix("/pay")


async def pay(reader: Reader, order: str, card: str = CARD, **fields: Any) -> Page:
    """Pay an order with a card."""
    return await reader.submit(f"{order}/pay", card_number=card, **fields)


async def bought(reader: Reader, *books: int, **fields: Any) -> str:
    """Buy and pay for books; return the order's address."""
    address = await order(reader, *books, **fields)
    answer = await pay(reader, address)
    assert (answer.status, answer.location) == (303, address), answer.errors()
    return address


async def ship(seller: Reader, **fields: Any) -> Page:
    """Mark the first parcel on the seller's page as shipped."""
    page = await seller.get("/sales")
    form = page.soup.select_one("form[action$='/ship']")
    assert form is not None, page.text
    action = str(form["action"])
    return await seller.submit("/sales", action, **fields)


async def person_id(shop: Shop, email: str) -> int:
    return int(
        await databases(shop)["accounts"].value(
            "SELECT id FROM people WHERE email = :email", {"email": email}
        )
    )
