"""The catalogue's own words and names, learned from its books: what a mistyped word may have been,
and what somebody who is typing may mean."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import batched
from typing import Any, NamedTuple

from bookstore.catalogue import words
from bookstore.catalogue.repository import Source
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.data.wide import Wide

LEARN_SECONDS = 10.0
_AT_ONCE = 1_000  # books
_BATCHES = 40  # a sweep
_STUB = 7  # letters of a word in which typing errors are looked for
_MAX_NAME = 120
_NEAR = 800  # rows that are looked at for a word that was mistyped; a word may be in several


class Word(NamedTuple):
    """A word of the catalogue, and in how many books it is."""

    word: str
    books: int


class Name(NamedTuple):
    """An author or a series."""

    name: str
    kind: str


class _Book(NamedTuple):
    id: int
    title: str
    author: str
    original_title: str | None
    series: str | None


class Learner:
    """Learns the words of new books, on whichever replica comes first."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._highest = 0

    async def sweep(self) -> None:
        """Learn the words of the books that were there at the last sweep: what is written at this
        moment may have lower numbers than what is seen already."""
        known, self._highest = self._highest, await self._newest()
        await self.learn_up_to(known)

    async def learn_all(self) -> None:
        """Learn every book that is there, when nobody writes."""
        await self.learn_up_to(await self._newest(), batches=1_000_000)

    async def learn_up_to(self, highest: int, *, batches: int = _BATCHES) -> None:
        """Learn the words of books up to a number."""
        for _batch in range(batches):
            if not await self._database.in_transaction(lambda queries: _learn(queries, highest)):
                return

    async def _newest(self) -> int:
        return int(await self._database.value("SELECT MAX(id) FROM books") or 0)


async def _learn(queries: Queries, highest: int) -> bool:
    """Learn a batch of books; tell whether there may be more."""
    await queries.execute(
        "INSERT INTO search_learned (id, book_id) VALUES (1, 0)" + _unless_there(queries, "id")
    )
    last = await queries.value(
        "SELECT book_id FROM search_learned WHERE id = 1" + queries.for_update
    )
    books = await queries.all(
        _Book,
        "SELECT b.id, b.title, b.author, d.original_title, d.series"
        " FROM books b LEFT JOIN book_details d ON d.book_id = b.id"
        " WHERE b.id > :last AND b.id <= :highest ORDER BY b.id LIMIT :limit",
        {"last": last, "highest": highest, "limit": _AT_ONCE},
    )
    if not books:
        return False
    await add_words(queries, Counter(word for book in books for word in _words(book)))
    await _add_names(queries, Counter(name for book in books for name in _names(book)))
    await queries.execute(
        "UPDATE search_learned SET book_id = :last WHERE id = 1", {"last": books[-1].id}
    )
    return True


def _words(book: _Book) -> set[str]:
    texts = (book.title, book.author, book.original_title or "", book.series or "")
    return {word for text in texts for word in words.forms(text) if _is_learned(word)}


async def learn_texts(queries: Queries, texts: Sequence[str]) -> None:
    """Learn the words of what a book is called now."""
    found = {word for text in texts for word in words.forms(text) if _is_learned(word)}
    await add_words(queries, Counter(found))


def _is_learned(word: str) -> bool:
    return len(word) > 1 and not words.is_pair(word)


async def add_words(queries: Queries, counted: Counter[str]) -> None:
    """Count words, and index those that are new."""
    for batch in batched(sorted(counted), 500, strict=False):
        found = await queries.all(
            Word, "SELECT word, books FROM search_words WHERE word IN :words",
            {"words": list(batch)},
        )  # fmt: skip
        known = {word for word, _books in found}
        await queries.execute_many(
            _counted(queries, "search_words", "word", ("word",)),
            [{"word": word, "books": counted[word]} for word in batch],
        )
        await queries.execute_many(
            "INSERT INTO search_stubs (stub, word) VALUES (:stub, :word)"
            + _unless_there(queries, "stub"),
            [
                {"stub": stub, "word": word}
                for word in batch
                if word not in known
                for stub in sorted(stubs(word, 1))
            ],
        )


def _unless_there(queries: Queries, column: str) -> str:
    """Return what ends an INSERT that leaves a row alone which is there already."""
    if queries.dialect == "mysql":
        return f" ON DUPLICATE KEY UPDATE {column} = {column}"
    return " ON CONFLICT DO NOTHING"


def _counted(queries: Queries, table: str, key: str, columns: Sequence[str]) -> str:
    """Return the statement that adds to a count."""
    names = ", ".join((*columns, "books"))
    values = ", ".join(f":{name}" for name in (*columns, "books"))
    if queries.dialect == "mysql":
        return (
            f"INSERT INTO {table} ({names}) VALUES ({values})"
            " ON DUPLICATE KEY UPDATE books = books + VALUES(books)"
        )
    return (
        f"INSERT INTO {table} ({names}) VALUES ({values})"
        f" ON CONFLICT ({key}) DO UPDATE SET books = books + excluded.books"
    )


def stubs(word: str, errors: int) -> set[str]:
    """Return the beginning of a word with up to so many letters left out."""
    found = {word[:_STUB]}
    for _error in range(errors):
        found |= {one[:place] + one[place + 1 :] for one in found for place in range(len(one))}
    return {stub for stub in found if stub}


class _Near(NamedTuple):
    place: int
    word: str
    books: int


@cache
def _near(place: int) -> Wide:
    return Wide({"place": str(place), "word": "w.word", "books": "w.books"})


async def around(
    source: Source,
    some: Iterable[str],
    mistyped: Sequence[tuple[str, int]],
    *,
    least: int = 1,
    rare: int | None = None,
) -> tuple[dict[str, int], list[list[Word]]]:
    """Return in how many books each of some words is, of those that the catalogue has; and for
    each mistyped word with the errors that it may have the words that share a stub with it, the
    frequent ones first, that are in as many books as `least`. With `rare` they are not looked for
    where several are mistyped and all of them are in more books than that."""
    values: dict[str, Any] = {"least": least}
    statements, condition = [], ""
    if others := set(some) - {word for word, _errors in mistyped}:
        statements.append(
            f"SELECT {_near(-1).of(source)} FROM search_words w WHERE w.word IN :some"
        )
        values["some"] = sorted(others)
    typed = sorted({word for word, _errors in mistyped})
    if rare is not None and len(typed) > 1:
        condition = (
            " AND :all > (SELECT COUNT(*) FROM search_words WHERE word IN :typed AND books > :rare)"
        )
        values |= {"all": len(typed), "typed": typed, "rare": rare}
    for place, (word, errors) in enumerate(mistyped):
        # The word itself as well, which shares all its stubs with itself.
        statements.append(
            f"SELECT {_near(place).of(source)}"
            " FROM search_stubs s JOIN search_words w ON w.word = s.word"
            f" WHERE s.stub IN :stubs{place}"
            f" AND (w.books >= :least{condition} OR w.word = :word{place})"
            f" ORDER BY w.books DESC LIMIT {_NEAR}"
        )
        values |= {f"stubs{place}": sorted(stubs(word, errors)), f"word{place}": word}
    if len(statements) > 1:
        statements = [f"SELECT * FROM ({one}) part{n}" for n, one in enumerate(statements)]
    known: dict[str, int] = {}
    near: list[dict[Word, None]] = [{} for _one in mistyped]  # some share several stubs
    for place, word, books in await source.all(_Near, " UNION ALL ".join(statements), values):
        if place < 0 or word == mistyped[place][0]:
            known[word] = books
        if place >= 0 and books >= least:
            near[place][Word(word, books)] = None
    return known, [list(words) for words in near]


def authors_of(author: str) -> list[str]:
    """Return the single names of an author field: "Austen, Jane" is one, "A. Bee, C. Dee" two."""
    found: list[str] = []
    for part in re.split(r"\s*[;&/|]\s*", author):
        names = [name.strip() for name in part.split(",")]
        inverted = len(names) > 1 and " " not in names[0]
        found += [", ".join(names[:2])] if inverted else names
    return [name[:_MAX_NAME] for name in found[:6] if len(name) > 2]


def _names(book: _Book) -> set[Name]:
    series = book.series or ""
    if not series and (match := re.search(r"\(([^()]+?),? #[^()]*\)\s*$", book.title)):
        series = match[1]
    found = {Name(name, "author") for name in authors_of(book.author)}
    return found | ({Name(series[:_MAX_NAME], "series")} if series else set())


async def _add_names(queries: Queries, counted: Counter[Name]) -> None:
    rows = [
        {"name_key": key, "kind": name.kind, "name": name.name, "books": books}
        for name, books in sorted(counted.items())
        for key in sorted(_keys(name.name))
    ]
    for batch in batched(rows, 500, strict=False):
        await queries.execute_many(
            _counted(queries, "search_names", "name_key, kind, name", ("name_key", "kind", "name")),
            batch,
        )


def _keys(name: str) -> set[str]:
    """Return what a name may be begun with: each of its words."""
    whole = words.title_key(name).split()
    return {
        " ".join(whole[place:])[: words.KEY_LENGTH].rstrip() for place in range(min(len(whole), 5))
    }


class _Found(NamedTuple):
    name: str
    kind: str
    books: int


async def names(source: Source, text: str, limit: int) -> list[Name]:
    """Return authors and series of whose names a word begins with the text, the frequent first."""
    key = words.title_key(text)
    if not key:
        return []
    rows = await source.all(
        _Found,
        "SELECT name, kind, MAX(books) AS books FROM (SELECT name, kind, books FROM search_names"
        " WHERE name_key >= :first AND name_key < :last ORDER BY name_key LIMIT 500) found"
        " GROUP BY name, kind ORDER BY books DESC, name LIMIT :limit",
        {"first": key, "last": key + "\U0010ffff", "limit": limit},
    )
    return [Name(row.name, row.kind) for row in rows]
