"""How MariaDB runs the listing's own statements over a hundred thousand books: which index finds
the page, and how many rows are read for it."""

from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple

import pytest

from benchmarks.catalogue_fill import fill
from bookstore.catalogue import listing
from bookstore.catalogue.search import PAGE, Cursor, Search
from bookstore.data.database import Database
from bookstore.data.queries import Engine, Queries
from bookstore.migrations import migrate
from tests.conftest import settings_for
from tests.support.mariadb import MariaDB

pytestmark = [
    pytest.mark.mariadb,
    pytest.mark.filterwarnings("ignore::pymysql.err.Warning"),  # MySQL comments on what it explains
]
BOOKS = 100_000
# A page reads its entries of the index, sorts that handful and reads its books. Everything that is
# counted here is counted once for each of these steps. Each card's series is looked up, and the
# cheapest other offer of it.
ONE_PAGE = 6 * (PAGE + 1) + 3 * PAGE
# A first page counts what there is besides, and stops soon.
COUNTING = 3 * listing.COUNTED


class Step(NamedTuple):
    """A line of EXPLAIN."""

    id: int
    select_type: str
    table: str | None
    type: str | None
    possible_keys: str | None
    key: str | None
    key_len: str | None
    ref: str | None
    rows: str | None
    Extra: str


class _Counter(NamedTuple):
    Variable_name: str
    Value: str


class _Value(tuple[Any]):
    """A row of one column."""


class Ran(NamedTuple):
    """What became of one statement: its plan, and the rows read and sorted while it ran."""

    plan: list[Step]
    read: int
    sorted: int

    def at(self, table: str) -> Step:
        """Return the one step that reads a table."""
        [step] = [step for step in self.plan if step.table == table]
        return step

    def reads_books_by(self) -> list[str | None]:
        """Return the indexes that the books are found by, without those that a found id leads
        to its book by."""
        return [step.key for step in self.plan if step.table in {"books", "books_words"}]


class Recorder(Queries):
    """Explain each statement, then run it and count."""

    def __init__(self, raw: Any, engine: Engine) -> None:
        super().__init__(raw, engine)
        self.ran: list[Ran] = []

    async def all[T: tuple[Any, ...]](
        self, row: type[T], sql: str, values: Mapping[str, Any] = {}
    ) -> list[T]:
        plan = await self._run(f"EXPLAIN {sql}", values)
        lines = [dict(zip(plan.columns, line, strict=True)) for line in plan.rows]
        steps = [
            Step(**{**{name: line[name] for name in Step._fields}, "Extra": line["Extra"] or ""})
            for line in lines
        ]
        before = await self._counters()
        found = await super().all(row, sql, values)
        after = await self._counters()
        grown = {name: after[name] - before[name] for name in after}
        read = sum(rows for name, rows in grown.items() if name.startswith("Handler_read"))
        self.ran.append(Ran(steps, read, grown["Sort_rows"]))
        return found

    async def one[T: tuple[Any, ...]](
        self, row: type[T], sql: str, values: Mapping[str, Any] = {}
    ) -> T | None:
        return next(iter(await self.all(row, sql, values)), None)

    async def value(self, sql: str, values: Mapping[str, Any] = {}) -> Any:
        return next((value for (value,) in await self.all(_Value, sql, values)), None)

    async def _counters(self) -> dict[str, int]:
        rows = await super().all(
            _Counter,
            "SHOW SESSION STATUS WHERE Variable_name LIKE 'Handler_read%'"
            " OR Variable_name = 'Sort_rows'",
        )
        return {row.Variable_name: int(row.Value) for row in rows}


@pytest.fixture(scope="module")
def big_url(mariadb: MariaDB, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    url = mariadb.create_database("explain")
    migrate(settings_for(url, tmp_path_factory.mktemp("media")))
    with mariadb.connect("explain") as connection:
        fill(connection, BOOKS)
        yield url
        with connection.cursor() as cursor:
            cursor.execute("DROP DATABASE `explain`")


async def run[T](
    url: str, wish: Search, query: Callable[[Queries, Search], Awaitable[T]]
) -> tuple[T, Ran]:
    """Return what a query of the listing finds, and how the one statement behind it ran."""
    database = Database(url)
    await database.connect()
    try:
        async with database.connection() as queries:
            recorder = Recorder(queries._raw, queries._engine)
            found = await query(recorder, wish)
    finally:
        await database.disconnect()
    [ran] = recorder.ran
    return found, ran


@pytest.mark.parametrize(
    ("wish", "index"),
    [
        pytest.param(Search(), "books_newest", id="first page"),
        pytest.param(Search(after=Cursor(0, 50_000)), "books_newest", id="deep page"),
        pytest.param(Search(sort="price-up"), "books_price", id="cheapest"),
        pytest.param(
            Search(sort="price-down", after=Cursor(2000, 50_000)), "books_price", id="dearest, deep"
        ),
        pytest.param(Search(sort="title"), "books_title", id="by title"),
        pytest.param(
            Search(sort="title", after=Cursor("m", 50_000)), "books_title", id="by title, deep"
        ),
        pytest.param(Search(categories=("arts",)), "books_newest_category", id="category"),
        pytest.param(
            Search(categories=("arts",), after=Cursor(0, 50_000)),
            "books_newest_category",
            id="category, deep",
        ),
        pytest.param(Search(languages=("la",)), "books_newest_language", id="language"),
        pytest.param(Search(conditions=("poor",)), "books_newest_condition", id="condition"),
    ],
)
async def test_a_page_is_found_in_its_index(big_url: str, wish: Search, index: str) -> None:
    found, ran = await run(big_url, wish, listing.page)
    assert 0 < len(found.cards) <= PAGE  # offers of one ISBN are one card
    assert found.after is not None
    assert ran.reads_books_by() == [index]
    assert "Using index" in ran.at("books").Extra  # whole rows are read for the page alone
    assert "filesort" not in ran.at("books").Extra
    assert ran.at("b").key == "PRIMARY"
    assert ran.read <= ONE_PAGE + (COUNTING if wish.after is None else 0)
    assert ran.sorted <= PAGE + 1
    if wish.after is None:
        assert "Using index" in ran.at("counted").Extra


async def test_an_authors_books_are_found_in_their_index(big_url: str) -> None:
    everything, _ran = await run(big_url, Search(), listing.page)
    author = everything.cards[0].author
    found, ran = await run(big_url, Search(author=author), listing.page)
    assert {card.author for card in found.cards} == {author}
    assert set(ran.reads_books_by()) == {"books_author"}
    assert ran.read <= 2 * ONE_PAGE + COUNTING


async def test_facets_that_no_index_holds_together_stay_in_one(big_url: str) -> None:
    wish = Search(categories=("arts",), languages=("it",), sort="price-up")
    found, ran = await run(big_url, wish, listing.page)
    assert 0 < len(found.cards) <= PAGE  # offers of one ISBN are one card
    assert found.after is not None
    assert "Using index" in ran.at("books").Extra
    assert "Using index" in ran.at("counted").Extra
    assert ran.read <= BOOKS // 20
    assert ran.sorted <= BOOKS // 50


@pytest.mark.parametrize("wish", [Search(), Search(categories=("arts",))])
async def test_counting_stops_soon(big_url: str, wish: Search) -> None:
    found, ran = await run(big_url, wish, listing.page)
    assert found.matches == listing.COUNTED + 1
    assert ran.read <= COUNTING


async def test_languages_are_jumped_through(big_url: str) -> None:
    found, ran = await run(big_url, Search(), lambda source, _wish: listing.languages(source))
    assert set(found) == {"en", "es", "fr", "de", "it", "pt", "la"}
    assert "Using index for group-by" in " ".join(step.Extra for step in ran.plan)
    assert ran.read <= ONE_PAGE
    assert ran.sorted == 0


async def _word(url: str) -> str:
    """Return a word of one title that few others hold."""
    database = Database(url)
    await database.connect()
    try:
        return str(await database.value("SELECT title_key FROM books WHERE id = 4711")).split()[-1]
    finally:
        await database.disconnect()


async def test_a_search_goes_from_the_words_to_their_books(big_url: str) -> None:
    word = await _word(big_url)
    found, ran = await run(big_url, Search(text=word, sort="relevance"), listing.page)
    assert found.cards
    assert found.matches
    assert set(ran.reads_books_by()) == {"books_words_words"}
    assert (ran.at("f").key, ran.at("f").Extra) == ("books_newest", "Using index")
    assert ran.at("b").key == "PRIMARY"
    hits = BOOKS // 50  # how many books hold the most frequent words
    assert ran.sorted <= 2 * hits
    assert ran.read <= 10 * hits


async def test_a_search_without_matches_reads_nothing(big_url: str) -> None:
    found, ran = await run(big_url, Search(text="xylographer", sort="relevance"), listing.page)
    assert found == listing.Found([], 0, None)
    assert set(ran.reads_books_by()) == {"books_words_words"}
    assert ran.read <= 10
    assert ran.sorted == 0


async def test_the_beginning_of_a_title_is_found_among_titles(big_url: str) -> None:
    found, ran = await run(big_url, Search(text="b", sort="relevance"), listing.page)
    assert 0 < len(found.cards) <= PAGE  # offers of one ISBN are one card
    assert found.after is not None
    assert ran.reads_books_by() == ["books_title"]
    assert "Using index" in ran.at("books").Extra
    assert ran.sorted <= 2 * listing._TITLES + PAGE + 1
