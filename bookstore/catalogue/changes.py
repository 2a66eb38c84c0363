"""Tell every replica which books changed, so that it forgets the pages it kept of them.

Each change writes a row in its own transaction; every replica reads the new rows twice a second.
Rows may become visible in another order than their numbers, so each reading begins at the first
number that is missing, for ten seconds, and leaves out what it has seen.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bookstore.clock import MINUTE, SECOND, Clock
from bookstore.data.database import Database
from bookstore.data.housekeeping import delete_older
from bookstore.data.queries import Queries

POLL_SECONDS = 0.5
_LOOK_BACK = 10 * SECOND
_KEEP = 2 * MINUTE
_AT_ONCE = 5_000  # more new rows than this at once: everything counts as changed

type Tell = Callable[..., None]  # (*tags)


class _Change(NamedTuple):
    id: int
    book_id: int
    isbn13: str | None
    listed: int


def book_tag(book_id: int) -> str:
    """Return the tag of what shows this book alone."""
    return f"book {book_id}"


def isbn_tag(isbn13: str) -> str:
    """Return the tag of what shows every offer of an ISBN."""
    return f"isbn {isbn13}"


LISTINGS = "catalogue"  # the tag of what lists books
LEARNED = "learned"  # the tag of what looks different once words were learned


async def record(queries: Queries, book_ids: Sequence[int], now: int, *, listed: str) -> None:
    """Write down that books changed. `listed` is an SQL expression over the changed row: whether
    listings look different now."""
    await queries.queue(
        "INSERT INTO book_changes (book_id, isbn13, listed, changed_at)"
        f" SELECT id, isbn13, {listed}, :now FROM books WHERE id IN :ids",
        {"ids": list(book_ids), "now": now},
    )


async def record_everything(queries: Queries, now: int) -> None:
    """Write down that so much changed that every kept page is out of date."""
    await queries.execute(
        "INSERT INTO book_changes (book_id, isbn13, listed, changed_at) VALUES (0, NULL, 1, :now)",
        {"now": now},
    )


class Changes:
    """The changes as one replica learns of them."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._seen: set[int] = set()
        self._marks: deque[tuple[int, int]] = deque()  # (when, highest number read until then)
        self._low = 0
        self._read_at = clock()
        self.tell: Tell = lambda *_tags: None
        self.tell_everything: Callable[[], None] = lambda: None

    def here(self, *book_ids: int, listed: bool = False) -> None:
        """Say at once, on this replica, that books changed."""
        tags = [book_tag(book_id) for book_id in book_ids]
        self.tell(*tags, *([LISTINGS] if listed else []))

    async def poll(self) -> None:
        """Read what changed on any replica since the last time, and tell."""
        now = self._clock()
        rows = await self._database.all(
            _Change,
            "SELECT id, book_id, isbn13, listed FROM book_changes WHERE id > :low"
            " ORDER BY id LIMIT :limit",
            {"low": self._low, "limit": _AT_ONCE + len(self._seen)},
        )
        new = [row for row in rows if row.id not in self._seen]
        late = now - self._read_at > _KEEP // 2  # rows may have come and gone since
        if late or len(new) >= _AT_ONCE or any(row.book_id == 0 for row in new):
            self.tell_everything()
        elif new:
            tags = {book_tag(row.book_id) for row in new}
            tags |= {isbn_tag(row.isbn13) for row in new if row.isbn13}
            self.tell(*tags, *([LISTINGS] if any(row.listed for row in new) else []))
        self._seen.update(row.id for row in new)
        self._read_at = now
        self._advance(rows[-1].id if rows else self._low)

    def _advance(self, highest: int) -> None:
        now = self._clock()
        self._marks.append((now, highest))
        while self._marks and self._marks[0][0] < now - _LOOK_BACK:
            self._low = max(self._low, self._marks.popleft()[1])
        while self._low + 1 in self._seen:
            self._low += 1
        self._seen = {number for number in self._seen if number > self._low}

    async def forget_old(self) -> None:
        """Delete the rows that every replica has read long ago."""
        await delete_older(self._database, "book_changes", "changed_at", self._clock() - _KEEP)
