"""Undoing a seller's file: what it changed is put back, in batches, less what was sold since."""

import json
import time
from collections.abc import Sequence

from bookstore.catalogue import changes
from bookstore.catalogue.importing import jobs_store as store
from bookstore.catalogue.importing import storing, writing
from bookstore.catalogue.importing.batches import AT_ONCE, pause
from bookstore.catalogue.importing.jobs_store import Job, JobRow
from bookstore.clock import Clock
from bookstore.data.database import Database
from bookstore.data.queries import Queries

_CHANGING = {writing.ADDED, writing.CHANGED, writing.WITHDRAWN}


async def put_back(database: Database, clock: Clock, job: Job) -> None:
    """Put back what a file changed, as far as it is not done yet."""
    done, began = job.done_rows, time.monotonic()
    while True:
        rows = await store.rows_to_do(database, job.id, 1, AT_ONCE)
        if not rows:
            break
        await database.in_transaction(
            lambda queries, rows=rows: _undo_rows(queries, job, rows, clock())  # type: ignore[misc]
        )
        done += len(rows)
        await store.update(database, job.id, done_rows=done, touched_at=clock())
        began = await pause(began)


async def _undo_rows(queries: Queries, job: Job, rows: Sequence[JobRow], now: int) -> None:
    await writing.take_turn(queries, job.seller_id)
    touched = [r for r in rows if r.kind in _CHANGING and r.book_id is not None]
    ids = sorted({row.book_id for row in touched if row.book_id is not None})
    books = {
        book.id: book for book in await storing.books_by_id(queries, ids, locked=True)
    }  # fmt: skip
    for row in touched:
        book = books.get(row.book_id or 0)
        if book is None or book.seller_id != job.seller_id:
            continue
        past = json.loads(row.past or "{}")
        values = {"stock": 0, "listed": 0} if row.kind == writing.ADDED else past["before"]
        if row.kind != writing.ADDED and "stock" in values:
            sold = past["after"]["stock"] - book.stock
            values = {**values, "stock": max(0, values["stock"] - sold)}
        await storing.update_from_file(queries, book, values, {}, now)
        await writing.unsay(queries, job.seller_id, store.unpacked(row.line, row.data).identity,
                            past.get("said"), now)  # fmt: skip
    if ids:
        await changes.record_everything(queries, now)
    await store.finish_rows(queries, job.id, rows, 2)
