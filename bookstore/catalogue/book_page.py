"""The statements behind the page of one book: the book, other offers of it, and similar books."""

from typing import NamedTuple

from bookstore.catalogue import listing
from bookstore.catalogue.listing import Card
from bookstore.catalogue.repository import Book, Source
from bookstore.data.wide import Wide

_SIMILAR = 8


class Details(NamedTuple):
    """What is known of some books besides."""

    publisher: str = ""
    binding: str = ""
    edition: str = ""
    signed: int = 0
    weight: int | None = None  # in grams
    series: str = ""
    series_number: str = ""
    original_title: str = ""


class Copy(NamedTuple):
    """Another offer of the same book."""

    id: int
    condition: str
    price: int
    currency: str
    seller_name: str


class Offers(NamedTuple):
    """A book, what is known of it besides, and other offers of it."""

    book: Book
    details: Details
    others: list[Copy]


_BOOK = Wide(
    {
        f"{table}.{name}": f"{table}.`{name}`"
        for table, row in (("b", Book), ("d", Details))
        for name in row._fields
    }
)
_COPY = ", ".join(f"c.`{name}`" for name in Copy._fields)


async def offers(source: Source, book_id: int, limit: int) -> Offers | None:
    """Return a book and other offers of the same ISBN, the cheapest first, asked at once."""
    books, others = await source.together(
        (
            tuple,
            f"SELECT {_BOOK.of(source)} FROM books b"
            " LEFT JOIN book_details d ON d.book_id = b.id WHERE b.id = :id",
            {"id": book_id},
        ),
        (
            Copy,
            f"SELECT {_COPY} FROM books b JOIN books c ON c.isbn13 = b.isbn13 AND c.on_sale = 1"
            " AND c.id <> b.id WHERE b.id = :id ORDER BY c.price, c.id LIMIT :limit",
            {"id": book_id, "limit": limit},
        ),
    )
    if not books:
        return None
    [row] = books
    width = len(Book._fields)
    details = Details() if row[width] is None else Details._make(row[width:])
    return Offers(Book._make(row[:width]), details, others)


async def similar(source: Source, book: Book) -> list[Card]:
    """Return books by the same author, then new ones of its category; no other copies of it."""
    by_author, in_category = ("", "")
    if source.dialect == "mysql":
        by_author, in_category = (
            "FORCE INDEX (books_author)",
            "FORCE INDEX (books_newest_category)",
        )
    rows = await source.all(
        _Id,
        f"SELECT id, 0 AS place FROM (SELECT id FROM books {by_author} WHERE on_sale = 1"
        f" AND author = :author ORDER BY id DESC LIMIT {2 * _SIMILAR}) theirs UNION ALL"
        f" SELECT id, 1 AS place FROM (SELECT id FROM books {in_category} WHERE on_sale = 1"
        f" AND category = :category ORDER BY id DESC LIMIT {2 * _SIMILAR}) beside",
        {"author": book.author, "category": book.category},
    )
    found = await listing.cards(source, [row.id for row in rows]) if rows else {}
    wanted = [found[row.id] for row in sorted(rows, key=lambda row: row.place) if row.id in found]
    titles = {listing.same_title(book.title, book.author)}
    chosen: list[Card] = []
    for card in wanted:
        title = listing.same_title(card.title, card.author)
        if title not in titles:
            titles.add(title)
            chosen.append(card)
    return chosen[:_SIMILAR]


class _Id(NamedTuple):
    id: int
    place: int
