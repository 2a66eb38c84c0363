"""Each page has one address."""

import pytest

from bookstore.web.shop import Shop
from tests.support.books import add_book
from tests.support.reader import Reader


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """How addresses are read does not depend on the engine."""
    return sqlite_url


@pytest.mark.parametrize("written", ["0{}", "000{}", "+{}", "-{}", "{}.0", "{}/", "%D9%A{}", " {}"])
async def test_a_number_is_taken_as_the_shop_writes_it_alone(shop: Shop, written: str) -> None:
    book = await add_book(shop.extensions["bookstore.databases"]["catalogue"])
    reader = Reader(shop)
    assert (await reader.get(f"/books/{book}")).status == 200
    assert (await reader.get(f"/books/{written.format(book)}")).status == 404
