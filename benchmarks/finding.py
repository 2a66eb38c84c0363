"""Time a search with a typing error on MariaDB with any number of books: what the database takes
for finding out what was meant, and for the books of it.

python -m benchmarks.finding --books 1000000
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.catalogue_fill import BASE, fill
from benchmarks.processes import cpu_seconds
from bookstore.catalogue import listing, spelling, vocabulary, words
from bookstore.catalogue.search import Search
from bookstore.data.answer import Answer
from bookstore.data.database import Database
from bookstore.data.mysql import Connections
from bookstore.migrations import migrate
from bookstore.settings import load_settings
from tests.support.mariadb import MariaDB, NotInstalled

_SHOWN = 5  # of the slowest


class _Title(NamedTuple):
    title: str


class _Search(NamedTuple):
    """What a search took, in milliseconds: until the database answered, and its processor."""

    waited: float
    worked: float
    typed: str
    meant: str | None


class _TimedConnections(Connections):
    """Connections that add up how long the database took to answer."""

    waited = 0.0

    async def run(
        self, raw: Any, statements: Sequence[tuple[str, Mapping[str, Any]]]
    ) -> list[Answer]:
        """Run statements as every connection does, and take the time."""
        begin = time.perf_counter()
        try:
            return await super().run(raw, statements)
        finally:
            self.waited += time.perf_counter() - begin


def main() -> int:
    """Fill a catalogue, mistype words of its titles, and print what the searches took."""
    parser = argparse.ArgumentParser(prog="finding", description=__doc__)
    parser.add_argument("--books", type=int, default=100_000, metavar="N")
    parser.add_argument("--titles", type=int, default=200, metavar="N", help="how many to mistype")
    parser.add_argument(
        "--runs", type=int, default=3, help="of each search; the quickest counts (default 3)"
    )
    parser.add_argument(
        "--text", action="append", default=[], help="search for this as well; may be repeated"
    )
    options = parser.parse_args()
    try:
        with MariaDB.start() as server, tempfile.TemporaryDirectory() as media:
            url = server.create_database("shop")
            migrate(load_settings(database_url=url, secret_key="x" * 32, media_dir=Path(media)))
            with server.connect("shop") as connection:
                fill(connection, options.books)
            process = int((server.folder / "pid").read_text())
            asyncio.run(_measure(url, process, options))
    except NotInstalled as reason:
        print(f"finding: {reason}", file=sys.stderr)
        return 2
    return 0


async def _measure(url: str, process: int, options: argparse.Namespace) -> None:
    connections = _TimedConnections(url, 1)
    database = Database(url, pool_size=1, engine=connections)
    await database.connect()
    try:
        # Every title and author is among the first: later books pair them anew.
        await vocabulary.Learner(database).learn_up_to(2 * BASE, batches=1_000)
        titles = await database.all(
            _Title, f"SELECT title FROM books ORDER BY id DESC LIMIT {options.titles * 10}"
        )
        texts = [_mistyped(title) for (title,) in titles[::10]] + options.text
        quickest: dict[str, _Search] = {}
        for _run in range(options.runs):
            for typed in texts:
                connections.waited, begin = 0.0, cpu_seconds([process])
                meant = await _search(database, typed)
                worked = (cpu_seconds([process]) - begin) * 1_000
                took = _Search(connections.waited * 1_000, worked, typed, meant)
                quickest[typed] = min(took, quickest.get(typed, took))
        _print(f"{options.books:,} books", sorted(quickest.values(), reverse=True), options.text)
    finally:
        await database.disconnect()


def _mistyped(title: str) -> str:
    """Return a title whose longer words all lack a letter."""
    return " ".join(word[:2] + word[3:] if len(word) > 4 else word for word in words.split(title))


async def _search(database: Database, typed: str) -> str | None:
    """Search as the catalogue does; return what was meant, if that was asked."""
    if (await listing.page(database, Search(text=typed, sort="relevance"))).cards:
        return None

    async def finds(text: str, books: Mapping[str, int]) -> bool:
        wish = Search(text=text, sort="relevance")
        return bool((await listing.page(database, wish, books)).cards)

    return await spelling.meant(database, typed, finds)


def _print(what: str, found: Sequence[_Search], asked: Sequence[str]) -> None:
    understood = sum(one.meant is not None for one in found)
    waited = statistics.median(one.waited for one in found)
    worked = statistics.median(one.worked for one in found)
    print(
        f"{what}: {len(found)} mistyped titles, {understood} understood; the database answered in"
        f" {waited:.0f} ms (median), {found[0].waited:.0f} ms (slowest), with"
        f" {worked:.0f} and {max(one.worked for one in found):.0f} ms of its processor;"
        f" load {os.getloadavg()[0]:.1f}"
    )
    for one in [*found[:_SHOWN], *(one for one in found if one.typed in asked)]:
        print(f"{one.waited:8.1f} {one.worked:8.1f}  {one.typed!r} meant {one.meant!r}")


if __name__ == "__main__":
    sys.exit(main())
