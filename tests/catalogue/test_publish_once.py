"""A form puts one book on sale, even when the replica that took it in never answered."""

from bookstore.web.shop import Shop
from tests.support.reader import Reader

BOOK = {"title": "Orlando", "author": "Virginia Woolf", "price": "7.50", "copies": "2"}


async def test_a_form_taken_over_from_a_lost_replica_publishes_once(
    reader: Reader, shop: Shop
) -> None:
    await reader.register()
    form = (await reader.get("/sell")).form("/sell")
    choices = {"category": "fiction", "condition": "good"}
    first = await reader.post("/sell", {**form, **choices, **BOOK})
    assert first.status == 303, first.errors()
    # The book was stored, the answer was not: as when the replica is cut off in between.
    database = shop.extensions["bookstore.databases"]["catalogue"]
    await database.execute("DELETE FROM catalogue_idempotency")
    again = await reader.post("/sell", {**form, **choices, **BOOK})
    assert again.location == first.location
    assert await database.value("SELECT COUNT(*) FROM books") == 1
