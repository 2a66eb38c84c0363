"""Bring a seller's books to what his file says, as often as one likes: a broken row costs only
itself, and the same file again changes nothing."""

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import Self

from bookstore.catalogue.domain import Seller
from bookstore.catalogue.importing import sources, writing, zip_covers
from bookstore.catalogue.importing.columns import NEEDED, field_named, key, plain_name, read_header
from bookstore.catalogue.importing.conditions import own_table
from bookstore.catalogue.importing.errors import ImportRefused, Note, Refusal
from bookstore.catalogue.importing.offers import Offer, number_of
from bookstore.catalogue.importing.report import Report, understood
from bookstore.catalogue.importing.rows import Reading, RowReader, Unusable
from bookstore.catalogue.importing.tables import Broken
from bookstore.clock import Clock
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.web.i18n import gettext as _

# Rows are added from the last to the first within so many, so that a file's first rows, usually
# its best known books, are the newest of the shop.
_TURNED = 4_000
AT_ONCE = 1_000


@dataclass(frozen=True)
class Options:
    """How a file is to be read. `mapped` is their column -> ours, `settings` our field -> value
    for rows that do not say it, `conditions` their word -> our grade, `by_line` line -> our field
    -> value, whatever the row says."""

    encoding: str | None = None
    mapped: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    conditions: Mapping[str, str] = field(default_factory=dict)
    by_line: Mapping[int, Mapping[str, str]] = field(default_factory=dict)
    invent: bool = False
    withdraw_missing: bool = False


class File:
    """A seller's file, opened: its columns are known, its rows are read one by one.

    `named` are the offers that the file names, also in rows that are refused, each as a number
    that stands for it, and the line; `unknown_rows` counts those of which that cannot be told;
    `called` are title and author of refused rows, where they are asked for with `keep_called`.
    """

    def __init__(
        self,
        path: Path,
        options: Options,
        *,
        currency: str,
        name: str = "",
        on_progress: Callable[[int], None] = lambda _: None,
        keep_called: bool = False,
    ) -> None:
        """Open the file and read its header; raise ImportRefused."""
        self.called: dict[int, str] = {}
        self._keep_called = keep_called
        self.name = name or path.name
        self.report = Report()
        self.named: dict[int, int] = {}
        self.unknown_rows = 0
        mapped = {
            key(theirs): "ignore" if ours == "ignore" else field_named(ours)
            for theirs, ours in options.mapped.items()
        }
        settings = {field_named(ours): value for ours, value in options.settings.items()}
        table = own_table(options.conditions)
        self.source = sources.open_any(
            path,
            name=self.name,
            encoding=options.encoding,
            mapped=mapped,
            currency=currency,
            on_progress=on_progress,
        )
        try:
            self.columns = read_header(
                self.source.header,
                self.source.line,
                currency=currency,
                mapped=mapped,
                settings=settings,
            )
        except ImportRefused:
            self.source.close()
            raise
        self.report.understood += [
            *understood(self.columns, self.source.line), *self.source.told
        ]  # fmt: skip
        self.report.notes = self.source.notes
        self.report.doubtful = self.source.doubtful
        self.missing = self.columns.missing(NEEDED)
        self._reader = RowReader(
            Reading(
                self.columns, currency, options.invent, table, self.report.counts, options.by_line
            )
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.source.close()

    def refuse_missing(self, *, invent: bool) -> None:
        """Raise ImportRefused when a column is missing without which there is no offer."""
        missing = [name for name in self.missing if not invent or name in {"title", "author"}]
        if missing:
            what = ", ".join(missing)
            fills = [name for name in missing if name in {"price", "condition"}]
            hint = f' or give it for all rows with --set "{fills[0]}=…"' if fills else ""
            example = f'--map "Their column={missing[0]}"'
            had = ", ".join(map(plain_name, self.columns.header))[:300]
            raise ImportRefused(
                f"{self.name} has no column for {what}. Add one, say which column it is with"
                f" {example}{hint}. Its columns are {had}."
            )

    def offers(self) -> Iterator[Offer]:
        """Yield an offer a row; what is wrong with others is in the report."""
        rows = iter(self.source.rows)
        while True:
            try:
                row = next(rows, None)
            except (EOFError, OSError, zlib.error, zipfile.BadZipFile) as error:
                raise ImportRefused(
                    _(
                        "%(name)s is damaged and cannot be read to its end. Rows up to there were"
                        " taken in.",
                        name=self.name,
                    )
                ) from error
            if row is None:
                return
            if isinstance(row, Broken):
                self._refuse([Refusal(row.line, "", row.reason)])
                self.unknown_rows += 1
                continue
            try:
                offer = self._reader.offer(row)
            except Unusable as unusable:
                self._refuse(unusable.refusals)
                if self._keep_called:
                    self.called[row.line] = unusable.called
                if unusable.identity is None:
                    self.unknown_rows += 1
                else:
                    self.named.setdefault(number_of(unusable.identity), row.line)
                continue
            if offer is None:
                continue
            earlier = self.named.setdefault(number_of(offer.identity), row.line)
            if earlier != row.line:
                told = (
                    _("has the SKU of line %(line)s", line=earlier)
                    if offer.sku
                    else _("says the same as line %(line)s", line=earlier)
                )
                self.report.repeated.append(Note(row.line, told))
                continue
            self.report.without_sku += offer.sku is None
            yield offer

    def _refuse(self, refusals: Sequence[Refusal]) -> None:
        self.report.refused += refusals
        self.report.refused_rows += 1


async def import_file(
    database: Database,
    path: Path,
    *,
    sellers: Sequence[Seller],
    currency: str,
    clock: Clock,
    options: Options = Options(),
    name: str = "",
    dry_run: bool = False,
    media_dir: Path | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Report:
    """Bring books to what a file says and tell what became of each row; several sellers share the
    books between them. With `dry_run` nothing is written; covers that came along are kept in
    `media_dir`. Raise ImportRefused."""
    with File(path, options, currency=currency, name=name, on_progress=on_progress) as file:
        file.refuse_missing(invent=options.invent)
        kept = None if dry_run else media_dir
        await _write_all(database, file, sellers, currency, clock, options, dry_run, kept)
        file.report.refused.sort()
        return file.report


async def _write_all(
    database: Database,
    file: File,
    sellers: Sequence[Seller],
    currency: str,
    clock: Clock,
    options: Options,
    dry_run: bool,
    media_dir: Path | None,
) -> None:
    report = file.report

    async def write(
        queries: Queries, seller: Seller, own: Sequence[Offer], names: Mapping[str, str]
    ) -> list[writing.Outcome]:
        outcomes = await writing.write(
            queries, seller, own, currency=currency, now=clock(), dry_run=dry_run
        )
        await zip_covers.give(queries, outcomes, names, clock())
        return outcomes

    for chunk in batched(file.offers(), _TURNED, strict=False):
        for batch in batched(reversed(chunk), AT_ONCE, strict=False):
            for place, seller in enumerate(sellers):
                own = [o for o in batch if int(o.identity[:8], 16) % len(sellers) == place]
                names = await zip_covers.stored(file.source.pictures, own, media_dir)
                outcomes = await database.in_transaction(
                    lambda queries, own=own, seller=seller, names=names: write(  # type: ignore[misc]
                        queries, seller, own, names
                    )
                ) if own else []  # fmt: skip
                report.kinds.update(outcome.kind for outcome in outcomes)
    if options.withdraw_missing:
        if file.unknown_rows:
            report.keep_missing(file.unknown_rows)
        else:
            for seller in sellers:
                report.kinds[writing.WITHDRAWN] += await withdraw_missing(
                    database, seller, file.named, clock, dry_run=dry_run
                )


async def withdraw_missing(
    database: Database,
    seller: Seller,
    named: Mapping[int, int],
    clock: Clock,
    *,
    dry_run: bool,
) -> int:
    """Withdraw the seller's offers that a file does not name; return how many."""
    withdrawn = 0
    identity = ""
    while True:
        async with database.connection() as queries:
            page = await writing.offers_after(queries, seller.id, identity, AT_ONCE)
        if not page:
            return withdrawn
        identity = page[-1].identity
        missing = [one for one in page if number_of(one.identity) not in named]
        if missing:
            withdrawn += len(
                await database.in_transaction(
                    lambda queries, missing=missing: writing.withdraw(  # type: ignore[misc]
                        queries, seller, missing, clock(), dry_run=dry_run
                    )
                )
            )
