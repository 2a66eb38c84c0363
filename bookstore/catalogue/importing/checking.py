"""Checking a seller's file: what each of its rows would do is written down, and nothing done."""

import asyncio
import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

from bookstore.catalogue.domain import Seller, Terms
from bookstore.catalogue.importing import jobs_store as store
from bookstore.catalogue.importing import storing, writing
from bookstore.catalogue.importing.batches import AT_ONCE, path_of, pause
from bookstore.catalogue.importing.columns import NEEDED, key
from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.catalogue.importing.field_names import FIELD_NAMES
from bookstore.catalogue.importing.jobs_store import Job, JobRow
from bookstore.catalogue.importing.offers import Details, Offer, number_of
from bookstore.catalogue.importing.tables import Row
from bookstore.catalogue.repository import Book
from bookstore.clock import Clock
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.settings import Settings
from bookstore.web import i18n

if TYPE_CHECKING:
    from bookstore.catalogue.importing.importer import File

ASKED = ("price", "condition")  # what may be given row by row
NOT_IN_FILE = 2_000_000_000  # rows beyond are of offers that the file does not name
_SAMPLES = 3


class Checker:
    """Plans what files are to do."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock

    async def check(self, job: Job) -> None:
        """Read a file and write down what each of its rows would do, or why it is refused."""
        await store.drop_rows(self._database, job.id)
        try:
            with i18n.speaking(job.language):
                await self._check_rows(job)
        except ImportRefused as refused:
            told = json.dumps({**job.said, "problem": str(refused)}, ensure_ascii=False)
            await store.move(self._database, job.id, store.CHECKING, store.REFUSED, told=told)

    async def _check_rows(self, job: Job) -> None:
        given = json.loads(job.options)
        file = await asyncio.to_thread(self._opened, job, given)
        if not given:
            kept = await store.kept_options(
                self._database, job.seller_id, _header_digest(file.columns.header)
            )
            if kept:
                file.__exit__()
                given = kept
                await store.update(self._database, job.id, options=json.dumps(given))
                file = await asyncio.to_thread(self._opened, job, given)
        with file:
            samples = await asyncio.to_thread(self._samples, job)
            told = _told(job, file, samples)
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
            while chunk := await asyncio.to_thread(lambda: list(islice(offers, AT_ONCE))):
                count += len(chunk)
                await self._database.in_transaction(
                    lambda queries, chunk=chunk: self._plan(queries, job, seller, chunk)  # type: ignore[misc]
                )
                await store.update(
                    self._database, job.id, read_rows=count, touched_at=self._clock()
                )
                began = await pause(began)
            if given.get("withdraw_missing"):
                await self._add_missing(job, file)
        await self._add_refused(job, file)
        told = {**_told(job, file, samples), "remarks": file.report.remarks()}
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
            said = f"{str(FIELD_NAMES[column]).lower()}: {reason}" if column else reason
            reasons.setdefault(line, []).append(said)
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
                page = await writing.offers_after(queries, job.seller_id, identity, AT_ONCE)
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
        path = path_of(self._settings, job.file)
        return File(
            path, options, currency=self._settings.currency, name=job.name, keep_called=True
        )

    def _samples(self, job: Job) -> list[list[str]]:
        """Return the first rows as they stand: in a thread."""
        with self._opened(job, {}) as file:
            rows = islice(file.source.rows, _SAMPLES)
            return [[cell[:60] for cell in row.fields] for row in rows if isinstance(row, Row)]


def _withdrawal(line: int, last: writing.Said, book: Book) -> JobRow:
    """Return the row of an offer that the file does not name: as said last, without copies."""
    terms = Terms(**{name: getattr(book, name) for name in Terms._fields})
    offer = Offer(
        line, last.identity, None, terms._replace(price=last.price), Details(), 0, last.marks
    )
    return JobRow(line, writing.WITHDRAWN, store.packed(offer), book.id, None)


def _header_digest(header: Sequence[str]) -> str:
    """Return what files with the same columns have in common."""
    return hashlib.sha256("\x1f".join(map(key, header)).encode()).hexdigest()


def _told(job: Job, file: "File", samples: Sequence[Sequence[str]]) -> dict[str, Any]:
    """Return what was found out about a file's columns."""
    read_as = {place: name for name, places in file.columns.places.items() for place in places}
    return {
        "language": job.language,
        "header": _header_digest(file.columns.header),
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
