"""The tables behind offers that came in files."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bookstore.catalogue import repository, words
from bookstore.catalogue.domain import Terms
from bookstore.catalogue.importing.offers import Details, marks
from bookstore.catalogue.importing.texts import cleaned, harmless, name_of, one_line
from bookstore.catalogue.repository import Book
from bookstore.data.queries import Queries

_BOOK = ", ".join(f"`{name}`" for name in Book._fields)


def offer_key(seller_id: int, identity: str) -> str:
    """Return what marks the book of a seller's offer in the column that is unique."""
    return hashlib.sha256(f"{seller_id}:{identity}".encode()).hexdigest()[:40]


async def books_by_id(source: Queries, ids: Sequence[int], *, locked: bool) -> list[Book]:
    """Return books, and keep others from changing them until the transaction ends."""
    return await source.all(
        Book,
        f"SELECT {_BOOK} FROM books WHERE id IN :ids ORDER BY id"
        + (source.for_update if locked else ""),
        {"ids": list(ids)},
    )


_OF_BOOKS = frozenset(("price", "stock", "listed", *(f for f in Terms._fields if f != "price")))


async def update_from_file(
    source: Queries, book: Book, after: Mapping[str, Any], details: Mapping[str, Any], now: int
) -> None:
    """Give a book, which the transaction has locked, the values that its seller's file names."""
    values: dict[str, Any] = {name: after[name] for name in after if name in _OF_BOOKS}
    if "title" in values:
        values["title_key"] = words.title_key(values["title"])
    if "ex_library" in values:
        values["ex_library"] = int(values["ex_library"])
    if "stock" in values:
        # Each column is computed from those behind it: MySQL assigns from left to right.
        sets = (
            "on_sale = (:listed = 1 AND :stock > 0), copies_total = copies_total + :stock - stock, "
        )
    else:
        sets = ""
    if values:
        sets += ", ".join(f"`{name}` = :{name}" for name in values)
        await source.execute(
            f"UPDATE books SET {sets}, updated_at = :now WHERE id = :id",
            {**values, "now": now, "id": book.id},
        )
    changed = {name: after[name] for name in after if name not in _OF_BOOKS}
    if changed:
        known = await source.value(
            "SELECT book_id FROM book_details WHERE book_id = :id", {"id": book.id}
        )
        if known is None:
            await add_details(source, [{**_NO_DETAILS, **details, "book_id": book.id}])
        else:
            sets = ", ".join(f"{name} = :{name}" for name in changed)
            await source.execute(
                f"UPDATE book_details SET {sets} WHERE book_id = :id", {**changed, "id": book.id}
            )
        if url := str(changed.get("cover_url", "")):
            await source.execute(
                "UPDATE book_details SET fetch_at = :at, fetches = 0 WHERE book_id = :id",
                {"at": now if url.startswith("http") else None, "id": book.id},
            )
    if after.keys() & {"title", "author", "isbn13", "original_title", "series"}:
        known_terms = {name: getattr(book, name) for name in Terms._fields} | dict(values)
        await repository.change_words(
            source,
            book.id,
            Terms(**{name: known_terms[name] for name in Terms._fields}),
        )


_DETAILS = (
    "book_id", "publisher", "binding", "edition", "signed", "weight", "series", "series_number",
    "original_title", "cover_url", "fetch_at",
)  # fmt: skip
_NO_DETAILS: dict[str, Any] = {
    **dict.fromkeys(_DETAILS, ""), "signed": 0, "weight": None, "fetch_at": None
}  # fmt: skip


async def add_details(source: Queries, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what files say of books beyond what the shop's own form asks."""
    await source.execute_many(
        f"INSERT INTO book_details ({', '.join(_DETAILS)})"
        f" VALUES ({', '.join(f':{name}' for name in _DETAILS)})",
        rows,
    )


async def add_imported(
    source: Queries, rows: Sequence[dict[str, Any]], words_by_key: Mapping[str, str]
) -> dict[str, int]:
    """Add books in bulk, each with an import key, and what the search finds them by; return their
    ids by key."""
    await source.execute_many(f"INSERT {repository.INSERT}", rows)
    ids = await repository.imported(source, list(words_by_key))
    await repository.add_words(source, {ids[key]: text for key, text in words_by_key.items()})
    return ids


class _Detailed(NamedTuple):
    book_id: int
    publisher: str
    binding: str
    edition: str
    signed: int
    weight: int | None
    series: str
    series_number: str
    original_title: str
    cover_url: str


async def as_said(
    queries: Queries, seller_id: int, book_ids: Sequence[int]
) -> dict[int, tuple[Book, str]]:
    """Return books of a seller, each with the sums that a file would have which says what they
    are."""
    if not book_ids:
        return {}
    books = [
        book
        for book in await books_by_id(queries, sorted(book_ids), locked=False)
        if book.seller_id == seller_id
    ]
    rows = await queries.all(
        _Detailed,
        f"SELECT {', '.join(_Detailed._fields)} FROM book_details WHERE book_id IN :ids",
        {"ids": [book.id for book in books]},
    )
    details = {
        row.book_id: Details._make(row[1:])._replace(signed=bool(row.signed)) for row in rows
    }
    everything = frozenset((*Terms._fields, *Details._fields, "isbn", "cover"))
    return {
        book.id: (
            book,
            marks(_terms_as_read(book), details.get(book.id, Details()), everything),
        )
        for book in books
    }


def _terms_as_read(book: Book) -> Terms:
    """Return what a file that holds the book's own texts is read as."""
    values = {name: getattr(book, name) for name in Terms._fields}
    return Terms(
        **{
            **values,
            "title": name_of(cleaned(harmless(book.title))),
            "author": name_of(cleaned(harmless(book.author))),
            "description": cleaned(harmless(book.description)),
            "defects": one_line(cleaned(harmless(book.defects))),
            "ex_library": bool(book.ex_library),
        }
    )
