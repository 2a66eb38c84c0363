"""Time a search with a typing error on MariaDB with any number of books: what the database takes
for finding out what was meant, and for the books of it.

python -m benchmarks.finding --books 1000000
"""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.catalogue_fill import BASE, fill
from bookstore.catalogue import listing, spelling, vocabulary, words
from bookstore.catalogue.search import Search
from bookstore.data.database import Database
from bookstore.migrations import migrate
from bookstore.settings import load_settings
from tests.support.mariadb import MariaDB, NotInstalled

_QUERIES = 20


class _Title(NamedTuple):
    title: str


def main() -> int:
    """Fill a catalogue, mistype words of its titles, and print what the searches took."""
    parser = argparse.ArgumentParser(prog="finding", description=__doc__)
    parser.add_argument("--books", type=int, default=100_000, metavar="N")
    options = parser.parse_args()
    try:
        with MariaDB.start() as server, tempfile.TemporaryDirectory() as media:
            url = server.create_database("shop")
            migrate(load_settings(database_url=url, secret_key="x" * 32, media_dir=Path(media)))
            with server.connect("shop") as connection:
                fill(connection, options.books)
            asyncio.run(_measure(url, options.books))
    except NotInstalled as reason:
        print(f"finding: {reason}", file=sys.stderr)
        return 2
    return 0


async def _measure(url: str, books: int) -> None:
    database = Database(url)
    await database.connect()
    try:
        # Every title and author is among the first: later books pair them anew.
        await vocabulary.Learner(database).learn_up_to(2 * BASE, batches=1_000)
        titles = await database.all(
            _Title, f"SELECT title FROM books ORDER BY id DESC LIMIT {_QUERIES * 10}"
        )
        times, meant = [], 0
        for (title,) in titles[::10]:
            typed = " ".join(word[:2] + word[3:] if len(word) > 4 else word for word in
                             words.split(title))  # fmt: skip
            begin = time.perf_counter()
            found = await listing.page(database, Search(text=typed, sort="relevance"))
            if not found.cards:
                said = await spelling.meant(database, typed, _finds(database))
                if said is not None:
                    await listing.page(database, Search(text=said, sort="relevance"))
                    meant += 1
            times.append((time.perf_counter() - begin) * 1_000)
        print(
            f"{books:,} books: {len(times)} mistyped titles, {meant} understood;"
            f" median {statistics.median(times):.0f} ms, slowest {max(times):.0f} ms"
        )
    finally:
        await database.disconnect()


def _finds(database: Database) -> Callable[[str], Awaitable[bool]]:
    async def finds(text: str) -> bool:
        return await listing.finds(database, Search(text=text, sort="relevance"))

    return finds


if __name__ == "__main__":
    sys.exit(main())
