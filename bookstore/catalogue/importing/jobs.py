"""Sellers' files that were sent in: checked, shown, confirmed, written in batches and undone, by
whichever replica comes first, and taken up again where one died."""

import asyncio
import hashlib
import json
import secrets
import time
import zipfile
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from bookstore.catalogue import changes
from bookstore.catalogue.domain import Seller, Terms
from bookstore.catalogue.importing import jobs_store as store
from bookstore.catalogue.importing import storing, writing, zip_covers
from bookstore.catalogue.importing.columns import NEEDED, key
from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.catalogue.importing.jobs_store import Job, JobRow
from bookstore.catalogue.importing.offers import Details, Offer, number_of
from bookstore.catalogue.importing.packing import Pictures, Workbook, unpacked
from bookstore.catalogue.importing.tables import Row
from bookstore.catalogue.repository import Book
from bookstore.catalogue.storage import on_storage
from bookstore.clock import DAY, SECOND, Clock
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.mail.outbox import Outbox
from bookstore.settings import Settings

if TYPE_CHECKING:
    from bookstore.catalogue.importing.importer import File

log = structlog.get_logger()

SWEEP_SECONDS = 1.0
MAX_BYTES = 10 * 1024 * 1024
UNDO_FOR = DAY
_KEEP = 30 * DAY
_AT_ONCE = 50  # rows; more would keep readers of the same replica waiting
_LONGEST_PAUSE = 1.0
_PATIENCE = 30 * SECOND  # whoever worked on a file and is silent for so long died
_SAMPLES = 3
ASKED = ("price", "condition")  # what may be given row by row
NOT_IN_FILE = 2_000_000_000  # rows beyond are of offers that the file does not name
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

    async def send_in(self, seller: Seller, name: str, content: bytes) -> int:
        """Keep a file and have it checked; return its number. Raise StorageUnavailable."""
        file = secrets.token_hex(16)
        await on_storage(_write, self._path(file), content)
        return await store.add_job(
            self._database,
            {
                "seller_id": seller.id,
                "seller_name": seller.name,
                "name": name[:120] or "books",
                "file": file,
                "options": "{}",
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
        return await store.move(
            self._database, job.id, job.state, store.CHECKING, options=text, touched_at=0
        )

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
            await self._check(job)
        elif job.state == store.WORKING:
            await self._work(job)
        else:
            await self._put_back(job)

    async def forget_old(self) -> None:
        """Delete what nobody needs any more, as a background chore."""
        for file in await store.forget(self._database, self._clock() - _KEEP):
            await on_storage(lambda name=file: self._path(name).unlink(missing_ok=True))  # type: ignore[misc]

    async def _check(self, job: Job) -> None:
        await store.drop_rows(self._database, job.id)
        try:
            await self._check_rows(job)
        except ImportRefused as refused:
            told = json.dumps({**job.said, "problem": str(refused)}, ensure_ascii=False)
            await store.move(self._database, job.id, store.CHECKING, store.REFUSED, told=told)

    async def _check_rows(self, job: Job) -> None:
        given = json.loads(job.options)
        file = await asyncio.to_thread(self._opened, job, given)
        if not given:
            kept = await store.kept_options(
                self._database, job.seller_id, header_digest(file.columns.header)
            )
            if kept:
                file.__exit__()
                given = kept
                await store.update(self._database, job.id, options=json.dumps(given))
                file = await asyncio.to_thread(self._opened, job, given)
        with file:
            samples = await asyncio.to_thread(self._samples, job)
            told = _told(file, samples)
            missing = file.columns.missing(NEEDED)
            if missing and not (given.get("by_row") and set(missing) <= set(ASKED)):
                await store.move(
                    self._database, job.id, store.CHECKING, store.COLUMNS,
                    told=json.dumps({**told, "missing": missing}, ensure_ascii=False),
                )  # fmt: skip
                return
            seller = Seller(job.seller_id, job.seller_name)
            offers = file.offers()
            count = 0
            began = time.monotonic()
            while chunk := await asyncio.to_thread(lambda: list(islice(offers, _AT_ONCE))):
                count += len(chunk)
                await self._database.in_transaction(
                    lambda queries, chunk=chunk: self._plan(queries, job, seller, chunk)  # type: ignore[misc]
                )
                await store.update(
                    self._database, job.id, read_rows=count, touched_at=self._clock()
                )
                began = await _pause(began)
            if given.get("withdraw_missing"):
                await self._add_missing(job, file)
        await self._add_refused(job, file)
        told = {**_told(file, samples), "remarks": file.report.remarks()}
        await store.move(
            self._database, job.id, store.CHECKING, store.READY, read_rows=count,
            told=json.dumps(told, ensure_ascii=False),
        )  # fmt: skip

    async def _plan(
        self, queries: Queries, job: Job, seller: Seller, chunk: Sequence[Offer]
    ) -> None:
        outcomes = await writing.write(
            queries, seller, chunk, currency=self._settings.currency, now=0, dry_run=True
        )
        rows = [
            JobRow(
                offer.line,
                outcome.kind,
                store.packed(offer, {"before": dict(outcome.before), "after": dict(outcome.after)}),
                outcome.book_id,
                None,
            )
            for offer, outcome in zip(chunk, outcomes, strict=True)
        ]
        await store.add_rows(queries, job.id, rows)

    async def _add_refused(self, job: Job, file: "File") -> None:
        reasons: dict[int, list[str]] = {}
        for line, column, reason in file.report.refused:
            reasons.setdefault(line, []).append(f"{column}: {reason}".removeprefix(": "))
        for note in file.report.repeated:
            reasons.setdefault(note.line, []).append(note.text)
        asked: dict[int, list[str]] = {}
        for line, column, _reason in file.report.refused:
            if column in ASKED:
                asked.setdefault(line, []).append(column)
        rows = []
        for line, found in sorted(reasons.items()):
            data = {"reasons": found, "called": file.called.get(line, ""),
                    "asked": asked.get(line, [])}  # fmt: skip
            rows.append(JobRow(line, "refused", json.dumps(data, ensure_ascii=False), None, None))
        await self._database.in_transaction(lambda queries: store.add_rows(queries, job.id, rows))

    async def _add_missing(self, job: Job, file: "File") -> None:
        """Plan to withdraw the offers that the file does not name, or say why that cannot be."""
        if file.unknown_rows:
            file.report.keep_missing(file.unknown_rows)
            return
        identity, line = "", NOT_IN_FILE
        while True:
            async with self._database.connection() as queries:
                page = await writing.offers_after(queries, job.seller_id, identity, _AT_ONCE)
                missing = [one for one in page if number_of(one.identity) not in file.named]
                ids = [one.book_id for one in missing]
                found = await storing.books_by_id(queries, ids, locked=False) if ids else []
            if not page:
                return
            identity = page[-1].identity
            books = {book.id: book for book in found}
            rows = []
            for one in missing:
                if book := books.get(one.book_id):
                    line += 1
                    rows.append(_withdrawal(line, one, book))
            await self._database.in_transaction(
                lambda queries, rows=rows: store.add_rows(queries, job.id, rows)  # type: ignore[misc]
            )

    def _opened(self, job: Job, given: Mapping[str, Any]) -> "File":
        """Open a job's file: in a thread."""
        from bookstore.catalogue.importing.importer import File, Options  # not needed at rest

        options = Options(
            encoding=given.get("encoding") or None,
            mapped=given.get("mapped", {}),
            settings=given.get("settings", {}),
            by_line={int(line): said for line, said in given.get("by_line", {}).items()},
        )
        path = self._path(job.file)
        return File(
            path, options, currency=self._settings.currency, name=job.name, keep_called=True
        )

    def _samples(self, job: Job) -> list[list[str]]:
        """Return the first rows as they stand: in a thread."""
        with self._opened(job, {}) as file:
            rows = islice(file.source.rows, _SAMPLES)
            return [[cell[:60] for cell in row.fields] for row in rows if isinstance(row, Row)]

    async def _work(self, job: Job) -> None:
        seller = Seller(job.seller_id, job.seller_name)
        done, began = job.done_rows, time.monotonic()
        pictures = await asyncio.to_thread(self._pictures, job)
        while True:
            rows = await store.rows_to_do(self._database, job.id, 0, _AT_ONCE)
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
            began = await _pause(began)
        self._tell()  # others, and this replica meanwhile, hear of it by and by
        await self._database.in_transaction(lambda queries: self._end(queries, job))

    def _pictures(self, job: Job) -> Pictures | None:
        """Return the pictures that came along: in a thread."""
        try:
            return unpacked(self._path(job.file), job.name)[1]
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

    async def _put_back(self, job: Job) -> None:
        done, began = job.done_rows, time.monotonic()
        while True:
            rows = await store.rows_to_do(self._database, job.id, 1, _AT_ONCE)
            if not rows:
                break
            await self._database.in_transaction(
                lambda queries, rows=rows: self._undo_rows(queries, job, rows)  # type: ignore[misc]
            )
            done += len(rows)
            await store.update(self._database, job.id, done_rows=done, touched_at=self._clock())
            began = await _pause(began)
        self._tell()  # others, and this replica meanwhile, hear of it by and by
        await store.move(self._database, job.id, store.UNDOING, store.UNDONE)

    async def _undo_rows(self, queries: Queries, job: Job, rows: Sequence[JobRow]) -> None:
        now = self._clock()
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

    def _path(self, file: str) -> Path:
        return self._settings.media_dir / "imports" / file


def _withdrawal(line: int, last: writing.Said, book: Book) -> JobRow:
    """Return the row of an offer that the file does not name: as said last, without copies."""
    terms = Terms(**{name: getattr(book, name) for name in Terms._fields})
    offer = Offer(
        line, last.identity, None, terms._replace(price=last.price), Details(), 0, last.marks
    )
    return JobRow(line, writing.WITHDRAWN, store.packed(offer), book.id, None)


_CHANGING = {writing.ADDED, writing.CHANGED, writing.WITHDRAWN}


async def _pause(began: float) -> float:
    """Leave as much time to readers as the last batch took, more when everything is slow; return
    when the next one begins."""
    await asyncio.sleep(min(_LONGEST_PAUSE, time.monotonic() - began))
    return time.monotonic()


def header_digest(header: Sequence[str]) -> str:
    """Return what files with the same columns have in common."""
    return hashlib.sha256("\x1f".join(map(key, header)).encode()).hexdigest()


def _told(file: "File", samples: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return what was found out about a file's columns."""
    read_as = {place: name for name, places in file.columns.places.items() for place in places}
    return {
        "header": header_digest(file.columns.header),
        "understood": file.report.understood,
        "columns": [
            {
                "name": name,
                "ours": read_as.get(place, ""),
                "samples": [row[place] for row in samples if place < len(row)],
            }
            for place, name in enumerate(file.columns.header)
        ],
    }


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
