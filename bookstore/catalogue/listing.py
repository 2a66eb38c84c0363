"""The statements behind the listing. Each page is found in an index that holds its order and its
facets, and only then the rows of the page are read: the cost does not grow with the catalogue.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import inf
from types import MappingProxyType
from typing import Any, NamedTuple

from bookstore.catalogue import facets, search, titles, words
from bookstore.catalogue.repository import Source, words_id
from bookstore.catalogue.search import PAGE, Cursor, Search
from bookstore.data.wide import Wide

COUNTED = 1_000  # more are not counted: "more than 1,000"
_UNKNOWN: Mapping[str, int] = MappingProxyType({})
_TITLES = 2_000  # titles that a beginning of one or two letters is looked for in


class Card(NamedTuple):
    """What the listing shows of a book, and nothing else: equal cards look the same."""

    id: int
    title: str
    author: str
    condition: str
    price: int
    currency: str
    cover: str | None
    seller_name: str
    series: str
    series_number: str
    others_from: int | None  # the price of the cheapest other offer of the same ISBN
    language: str | None


class _Row(NamedTuple):
    id: int
    title: str
    author: str
    condition: str
    price: int
    currency: str
    cover: str | None
    seller_name: str
    series: str | None
    series_number: str | None
    others_from: int | None
    language: str | None
    isbn13: str | None
    rank_: int | str | None
    matches: int | None


class Found(NamedTuple):
    """One page. `matches` is how many books there are, at most COUNTED + 1, and None on later
    pages, which do not count; `after` leads to the next page; `seller_name` is whose books alone
    were asked for."""

    cards: list[Card]
    matches: int | None
    after: Cursor | None
    seller_name: str | None = None


@lru_cache(maxsize=256)
def _columns(dialect: str, rank: str, matches: str) -> Wide:
    # Seven indexes begin with on_sale; MySQL would weigh them all.
    index = "FORCE INDEX (books_offers)" if dialect == "mysql" else ""
    written = {
        "series": "d.series",
        "series_number": "d.series_number",
        "others_from": f"(SELECT o.price FROM books o {index} WHERE o.isbn13 = b.isbn13"
        " AND o.on_sale = 1 AND o.id <> b.id ORDER BY o.price LIMIT 1)",
        "rank_": rank,
        "matches": matches,
    }
    return Wide({name: written.get(name, f"b.`{name}`") for name in _Row._fields})


_DETAILS = "LEFT JOIN book_details d ON d.book_id = b.id"


async def page(source: Source, wish: Search, books: Mapping[str, int] = _UNKNOWN) -> Found:
    """Return one page of the books that the wish asks for. `books` is in how many books words of
    its text are, where that is known: the rare ones are then looked up first."""
    return await (_text_page(source, wish, books) if wish.text else _browse_page(source, wish))


async def _browse_page(source: Source, wish: Search) -> Found:
    where, values = facets.conditions(wish, "books")
    keyset, more = facets.keyset(wish)
    inner = (
        f"SELECT id FROM books {facets.index(source, wish)} WHERE {where}{keyset}"
        f" ORDER BY {facets.order(wish)} LIMIT {PAGE + 1}"
    )
    key = "b.title_key" if wish.sort == "title" else "NULL"
    matches = "NULL" if wish.after else f"({_count(source, wish)})"
    rows = await source.all(
        _Row,
        f"SELECT {_columns(source.dialect, key, matches).of(source)}"
        f" FROM ({inner}) hits JOIN books b ON b.id = hits.id {_DETAILS}"
        f" ORDER BY {facets.order(wish, 'b')}",
        {**values, **more},
    )
    return _found(wish, rows)


def _count(source: Source, wish: Search) -> str:
    """Return the statement that counts what a wish without text matches, up to COUNTED + 1."""
    where, _values = facets.conditions(wish, "counted")
    return (
        f"SELECT COUNT(*) FROM (SELECT 1 FROM books counted {facets.index(source, wish)}"
        f" WHERE {where} LIMIT {COUNTED + 1}) some"
    )


async def cards(source: Source, book_ids: Sequence[int]) -> dict[int, Card]:
    """Return the cards of those of the books that are on sale."""
    rows = await source.all(
        _Row,
        f"SELECT {_columns(source.dialect, 'NULL', 'NULL').of(source)} FROM books b {_DETAILS}"
        " WHERE b.id IN :ids AND b.on_sale = 1",
        {"ids": list(book_ids)},
    )
    return {row.id: _card(row) for row in rows}


async def languages(source: Source) -> tuple[str, ...]:
    """Return the languages of the books on sale."""
    found = await source.value(_LANGUAGES)
    return tuple(sorted(filter(None, (found or "").split(","))))


# GROUP BY on a prefix of an index jumps from language to language instead of reading every entry.
_LANGUAGES = (
    "SELECT GROUP_CONCAT(language) FROM"
    " (SELECT language FROM books WHERE on_sale = 1 GROUP BY on_sale, language) spoken"
)


async def _text_page(source: Source, wish: Search, books: Mapping[str, int]) -> Found:
    terms = search.terms(wish.text)
    if terms.kind == "nothing":
        return Found([], 0, None)
    ids, values = _ids(source, terms, books)
    joined, narrowed = _joined(source, wish)
    keyset, more = facets.keyset(wish)
    titled = " WHEN f.title_key IN :phrases AND ids.begun = 0 THEN 1" if terms.phrases else ""
    # The whole title; a title and its author; a title's beginning; words; what is only begun.
    inner = (
        "SELECT f.id AS id, f.price AS price, f.title_key AS title_key,"
        " COUNT(*) OVER () AS matches,"
        f" CASE WHEN f.title_key = :key THEN 0{titled}"
        " WHEN f.title_key LIKE :key_words THEN 2 WHEN ids.begun = 0 THEN 3"
        " WHEN f.title_key LIKE :key_like THEN 4 ELSE 5 END"
        f" AS rank_ FROM ({ids}) ids {joined}"
    )
    if keyset:
        inner = f"SELECT * FROM ({inner}) ranked WHERE 1 = 1{keyset}"
    key = "b.title_key" if wish.sort == "title" else "hits.rank_"
    rows = await source.all(
        _Row,
        f"SELECT {_columns(source.dialect, key, 'hits.matches').of(source)}"
        f" FROM ({inner} ORDER BY {facets.order(wish)} LIMIT {PAGE + 1}) hits"
        f" JOIN books b ON b.id = hits.id {_DETAILS} ORDER BY {facets.order(wish, 'hits')}",
        {
            **values,
            **narrowed,
            **more,
            "key": terms.beginning,
            "key_words": f"{terms.beginning} %",
            "key_like": f"{terms.beginning}%",
            "phrases": list(terms.phrases),
        },
    )
    return _found(wish, rows)


async def finds(
    source: Source, wish: Search, books: Mapping[str, int] = _UNKNOWN, *, at_least: int = 1
) -> bool:
    """Tell whether a wish with a text finds so many books; nothing of them is read or ranked.
    `books` is as for a page."""
    terms = search.terms(wish.text)
    if terms.kind == "nothing":
        return False
    ids, values = _ids(source, terms, books)
    joined, narrowed = _joined(source, wish)
    some = f"SELECT f.id FROM ({ids}) ids {joined} LIMIT {at_least}"
    found = await source.value(f"SELECT COUNT(*) FROM ({some}) some", values | narrowed)
    return int(found) == at_least


def _joined(source: Source, wish: Search) -> tuple[str, dict[str, Any]]:
    """Return what leads from the ids of hits to their books on sale, and its values."""
    where, values = facets.conditions(wish, "f")
    # From the hits to their books, never the other way round.
    join, force = "CROSS JOIN", ""
    if source.dialect == "mysql":
        join, force = "STRAIGHT_JOIN", "" if wish.seller else "FORCE INDEX (books_newest)"
    return f"{join} books f {force} ON f.id = ids.id AND {where}", values


def _ids(
    source: Source, terms: search.Terms, books: Mapping[str, int]
) -> tuple[str, dict[str, Any]]:
    """Return the statement that finds the ids of the books with the text, and its values. `begun`
    is 1 where the last word is only begun."""
    if terms.kind == "isbn":
        return "SELECT id, 0 AS begun FROM books WHERE isbn13 = :isbn13", {"isbn13": terms.isbn13}
    statements: list[str] = []
    values: dict[str, Any] = {}
    if terms.kind in {"beginning", "either"}:
        force = "FORCE INDEX (books_title)" if source.dialect == "mysql" else ""
        statements.append(
            f"SELECT id, 0 AS begun FROM (SELECT id FROM books {force} WHERE on_sale = 1"
            " AND title_key >= :first AND title_key < :last"
            f" ORDER BY title_key, id LIMIT {_TITLES}) titles"
        )
        values |= {"first": terms.beginning, "last": terms.beginning + "\U0010ffff"}
    if terms.kind in {"words", "either"}:
        sqlite = source.dialect == "sqlite"
        match = (
            "books_words MATCH :words"
            if sqlite
            else "MATCH(words) AGAINST (:words IN BOOLEAN MODE)"
        )
        begun = "0"
        if terms.prefix:  # the whole word begins as it does: looked up once, told apart by the row
            row = "' ' || words || ' '" if sqlite else "CONCAT(' ', words, ' ')"
            begun = f"INSTR({row}, :whole) = 0"
            values["whole"] = f" {words.marked(terms.prefix)} "
        statements.append(
            f"SELECT {words_id(source)} AS id, {begun} AS begun FROM books_words WHERE {match}"
        )
        values["words"] = _expression(source, terms, books)
    return " UNION ".join(statements), values


def _expression(source: Source, terms: search.Terms, books: Mapping[str, int]) -> str:
    """Write the words for the engine; they are letters and digits behind a mark, nothing else. The
    rare ones stand first: MySQL reads what follows only for what it has found by then."""
    form, begun = ('"{}"', '"{}" *') if source.dialect == "sqlite" else ("+{}", "+{}*")
    wanted = [(word, form) for word in terms.full]
    if terms.prefix:
        wanted.append((terms.prefix, begun))
    wanted.sort(key=lambda one: books.get(one[0], inf))
    return " ".join(form.format(words.marked(word)) for word, form in wanted)


def _found(wish: Search, rows: list[_Row]) -> Found:
    cards = _grouped(wish, rows[:PAGE])
    matches = None
    if wish.after is None:
        matches = min(rows[0].matches or 0, COUNTED + 1) if rows else 0
    after = None
    if len(rows) > PAGE:
        last = rows[PAGE - 1]
        column, _descending = facets.ORDERS[wish.sort]
        after = Cursor(last.price if column == "price" else last.rank_ or 0, last.id)
    seller = rows[0].seller_name if rows and wish.seller is not None else None
    return Found(cards, matches, after, seller)


def _grouped(wish: Search, rows: list[_Row]) -> list[Card]:
    """Return the cards of a page, one for all the offers of an ISBN. Who asks for a seller's books,
    or for the ISBN itself, sees each."""
    each = wish.seller is not None or search.terms(wish.text).kind == "isbn"
    shown: set[str] = set()
    cards = []
    for row in rows:
        if row.isbn13 is not None and not each:
            if row.isbn13 in shown:
                continue
            shown.add(row.isbn13)
        cards.append(_card(row))
    return cards


def _card(row: _Row) -> Card:
    title, series, number = titles.parted(row.title, row.series, row.series_number)
    # Rows begin with the fields of a card, in its order.
    return Card(row.id, title, *row[2:8], series, number, *row[10:12])


def same_title(title: str, author: str) -> tuple[str, str]:
    """Return what two editions of a book have in common."""
    return words.title_key(title), author.casefold()
