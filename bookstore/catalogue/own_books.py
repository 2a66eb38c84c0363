"""A seller's own books, in whatever state: looked through, changed many at once, and taken along as
a file that an import reads."""

from collections.abc import AsyncIterator, Sequence
from typing import Any, NamedTuple

from bookstore import money
from bookstore.catalogue import changes
from bookstore.catalogue.importing.offers import own_sku
from bookstore.catalogue.importing.texts import harmless
from bookstore.catalogue.repository import Book
from bookstore.data.database import Database
from bookstore.data.queries import Queries

PAGE = 50
COUNTED = 10_000  # more are not counted: a seller with 100,000 books would wait for it
STATES = {
    "on-sale": "listed = 1 AND stock > 0",
    "sold-out": "listed = 1 AND stock = 0",
    "withdrawn": "listed = 0",
}
SORTS = {
    "newest": "id DESC",
    "title": "title_key, id",
    "price-up": "price, id",
    "price-down": "price DESC, id",
}
ACTIONS = ("withdraw", "offer", "percent")
_AT_ONCE = 500
_BOOK = ", ".join(f"`{name}`" for name in Book._fields)


class Wish(NamedTuple):
    """Which of their books a seller asks for, in which order, and which page, from 1."""

    text: str = ""
    state: str = ""
    sort: str = "newest"
    page: int = 1

    def address(self, **other: Any) -> dict[str, Any]:
        """Return the query of the address that asks this."""
        wish = self._replace(**other)
        return {
            "q": wish.text,
            "state": wish.state,
            "sort": wish.sort if wish.sort != "newest" else None,
            "page": wish.page if wish.page > 1 else None,
        }


class Exported(NamedTuple):
    """A row of the file that a seller takes along."""

    sku: str | None
    title: str
    author: str
    isbn13: str | None
    price: int
    condition: str
    stock: int
    year: int | None
    language: str | None
    category: str
    description: str
    defects: str
    ex_library: int
    publisher: str | None
    binding: str | None
    edition: str | None
    signed: int | None
    weight: int | None
    series: str | None
    series_number: str | None
    original_title: str | None
    id: int
    currency: str


_HEADER = (
    "sku", "title", "author", "isbn", "price", "condition", "copies", "year", "language",
    "category", "description", "defects", "ex library", "publisher", "binding", "edition",
    "signed", "weight", "series", "series number", "original title",
)  # fmt: skip


def _where(wish: Wish) -> tuple[str, dict[str, Any]]:
    parts = ["seller_id = :seller"]
    values: dict[str, Any] = {}
    if wish.state in STATES:
        parts.append(STATES[wish.state])
    for number, word in enumerate(wish.text.split()[:6]):
        parts.append(
            f"(title LIKE :like_{number} ESCAPE '!' OR author LIKE :like_{number} ESCAPE '!'"
            f" OR isbn13 = :word_{number} OR id IN (SELECT book_id FROM seller_offers"
            f" WHERE seller_id = :seller AND sku = :word_{number}))"
        )
        escaped = word.replace("!", "!!").replace("%", "!%").replace("_", "!_")
        values |= {f"like_{number}": f"%{escaped}%", f"word_{number}": word}
    return " AND ".join(parts), values


async def page(database: Database, seller_id: int, wish: Wish) -> tuple[list[Book], int]:
    """Return a page of a seller's books, one more if others follow, and how many there are, at most
    COUNTED + 1."""
    where, values = _where(wish)
    values |= {"seller": seller_id, "limit": PAGE + 1, "offset": (wish.page - 1) * PAGE}
    some = f"SELECT 1 FROM books WHERE {where} LIMIT {COUNTED + 1}"
    count = int(await database.value(f"SELECT COUNT(*) FROM ({some}) some", values) or 0)
    books = await database.all(
        Book,
        f"SELECT {_BOOK} FROM books WHERE {where} ORDER BY {SORTS[wish.sort]}"
        " LIMIT :limit OFFSET :offset",
        values,
    )
    return books, count


class _Id(NamedTuple):
    id: int


async def ids(database: Database, seller_id: int, wish: Wish) -> list[int]:
    """Return the numbers of all of a seller's books that the wish asks for."""
    where, values = _where(wish)
    rows = await database.all(
        _Id, f"SELECT id FROM books WHERE {where} ORDER BY id", {**values, "seller": seller_id}
    )
    return [row.id for row in rows]


async def change_many(
    database: Database, seller_id: int, book_ids: Sequence[int], action: str, now: int,
    *, percent: float = 0, highest: int = 0,
) -> int:  # fmt: skip
    """Withdraw books of a seller, put them back on sale, or change their prices by a percentage;
    return how many. Books of others are left alone."""
    done = 0
    for begin in range(0, len(book_ids), _AT_ONCE):
        some = sorted(book_ids[begin : begin + _AT_ONCE])
        done += await database.in_transaction(
            lambda queries, some=some: _change_some(  # type: ignore[misc]
                queries, seller_id, some, action, now, percent, highest
            )
        )
    return done


async def _change_some(
    queries: Queries, seller_id: int, some: Sequence[int], action: str, now: int,
    percent: float, highest: int,
) -> int:  # fmt: skip
    values: dict[str, Any] = {"seller": seller_id, "ids": list(some), "now": now}
    if action == "percent":
        # Whole numbers: a hundredth of a percent is exact on every engine.
        factor = round(percent * 100) + 10_000
        sets = (
            "price = CASE WHEN (price * :factor + 5000) / 10000 < 1 THEN 1"
            " WHEN (price * :factor + 5000) / 10000 > :highest THEN :highest"
            f" ELSE {_divided(queries)} END"
        )
        values |= {"factor": factor, "highest": highest}
    else:
        sets = "on_sale = (:listed = 1 AND stock > 0), listed = :listed"
        values["listed"] = int(action == "offer")
    changed = await queries.execute(
        f"UPDATE books SET {sets}, updated_at = :now WHERE seller_id = :seller AND id IN :ids",
        values,
    )
    await changes.record(queries, list(some), now, listed="1")
    return changed


def _divided(queries: Queries) -> str:
    return (
        "(price * :factor + 5000) DIV 10000"
        if queries.dialect == "mysql"
        else "(price * :factor + 5000) / 10000"
    )


async def exported(database: Database, seller_id: int) -> AsyncIterator[list[str]]:
    """Yield the rows of the file with all of a seller's books, the header first."""
    yield list(_HEADER)
    last = 0
    columns = "b.title, b.author, b.isbn13, b.price, b.`condition`, b.stock, b.year, b.language"
    while True:
        rows = await database.all(
            Exported,
            f"SELECT MAX(o.sku) AS sku, {columns}, b.category, b.description, b.defects,"
            " b.ex_library, d.publisher, d.binding, d.edition, d.signed, d.weight, d.series,"
            " d.series_number, d.original_title, b.id, b.currency"
            " FROM books b LEFT JOIN seller_offers o ON o.book_id = b.id"
            " AND o.seller_id = b.seller_id LEFT JOIN book_details d ON d.book_id = b.id"
            " WHERE b.seller_id = :seller AND b.listed = 1 AND b.id > :last"
            f" GROUP BY b.id, {columns}, b.category, b.description, b.defects, b.ex_library,"
            " d.publisher, d.binding, d.edition, d.signed, d.weight, d.series, d.series_number,"
            " d.original_title, b.currency ORDER BY b.id LIMIT 500",
            {"seller": seller_id, "last": last},
        )
        if not rows:
            return
        for row in rows:
            yield [harmless(cell) for cell in _cells(row)]
        last = rows[-1].id


def _cells(row: Exported) -> list[str]:
    values = row._replace(sku=row.sku or own_sku(row.id))._asdict()
    values["price"] = money.plain(row.price, row.currency)
    values["ex_library"] = "yes" if row.ex_library else ""
    values["signed"] = "yes" if row.signed else ""
    return ["" if values[name] is None else str(values[name]) for name in Exported._fields[:-2]]
