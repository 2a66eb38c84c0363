"""Books for tests, put straight into the catalogue's table."""

import itertools
from typing import Any

from bookstore.catalogue import repository
from bookstore.catalogue.domain import Seller, Terms
from bookstore.clock import now
from bookstore.data.database import Database

_numbers = itertools.count(1)
TERMS = Terms(
    title="The Left Hand of Darkness",
    author="Ursula K. Le Guin",
    isbn13=None,
    language="en",
    year=1969,
    category="fantasy",
    condition="good",
    ex_library=False,
    defects="",
    description="An envoy on a planet of winter.",
    price=950,
)


async def add_book(
    database: Database,
    *,
    copies: int = 1,
    seller_id: int = 1000,
    seller_name: str = "Sela the seller",
    created_at: int | None = None,
    **terms: Any,
) -> int:
    """Put a book on sale and return its id; `terms` are the fields of Terms that matter here."""
    full = TERMS._replace(**{"title": f"Book number {next(_numbers)}", **terms})
    values = repository.book_values(
        full,
        seller=Seller(seller_id, seller_name),
        copies=copies,
        currency="EUR",
        now=now() if created_at is None else created_at,
    )
    return await database.in_transaction(lambda queries: repository.add_book(queries, values, full))
