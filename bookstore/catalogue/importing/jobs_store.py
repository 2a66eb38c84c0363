"""The tables of files that sellers sent in."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from bookstore.catalogue.domain import Terms
from bookstore.catalogue.importing.offers import Details, Offer
from bookstore.catalogue.repository import Source
from bookstore.data.database import Database
from bookstore.data.housekeeping import alone, delete_older
from bookstore.data.queries import Queries

CHECKING, COLUMNS, READY, REFUSED = "checking", "columns", "ready", "refused"
WORKING, DONE, UNDOING, UNDONE = "working", "done", "undoing", "undone"
BUSY = (CHECKING, WORKING, UNDOING)


class Job(NamedTuple):
    """A file that a seller sent in, and how far it is. `told` and `options` are JSON."""

    id: int
    seller_id: int
    seller_name: str
    name: str
    file: str
    state: str
    options: str
    told: str
    read_rows: int
    done_rows: int
    created_at: int
    touched_at: int
    finished_at: int | None

    @property
    def said(self) -> dict[str, Any]:
        """Return what was found out about the file."""
        found: dict[str, Any] = json.loads(self.told)
        return found

    @property
    def language(self) -> str:
        """Return the language in which its seller is told of it."""
        return str(self.said.get("language", "en"))

    @property
    def busy(self) -> bool:
        """Tell whether something is being done with it."""
        return self.state in BUSY


class JobRow(NamedTuple):
    """A row of a file and what becomes of it. `data` and `past` are JSON."""

    line: int
    kind: str
    data: str
    book_id: int | None
    past: str | None


_JOB = ", ".join(Job._fields)
_ROW = ", ".join(JobRow._fields)


def packed(offer: Offer, extra: Mapping[str, Any] | None = None) -> str:
    """Write an offer as JSON."""
    return json.dumps(
        {
            "identity": offer.identity,
            "sku": offer.sku,
            "terms": offer.terms._asdict(),
            "details": offer.details._asdict(),
            "copies": offer.copies,
            "marks": offer.marks,
            **(extra or {}),
        },
        ensure_ascii=False,
    )


def unpacked(line: int, data: str) -> Offer:
    """Read an offer that was written as JSON."""
    found = json.loads(data)
    return Offer(
        line,
        found["identity"],
        found["sku"],
        Terms(**found["terms"]),
        Details(**found["details"]),
        found["copies"],
        found["marks"],
    )


async def add_job(source: Source, values: Mapping[str, Any]) -> int:
    """Add a file; return its number."""
    return await source.insert(
        "INSERT INTO imports (seller_id, seller_name, name, file, state, options, told, read_rows,"
        " done_rows, created_at, touched_at) VALUES (:seller_id, :seller_name, :name, :file,"
        " 'checking', :options, :told, 0, 0, :now, 0)",
        values,
    )


async def job(source: Source, job_id: int, seller_id: int) -> Job | None:
    """Return a seller's own file."""
    return await source.one(
        Job,
        f"SELECT {_JOB} FROM imports WHERE id = :id AND seller_id = :seller",
        {"id": job_id, "seller": seller_id},
    )


async def jobs_of(source: Source, seller_id: int) -> list[Job]:
    """Return a seller's latest files."""
    return await source.all(
        Job,
        f"SELECT {_JOB} FROM imports WHERE seller_id = :seller ORDER BY id DESC LIMIT 10",
        {"seller": seller_id},
    )


async def take(source: Source, now: int, patience: int) -> Job | None:
    """Return a file that nobody works on though somebody should; it is the caller's now."""
    found = await source.one(
        Job,
        f"SELECT {_JOB} FROM imports WHERE state IN :busy AND touched_at < :before"
        " ORDER BY touched_at LIMIT 1",
        {"busy": list(BUSY), "before": now - patience},
    )
    if found is None:
        return None
    taken = await source.execute(
        "UPDATE imports SET touched_at = :now WHERE id = :id AND touched_at = :seen"
        " AND state = :state",
        {"now": now, "id": found.id, "seen": found.touched_at, "state": found.state},
    )
    return found if taken else None


async def update(source: Source, job_id: int, **values: Any) -> None:
    """Change columns of a file."""
    sets = ", ".join(f"{name} = :{name}" for name in values)
    await source.execute(f"UPDATE imports SET {sets} WHERE id = :id", {**values, "id": job_id})


async def move(source: Source, job_id: int, before: str, after: str, **values: Any) -> bool:
    """Change a file's state if it is still the one before."""
    sets = "".join(f", {name} = :{name}" for name in values)
    return bool(
        await source.execute(
            f"UPDATE imports SET state = :after{sets} WHERE id = :id AND state = :before",
            {**values, "id": job_id, "before": before, "after": after},
        )
    )


async def add_rows(queries: Queries, job_id: int, rows: Sequence[JobRow]) -> None:
    """Add rows that are not done."""
    await queries.execute_many(
        "INSERT INTO import_rows (import_id, line, kind, done, data, book_id, past)"
        " VALUES (:job, :line, :kind, 0, :data, :book_id, :past)",
        [{"job": job_id, **row._asdict()} for row in rows],
    )


async def drop_rows(source: Source, job_id: int) -> None:
    """Delete a file's rows."""
    await source.execute("DELETE FROM import_rows WHERE import_id = :job", {"job": job_id})


async def rows_to_do(source: Source, job_id: int, done: int, limit: int) -> list[JobRow]:
    """Return the next rows to work on, the last first."""
    return await source.all(
        JobRow,
        f"SELECT {_ROW} FROM import_rows WHERE import_id = :job AND done = :done"
        " ORDER BY line DESC LIMIT :limit",
        {"job": job_id, "done": done, "limit": limit},
    )


async def rows_of(source: Source, job_id: int, kind: str, after: int, limit: int) -> list[JobRow]:
    """Return a page of rows of a kind."""
    return await source.all(
        JobRow,
        f"SELECT {_ROW} FROM import_rows WHERE import_id = :job AND kind = :kind AND line > :after"
        " ORDER BY line LIMIT :limit",
        {"job": job_id, "kind": kind, "after": after, "limit": limit},
    )


class _Count(NamedTuple):
    kind: str
    rows_: int


async def counts(source: Source, job_id: int) -> dict[str, int]:
    """Return how many rows there are of each kind."""
    found = await source.all(
        _Count,
        "SELECT kind, COUNT(*) AS rows_ FROM import_rows WHERE import_id = :job GROUP BY kind",
        {"job": job_id},
    )
    return dict(found)


async def finish_rows(queries: Queries, job_id: int, rows: Sequence[JobRow], done: int) -> None:
    """Write down what became of rows."""
    await queries.execute(
        "DELETE FROM import_rows WHERE import_id = :job AND line IN :lines",
        {"job": job_id, "lines": [row.line for row in rows]},
    )
    await queries.execute_many(
        "INSERT INTO import_rows (import_id, line, kind, done, data, book_id, past)"
        f" VALUES (:job, :line, :kind, {int(done)}, :data, :book_id, :past)",
        [{"job": job_id, **row._asdict()} for row in rows],
    )


async def kept_options(source: Source, seller_id: int, header: str) -> dict[str, Any]:
    """Return how the seller read a file with such columns last."""
    found = await source.value(
        "SELECT options FROM import_mappings WHERE seller_id = :seller AND header = :header",
        {"seller": seller_id, "header": header},
    )
    options: dict[str, Any] = json.loads(found) if found else {}
    return options


async def keep_options(queries: Queries, seller_id: int, header: str, options: str) -> None:
    """Remember how a seller reads files with such columns."""
    key = {"seller": seller_id, "header": header}
    await queries.execute(
        "DELETE FROM import_mappings WHERE seller_id = :seller AND header = :header", key
    )
    await queries.execute(
        "INSERT INTO import_mappings (seller_id, header, options)"
        " VALUES (:seller, :header, :options)",
        {**key, "options": options},
    )


async def forget(database: Database, before: int) -> list[str]:
    """Delete files that are long done or were never confirmed; return what they are kept as."""
    forgotten: list[str] = []
    async with alone(database, "forget imports") as queries:
        while queries is not None:
            old = await queries.all(
                Job,
                f"SELECT {_JOB} FROM imports WHERE created_at < :before"
                " ORDER BY created_at LIMIT 20",
                {"before": before},
            )
            for one in old:
                own = f"import_id = {one.id}"
                await delete_older(database, "import_rows", "line", 2**31 - 1, where=own)
                await database.execute("DELETE FROM imports WHERE id = :id", {"id": one.id})
                forgotten.append(one.file)
            if len(old) < 20:
                break
    return forgotten
