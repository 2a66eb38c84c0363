"""Sellers' files that were sent in: checked, shown, confirmed, written in batches and undone, by
whichever replica comes first, and taken up again where one died."""

import asyncio
import json
import secrets
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bookstore.catalogue.domain import Seller
from bookstore.catalogue.importing import jobs_store as store
from bookstore.catalogue.importing import undoing, writing, zip_covers
from bookstore.catalogue.importing.batches import AT_ONCE, path_of, pause
from bookstore.catalogue.importing.checking import Checker
from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.catalogue.importing.jobs_store import Job, JobRow
from bookstore.catalogue.importing.packing import Pictures, Workbook, unpacked
from bookstore.catalogue.storage import on_storage
from bookstore.clock import DAY, SECOND, Clock
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.mail.outbox import Outbox
from bookstore.settings import Settings
from bookstore.web import i18n

SWEEP_SECONDS = 1.0
MAX_BYTES = 10 * 1024 * 1024
UNDO_FOR = DAY
_KEEP = 30 * DAY
_PATIENCE = 30 * SECOND  # whoever worked on a file and is silent for so long died
_REMEMBERED = ("mapped", "settings", "encoding")  # for the next file with these columns
_TOLD = ("added", "changed", "withdrawn", "refused")


class Imports:
    """The files that sellers sent in."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        tell: Callable[[], None],
        outbox: Outbox,
    ) -> None:
        self._database = database
        self._outbox = outbox
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._checker = Checker(database, settings, clock)

    async def send_in(self, seller: Seller, name: str, content: bytes) -> int:
        """Keep a file and have it checked; return its number. Raise StorageUnavailable."""
        file = secrets.token_hex(16)
        await on_storage(_write, path_of(self._settings, file), content)
        return await store.add_job(
            self._database,
            {
                "seller_id": seller.id,
                "seller_name": seller.name,
                "name": name[:120] or "books",
                "file": file,
                "options": "{}",
                "told": json.dumps({"language": i18n.language()}),
                "now": self._clock(),
            },
        )

    async def job(self, job_id: int, seller_id: int) -> Job | None:
        """Return a seller's own file."""
        return await store.job(self._database, job_id, seller_id)

    async def latest(self, seller_id: int) -> list[Job]:
        """Return a seller's latest files."""
        return await store.jobs_of(self._database, seller_id)

    async def rows(self, job: Job, kind: str, after: int, limit: int) -> list[JobRow]:
        """Return a page of a file's rows of a kind."""
        return await store.rows_of(self._database, job.id, kind, after, limit)

    async def counts(self, job: Job) -> dict[str, int]:
        """Return how many rows a file has of each kind."""
        return await store.counts(self._database, job.id)

    async def read_otherwise(self, job: Job, options: Mapping[str, Any]) -> bool:
        """Have a file checked again with other columns, and remember these for the next one."""
        if job.state not in {store.COLUMNS, store.READY, store.REFUSED}:
            return False
        text = json.dumps(options)
        kept = json.dumps({name: options[name] for name in _REMEMBERED if name in options})
        if header := job.said.get("header"):
            await self._database.in_transaction(
                lambda queries: store.keep_options(queries, job.seller_id, header, kept)
            )
        told = json.dumps({**job.said, "language": i18n.language()}, ensure_ascii=False)
        return await store.move(
            self._database, job.id, job.state, store.CHECKING,
            options=text, told=told, touched_at=0,
        )  # fmt: skip

    async def confirm(self, job: Job) -> bool:
        """Have a file's rows written."""
        return await store.move(
            self._database, job.id, store.READY, store.WORKING, touched_at=0, done_rows=0
        )

    def may_undo(self, job: Job) -> bool:
        """Tell whether what a file changed may be put back still."""
        return job.finished_at is not None and job.finished_at >= self._clock() - UNDO_FOR

    async def undo(self, job: Job) -> bool:
        """Have what a file changed put back, within a day."""
        if not self.may_undo(job):
            return False
        return await store.move(
            self._database, job.id, store.DONE, store.UNDOING, touched_at=0, done_rows=0
        )

    async def sweep(self) -> None:
        """Do what is to be done with one file, as a background chore."""
        job = await store.take(self._database, self._clock(), _PATIENCE)
        if job is None:
            return
        if job.state == store.CHECKING:
            await self._checker.check(job)
        elif job.state == store.WORKING:
            await self._work(job)
        else:
            await undoing.put_back(self._database, self._clock, job)
            self._tell()  # others, and this replica meanwhile, hear of it by and by
            await store.move(self._database, job.id, store.UNDOING, store.UNDONE)

    async def forget_old(self) -> None:
        """Delete what nobody needs any more, as a background chore."""
        for file in await store.forget(self._database, self._clock() - _KEEP):
            await on_storage(_delete, path_of(self._settings, file))

    async def _work(self, job: Job) -> None:
        seller = Seller(job.seller_id, job.seller_name)
        done, began = job.done_rows, time.monotonic()
        pictures = await asyncio.to_thread(self._pictures, job)
        while True:
            rows = await store.rows_to_do(self._database, job.id, 0, AT_ONCE)
            if not rows:
                break
            offers = [store.unpacked(r.line, r.data) for r in rows if r.kind != "refused"]
            names = await zip_covers.stored(pictures, offers, self._settings.media_dir)
            await self._database.in_transaction(
                lambda queries, rows=rows, names=names: self._write_rows(  # type: ignore[misc]
                    queries, job, seller, rows, names
                )
            )
            done += len(rows)
            await store.update(self._database, job.id, done_rows=done, touched_at=self._clock())
            began = await pause(began)
        self._tell()  # others, and this replica meanwhile, hear of it by and by
        await self._database.in_transaction(lambda queries: self._end(queries, job))

    def _pictures(self, job: Job) -> Pictures | None:
        """Return the pictures that came along: in a thread."""
        try:
            return unpacked(path_of(self._settings, job.file), job.name)[1]
        except (Workbook, ImportRefused, OSError, zipfile.BadZipFile):
            return None

    async def _end(self, queries: Queries, job: Job) -> None:
        """Note that a file is done, and that its seller hears of it, in one transaction."""
        now = self._clock()
        if not await store.move(queries, job.id, store.WORKING, store.DONE, finished_at=now):
            return
        counts = await store.counts(queries, job.id)
        await self._outbox.add(
            queries, "imported", job.seller_id, key=f"imported-{job.id}",
            values={"job": job.id, "file": job.name, "until": now + UNDO_FOR,
                    **{kind: counts.get(kind, 0) for kind in _TOLD}},
        )  # fmt: skip

    async def _write_rows(
        self,
        queries: Queries,
        job: Job,
        seller: Seller,
        rows: Sequence[JobRow],
        names: Mapping[str, str],
    ) -> None:
        """Write a batch and what was there before, in one transaction."""
        now = self._clock()
        by_line = {r.line: store.unpacked(r.line, r.data) for r in rows if r.kind != "refused"}
        said = await writing.said(
            queries, seller.id, [offer.identity for offer in by_line.values()]
        )
        outcomes = await writing.write(
            queries, seller, list(by_line.values()), currency=self._settings.currency, now=now
        )
        await zip_covers.give(queries, outcomes, names, now)
        ends = {outcome.line: outcome for outcome in outcomes}
        finished = []
        for row in rows:
            outcome = ends.get(row.line)
            if outcome is None:
                finished.append(row)
                continue
            last = said.get(outcome.identity)
            past = json.dumps({"before": dict(outcome.before), "after": dict(outcome.after),
                               "said": last._asdict() if last else None})  # fmt: skip
            finished.append(row._replace(kind=outcome.kind, book_id=outcome.book_id, past=past))
        await store.finish_rows(queries, job.id, finished, 1)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _delete(path: Path) -> None:
    path.unlink(missing_ok=True)
