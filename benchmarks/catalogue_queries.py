"""Time the listing's statements on MariaDB with any number of books, without HTTP or templates.

python -m benchmarks.catalogue_queries --books 1000000
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.catalogue_fill import BASE, fill
from bookstore.catalogue import listing, search
from bookstore.catalogue.search import Cursor, Search
from bookstore.data.database import Database
from bookstore.migrations import migrate
from bookstore.settings import load_settings
from tests.support.mariadb import MariaDB, NotInstalled

_DEEP = 50  # the later page that is timed


class Timing(NamedTuple):
    """One line of the table; times in milliseconds, `matches` as the page tells them."""

    name: str
    matches: str
    first: float
    median: float
    slowest: float


class _Title(NamedTuple):
    title: str


def main() -> int:
    """Fill a catalogue, time the statements and print the table."""
    parser = argparse.ArgumentParser(prog="catalogue_queries", description=__doc__)
    parser.add_argument(
        "--books", type=int, default=100_000, metavar="N",
        help=f"books in the catalogue, a multiple of {BASE:,} (default 100,000)",
    )  # fmt: skip
    parser.add_argument("--runs", type=int, default=21, help="runs of each statement (default 21)")
    options = parser.parse_args()
    if options.books < BASE or options.books % BASE or options.runs < 1:
        parser.error(f"--books must be a multiple of {BASE} and --runs at least 1")
    try:
        with MariaDB.start() as server:
            url = server.create_database("shop")
            with tempfile.TemporaryDirectory() as media:
                migrate(load_settings(database_url=url, secret_key="x" * 32, media_dir=Path(media)))
            begin = time.monotonic()
            with server.connect("shop") as connection:
                fill(connection, options.books)
            print(f"{options.books:,} books, put in within {time.monotonic() - begin:.0f} s")
            server.stop()
            server.boot()  # so that a first run finds nothing in the server's memory
            _print(asyncio.run(_measure(url, options.runs)))
    except NotInstalled as reason:
        print(f"catalogue_queries: {reason}", file=sys.stderr)
        return 2
    return 0


async def _measure(url: str, runs: int) -> list[Timing]:
    database = Database(url)
    await database.connect()
    try:
        await database.value("SELECT 1")  # the connection is no part of what is timed
        facet = Search(categories=("arts",))
        wishes = {
            "first page": Search(),
            f"page {_DEEP}": await _page_before(database, _DEEP),
            "one category": facet,
            "one category, cheapest first": Search(categories=("arts",), sort="price-up"),
            "category and language": Search(categories=("arts",), languages=("it",)),
            "search without matches": Search(text="xylographer", sort="relevance"),
            "search, two common words": Search(
                text=" ".join(await _common_words(database)), sort="relevance"
            ),
        }
        timings = [
            await _timed(name, lambda wish=wish: _found(database, wish), runs)  # type: ignore[misc]
            for name, wish in wishes.items()
        ]
        return [*timings, await _timed("languages", lambda: _languages(database), runs)]
    finally:
        await database.disconnect()


async def _found(database: Database, wish: Search) -> int | None:
    return (await listing.page(database, wish)).matches


async def _languages(database: Database) -> None:
    await listing.languages(database)


async def _page_before(database: Database, number: int) -> Search:
    """Return the wish for a page, found without reading the pages before."""
    last = await database.value(
        "SELECT id FROM books WHERE on_sale = 1 ORDER BY id DESC LIMIT 1 OFFSET :skipped",
        {"skipped": (number - 1) * search.PAGE - 1},
    )
    return Search(after=Cursor(0, last))


async def _common_words(database: Database) -> list[str]:
    """Return the two words that most titles hold, of those that a search looks up as words."""
    titles = await database.all(_Title, f"SELECT title FROM books ORDER BY id LIMIT {BASE}")
    counted = Counter(word for (title,) in titles for word in set(title.lower().split()))
    telling = (word for word, _ in counted.most_common() if search.terms(word).kind == "words")
    return [next(telling), next(telling)]


async def _timed(name: str, query: Callable[[], Awaitable[int | None]], runs: int) -> Timing:
    times = []
    for _run in range(runs):
        begin = time.perf_counter()
        matches = await query()
        times.append((time.perf_counter() - begin) * 1_000)
    if matches is None:
        said = "-"
    else:
        said = f"{matches:,}" if matches <= listing.COUNTED else f"{listing.COUNTED:,}+"
    return Timing(name, said, times[0], statistics.median(times), max(times[1:], default=times[0]))


def _print(timings: list[Timing]) -> None:
    print(f"{'ms':<30}{'matches':>9}{'first':>9}{'median':>9}{'slowest':>9}")
    for timing in timings:
        times = "".join(f"{ms:>9.1f}" for ms in timing[2:])
        print(f"{timing.name:<30}{timing.matches:>9}{times}")


if __name__ == "__main__":
    sys.exit(main())
