"""The tables of the catalogue."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bookstore.catalogue import changes, words
from bookstore.catalogue.domain import GRADE_BY_CODE, Seller, Terms
from bookstore.catalogue.isbn import isbn10_of
from bookstore.contracts import Quote
from bookstore.data.database import Database
from bookstore.data.queries import Queries, Select
from bookstore.data.wide import Wide

type Source = Database | Queries


class QuoteRow(NamedTuple):
    """The terms of a book, in the order of Quote."""

    id: int
    title: str
    author: str
    condition: str
    price: int
    currency: str
    seller_id: int
    seller_name: str
    cover: str | None
    stock: int
    listed: int
    ex_library: int
    defects: str
    description: str
    isbn13: str | None
    year: int | None
    language: str | None

    def quote(self) -> Quote:
        """Return the terms as the other contexts know them."""
        return Quote._make(self)._replace(
            condition=GRADE_BY_CODE[self.condition].name,
            listed=bool(self.listed),
            ex_library=bool(self.ex_library),
        )


_QUOTE = Wide({name: f"`{name}`" for name in QuoteRow._fields})


class Book(NamedTuple):
    """A book with all that its page and its seller's form show."""

    id: int
    isbn13: str | None
    title: str
    author: str
    language: str | None
    year: int | None
    category: str
    condition: str
    ex_library: int
    defects: str
    description: str
    price: int
    currency: str
    stock: int
    seller_id: int
    seller_name: str
    cover: str | None
    listed: int
    created_at: int
    updated_at: int


class Known(NamedTuple):
    """What the catalogue knows of an ISBN."""

    title: str
    author: str
    year: int | None
    language: str | None
    category: str


async def quotes(source: Source, book_ids: Sequence[int]) -> list[Quote]:
    """Return today's terms of these books; unknown ones are left out."""
    return [row.quote() for row in await source.all(*_quotes(source, book_ids))]


def locked_quotes(queries: Queries, book_ids: Sequence[int]) -> Select:
    """Return the SELECT of rows with the terms of books that nobody else changes until the
    transaction ends."""
    return _quotes(queries, book_ids, f" ORDER BY id{queries.for_update}")


def _quotes(
    source: Source, book_ids: Sequence[int], rest: str = ""
) -> tuple[type[QuoteRow], str, dict[str, Any]]:
    select = f"SELECT {_QUOTE.of(source)} FROM books WHERE id IN :ids{rest}"
    return QuoteRow, select, {"ids": list(book_ids)}


COLUMNS = (
    "isbn13", "title", "author", "language", "year", "category", "condition", "ex_library",
    "defects", "description", "price", "currency", "stock", "copies_total", "seller_id",
    "seller_name", "cover", "listed", "on_sale", "title_key", "import_key", "created_at",
    "updated_at",
)  # fmt: skip
INSERT = (
    f"INTO books ({', '.join(f'`{name}`' for name in COLUMNS)})"
    f" VALUES ({', '.join(f':{name}' for name in COLUMNS)})"
)


def book_values(
    terms: Terms,
    *,
    seller: Seller,
    copies: int,
    currency: str,
    now: int,
    cover: str | None = None,
    import_key: str | None = None,
) -> dict[str, Any]:
    """Return the values of INSERT for a book that goes on sale."""
    return {
        **terms._asdict(),
        "title_key": words.title_key(terms.title),
        "ex_library": int(terms.ex_library),
        "currency": currency,
        "stock": copies,
        "copies_total": copies,
        "seller_id": seller.id,
        "seller_name": seller.name,
        "cover": cover,
        "listed": 1,
        "on_sale": int(copies > 0),
        "import_key": import_key,
        "created_at": now,
        "updated_at": now,
    }


def words_of(terms: Terms, others: Sequence[str] = ()) -> str:
    """Return what the full-text index holds of a book, of other names of it as well."""
    isbn13 = terms.isbn13 or ""
    return words.indexed([terms.title, terms.author, isbn13, isbn10_of(isbn13) or "", *others])


async def add_book(source: Queries, values: dict[str, Any], terms: Terms) -> int:
    """Add a book and what the search finds it by; return its id."""
    book_id = await source.insert(f"INSERT {INSERT}", values)
    await add_words(source, {book_id: words_of(terms)})
    await changes.record(source, [book_id], values["updated_at"], listed="1")
    return book_id


_BOOK = ", ".join(f"`{name}`" for name in Book._fields)


async def book(source: Source, book_id: int) -> Book | None:
    """Return a book as its page shows it, on sale or not."""
    return await source.one(Book, f"SELECT {_BOOK} FROM books WHERE id = :id", {"id": book_id})


async def known(source: Source, isbn13: str) -> Known | None:
    """Return what the oldest offer of an ISBN says of the book."""
    return await source.one(
        Known,
        "SELECT title, author, year, language, category FROM books WHERE isbn13 = :isbn13"
        " ORDER BY id LIMIT 1",
        {"isbn13": isbn13},
    )


async def change_book(
    source: Queries, book_id: int, terms: Terms, *, seller_name: str, cover: str | None, now: int
) -> None:
    """Write what the seller says of a book; its copies are another matter."""
    values = {
        **terms._asdict(),
        "ex_library": int(terms.ex_library),
        "title_key": words.title_key(terms.title),
        "seller_name": seller_name,
        "cover": cover,
        "updated_at": now,
    }
    assignments = ", ".join(f"`{name}` = :{name}" for name in values)
    await changes.record(source, [book_id], now, listed="1")  # as offers of the old ISBN knew it
    await source.execute(
        f"UPDATE books SET {assignments} WHERE id = :id", {**values, "id": book_id}
    )
    await changes.record(source, [book_id], now, listed="1")
    await change_words(source, book_id, terms)


async def change_words(source: Queries, book_id: int, terms: Terms) -> None:
    """Write anew what the search finds a book by."""
    others = await source.one(
        _OtherNames,
        "SELECT original_title, series FROM book_details WHERE book_id = :id",
        {"id": book_id},
    )
    await source.execute(
        f"UPDATE books_words SET words = :words WHERE {words_id(source)} = :id",
        {"words": words_of(terms, others or ()), "id": book_id},
    )


class _OtherNames(NamedTuple):
    original_title: str
    series: str


async def set_copies(source: Queries, book_id: int, *, seen: int, copies: int) -> bool:
    """Set the copies left to sell; False, and nothing done, when they are not `seen` any more."""
    # Each column is computed from those behind it: MySQL assigns from left to right.
    changed = await source.execute(
        "UPDATE books SET on_sale = (listed = 1 AND :copies > 0),"
        " copies_total = copies_total + :copies - stock, stock = :copies"
        " WHERE id = :id AND stock = :seen",
        {"id": book_id, "seen": seen, "copies": copies},
    )
    return changed == 1


async def set_listed(source: Queries, book_id: int, listed: bool, now: int) -> None:
    """Withdraw a book, or put it back."""
    await source.execute(
        "UPDATE books SET listed = :listed, on_sale = (:listed = 1 AND stock > 0),"
        " updated_at = :now WHERE id = :id",
        {"id": book_id, "listed": int(listed), "now": now},
    )
    await changes.record(source, [book_id], now, listed="1")


async def add_words(source: Queries, words_by_id: Mapping[int, str]) -> None:
    """Add what the search finds books by."""
    await source.execute_many(
        f"INSERT INTO books_words ({words_id(source)}, words) VALUES (:id, :words)",
        [{"id": book_id, "words": text} for book_id, text in words_by_id.items()],
    )


def words_id(source: Source) -> str:
    """Return the name of the column that holds the book's id in the full-text index."""
    return "rowid" if source.dialect == "sqlite" else "book_id"


class _Imported(NamedTuple):
    id: int
    import_key: str


async def imported(source: Source, keys: Sequence[str]) -> dict[str, int]:
    """Return the ids of the books that carry one of the import keys, by key."""
    rows = await source.all(
        _Imported,
        "SELECT id, import_key FROM books WHERE import_key IN :keys",
        {"keys": list(keys)},
    )
    return {row.import_key: row.id for row in rows}
