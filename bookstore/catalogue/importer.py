"""Load a CSV dump into the catalogue, in bulk and as often as one likes: a row that is there
already is not added again, and a broken row costs only itself."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import NamedTuple

from bookstore.catalogue import changes, csv_rows, import_rows, repository
from bookstore.catalogue.domain import Seller
from bookstore.catalogue.import_rows import Candidate
from bookstore.clock import Clock
from bookstore.data.database import Database
from bookstore.data.queries import Queries

# Rows are added from the last to the first within so many, so that a dump's first rows, usually
# its best known books, are the newest of the shop.
_TURNED = 20_000
_AT_ONCE = 1_000


class ImportRefused(Exception):
    """The file as a whole cannot be loaded; the text says why and what to do."""


class Skipped(NamedTuple):
    """A line that did not become a book, and why."""

    line: int
    reason: str


@dataclass
class Report:
    """What became of a file."""

    added: int = 0
    there_already: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    repairs: Counter[str] = field(default_factory=Counter)


async def import_file(
    database: Database,
    path: Path,
    *,
    sellers: Sequence[Seller],
    currency: str,
    clock: Clock,
    dry_run: bool = False,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Add the books of a CSV file and say what became of each row.

    The sellers share the books between them. `on_progress` gets the position in the file in
    bytes. With `dry_run` everything is checked and nothing is added. Raise ImportRefused.
    """
    report = Report()
    candidates = _candidates(path, report, on_progress)
    for chunk in batched(candidates, _TURNED, strict=False):
        for batch in batched(reversed(chunk), _AT_ONCE, strict=False):
            added = await database.in_transaction(
                lambda queries, batch=batch: _add(  # type: ignore[misc]
                    queries, batch, sellers, currency, clock(), dry_run
                )
            )
            report.added += added
            if added and not dry_run:
                await database.in_transaction(
                    lambda queries: changes.record_everything(queries, clock())
                )
            report.there_already += len(batch) - added
    report.skipped.sort()
    return report


def _candidates(
    path: Path, report: Report, on_progress: Callable[[int], None]
) -> Iterator[Candidate]:
    try:
        rows = csv_rows.read(path, on_progress)
        header = next(rows, None)
    except OSError as error:
        raise ImportRefused(f"{path} cannot be read: {error.strerror}.") from error
    if not isinstance(header, csv_rows.Row):
        raise ImportRefused(f"{path} has no header line that names its columns.")
    missing = import_rows.missing_columns(header.fields)
    if missing:
        names = ", ".join(import_rows.COLUMNS[missing[0]])
        raise ImportRefused(
            f"{path} has no column for the {missing[0]}. Name one of its columns {names}; "
            f"it has {', '.join(header.fields)[:300]}."
        )
    first_line: dict[str, int] = {}
    for row in rows:
        if isinstance(row, csv_rows.Broken):
            report.skipped.append(Skipped(row.line, row.reason))
            continue
        try:
            found = import_rows.candidate(header.fields, row.fields)
        except import_rows.Refused as error:
            report.skipped.append(Skipped(row.line, str(error)))
            continue
        earlier = first_line.setdefault(found.key, row.line)
        if earlier != row.line:
            report.skipped.append(Skipped(row.line, f"it says the same as line {earlier}"))
            continue
        report.repairs.update(found.repairs)
        yield found


async def _add(
    queries: Queries,
    batch: Sequence[Candidate],
    sellers: Sequence[Seller],
    currency: str,
    now: int,
    dry_run: bool,
) -> int:
    """Add those of the books that are not there; return how many."""
    known = await repository.imported(queries, [candidate.key for candidate in batch])
    new = [candidate for candidate in batch if candidate.key not in known]
    if dry_run or not new:
        return len(new)
    rows = [
        repository.book_values(
            candidate.terms,
            seller=sellers[int(candidate.key[:8], 16) % len(sellers)],
            copies=candidate.copies,
            currency=currency,
            now=now,
            import_key=candidate.key,
        )
        for candidate in new
    ]
    words = {candidate.key: repository.words_of(candidate.terms) for candidate in new}
    await repository.add_imported(queries, rows, words)
    return len(new)
