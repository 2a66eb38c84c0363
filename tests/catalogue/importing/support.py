"""What the tests of imports share: a file, a seller, and the books that came of it."""

from pathlib import Path
from typing import Any, NamedTuple

from bookstore.catalogue.domain import Seller
from bookstore.catalogue.importing.importer import Options, import_file
from bookstore.catalogue.importing.report import Report
from bookstore.clock import now
from bookstore.data.database import Database

SELLER = Seller(1000, "The archive")
OTHER = Seller(1001, "The attic")
CASES = Path(__file__).parents[4] / "shared" / "cases" / "files"


class Book(NamedTuple):
    """A book as a file made it; what a test does not name is blank."""

    title: str
    author: str
    price: int = 500
    condition: str = "good"
    stock: int = 1
    isbn13: str | None = None
    sku: str | None = None
    year: int | None = None
    language: str | None = None
    category: str = "other"
    description: str = ""
    listed: int = 1
    publisher: str | None = None
    binding: str | None = None


async def load(
    database: Database,
    path: Path,
    *,
    seller: Seller = SELLER,
    dry_run: bool = False,
    **options: Any,
) -> Report:
    """Import a file for one seller."""
    return await import_file(
        database,
        path,
        sellers=[seller],
        currency="EUR",
        clock=now,
        options=Options(**options),
        dry_run=dry_run,
    )


async def books(database: Database, seller: Seller = SELLER) -> list[Book]:
    """Return the seller's books, in the order of the file's rows."""
    return await database.all(
        Book,
        "SELECT b.title, b.author, b.price, b.`condition`, b.stock, b.isbn13, o.sku, b.year,"
        " b.language, b.category, b.description, b.listed, NULLIF(d.publisher, '') AS publisher,"
        " NULLIF(d.binding, '') AS binding"
        " FROM books b LEFT JOIN seller_offers o ON o.book_id = b.id"
        " LEFT JOIN book_details d ON d.book_id = b.id WHERE b.seller_id = :seller"
        " ORDER BY b.id DESC",
        {"seller": seller.id},
    )


HEAD = "title,author,price,condition"


def rows(*lines: str, head: str = HEAD) -> str:
    """Return a file's text: a header and its rows."""
    return "\n".join([head, *lines]) + "\n"
