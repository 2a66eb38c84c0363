"""`bookstore import FILE`: bring a seller's books to what his file says, and tell what became of
its rows."""

import argparse
import asyncio
import csv
import os
import secrets
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bookstore.catalogue.domain import Seller
    from bookstore.catalogue.importing.importer import Options
    from bookstore.catalogue.importing.report import Report
    from bookstore.settings import Settings

ARCHIVE_NAME = "BookStore archive"
ARCHIVE_EMAIL = "archive@bookstore.example"
_SHOWN = 30  # refused rows on the screen; --report writes them all

_EPILOG = """\
Files: CSV and its relatives in any encoding, Excel (.xlsx), UIEE, MARC 21, MARCXML and ONIX 3, also
packed with gzip or zip; - reads standard input. Columns are found by their names, those of the
marketplaces included, in any order; what was read as what is told first.
  needed     title, author, price (such as 12.50), condition
  used       sku, isbn, copies, currency, description, year, language, category, defects, publisher,
             binding, edition, signed, weight, series, series number, original title, cover,
             ex library
A row that lacks what is needed is refused and costs only itself. The same file again changes
nothing; a changed price or quantity, and with a SKU anything else, changes the offer.
docs/sellers-guide.md shows how each marketplace's export gets in.
"""


def add_command(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command to the parser of the command line."""
    parser = commands.add_parser(
        "import",
        help="bring a seller's books to what a file says",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the file, or - for standard input")
    parser.add_argument("--dry-run", action="store_true", help="check every row and change nothing")
    parser.add_argument(
        "--report", type=Path, metavar="OUT.csv", help="write every refused row and why to OUT.csv"
    )
    parser.add_argument(
        "--map", action="append", default=[], metavar="THEIRS=OURS",
        help='say which column is which: --map "Vendor=author"; OURS may be "ignore"',
    )  # fmt: skip
    parser.add_argument(
        "--set", action="append", default=[], metavar="OURS=VALUE",
        help='what holds for rows that do not say it: --set "condition=Good"',
    )  # fmt: skip
    parser.add_argument(
        "--condition-map", action="append", default=[], metavar="THEIRS=OURS",
        help='what a word for a condition means: --condition-map "Used=Good"; or a CSV file of'
        " two columns",
    )  # fmt: skip
    parser.add_argument("--encoding", metavar="NAME", help="the file's encoding, such as cp1251")
    parser.add_argument(
        "--withdraw-missing", action="store_true",
        help="withdraw the seller's offers that earlier files named and this one does not",
    )  # fmt: skip
    parser.add_argument(
        "--invent", action="store_true",
        help="make up price, condition and category where they are missing (demonstrations only)",
    )  # fmt: skip
    parser.add_argument(
        "--seller", action="append", metavar="EMAIL",
        help="who sells the books: somebody with an account; several times to share them out"
        f" (default: an account named {ARCHIVE_NAME})",
    )  # fmt: skip
    parser.add_argument(
        "--seller-id", type=int, metavar="ID",
        help="with --seller-name: the seller, where the accounts' database is out of reach",
    )  # fmt: skip
    parser.add_argument("--seller-name", metavar="NAME")
    parser.set_defaults(command=run)


def run(options: argparse.Namespace) -> int:
    """Import the file; return 0, or 2 with a sentence when it cannot be read at all."""
    from bookstore.catalogue.importing.errors import ImportRefused
    from bookstore.settings import load_settings

    if (options.seller_id is None) != (options.seller_name is None):
        return _refuse("--seller-id and --seller-name go together.")
    if options.seller_id is not None and options.seller:
        return _refuse("Give either --seller, or --seller-id with --seller-name.")
    try:
        how = _options(options)
        with _file(options.file) as (path, name):
            if options.report is not None:
                _check_report(options.report, path)
            report = asyncio.run(_import(options, how, path, name, load_settings()))
    except ImportRefused as error:
        return _refuse(str(error))
    _tell(report, options, name)
    return 0


def _refuse(text: str) -> int:
    print(f"bookstore import: {text}", file=sys.stderr)
    return 2


def _options(options: argparse.Namespace) -> "Options":
    """Return how the file is to be read; raise ImportRefused."""
    from bookstore.catalogue.importing.importer import Options

    return Options(
        encoding=options.encoding,
        mapped=_pairs("--map", options.map),
        settings=_pairs("--set", options.set),
        conditions=_condition_words(options.condition_map),
        invent=options.invent,
        withdraw_missing=options.withdraw_missing,
    )


def _pairs(option: str, given: Sequence[str]) -> dict[str, str]:
    from bookstore.catalogue.importing.errors import ImportRefused

    pairs = {}
    for text in given:
        left, equals, right = text.rpartition("=") if option == "--map" else text.partition("=")
        if not equals or not left.strip() or not right.strip():
            raise ImportRefused(f"{option} takes two words with = between them, not {text[:60]!r}.")
        pairs[left.strip()] = right.strip()
    return pairs


def _condition_words(given: Sequence[str]) -> dict[str, str]:
    """Return a seller's words for conditions: pairs, or files of pairs."""
    from bookstore.catalogue.importing.errors import ImportRefused

    pairs: list[str] = []
    for text in given:
        if "=" in text:
            pairs.append(text)
            continue
        try:
            with open(text, newline="", encoding="utf-8-sig") as file:
                rows = [row[:2] for row in csv.reader(file) if len(row) >= 2 and all(row[:2])]
        except (OSError, UnicodeError, csv.Error) as error:
            raise ImportRefused(
                f"--condition-map takes THEIRS=OURS or a CSV file of two columns, and {text[:60]!r}"
                " is neither."
            ) from error
        pairs += ["=".join(row) for row in rows]
    return _pairs("--condition-map", pairs)


@contextmanager
def _file(given: str) -> Iterator[tuple[Path, str]]:
    """Yield the file and its name; standard input is kept in a file for the time being."""
    from bookstore.catalogue.importing.errors import ImportRefused

    if given != "-":
        path = Path(given)
        if not path.exists():
            raise ImportRefused(f"There is no file {given}.")
        if not path.is_file():
            raise ImportRefused(f"{given} is no file that can be read.")
        yield path, path.name
        return
    with tempfile.NamedTemporaryFile(prefix="bookstore-import-") as copy:
        shutil.copyfileobj(sys.stdin.buffer, copy)
        copy.flush()
        yield Path(copy.name), "standard input"


def _check_report(report: Path, file: Path) -> None:
    """Refuse a report that cannot be written, now and not after the import."""
    from bookstore.catalogue.importing.errors import ImportRefused

    if report.exists() and os.path.samefile(report, file):
        raise ImportRefused(f"{report} is the file to import. Give the report another name.")
    try:
        report.open("a").close()
    except OSError as error:
        raise ImportRefused(f"{report} cannot be written: {error.strerror}.") from error


async def _import(
    options: argparse.Namespace, how: "Options", path: Path, name: str, settings: "Settings"
) -> "Report":
    import click

    from bookstore.catalogue.importing.errors import ImportRefused
    from bookstore.catalogue.importing.importer import File, import_file
    from bookstore.clock import now
    from bookstore.data.database import Database

    size = os.path.getsize(path)  # noqa: ASYNC240 - nothing else runs here
    database = Database(settings.database_url_of("catalogue"))
    await database.connect()
    try:
        if not await _migrated(database):
            raise ImportRefused("The catalogue has no tables yet. Run `bookstore migrate` first.")
        if not options.seller and options.seller_id is None:
            with File(path, how, currency=settings.currency, name=name) as file:
                file.refuse_missing(invent=how.invent)  # before an account is made for it
        sellers = await _sellers(options, settings)
        with click.progressbar(
            length=size, label=name, file=sys.stderr, hidden=not sys.stderr.isatty()
        ) as progress:
            return await import_file(
                database,
                path,
                sellers=sellers,
                currency=settings.currency,
                clock=now,
                options=how,
                name=name,
                dry_run=options.dry_run,
                media_dir=settings.media_dir,
                on_progress=lambda position: progress.update(position - progress.pos),
            )
    finally:
        await database.disconnect()


async def _migrated(database: Any) -> bool:
    table = "sqlite_master" if database.dialect == "sqlite" else "information_schema.tables"
    column = "name" if database.dialect == "sqlite" else "table_schema = DATABASE() AND table_name"
    return bool(await database.value(f"SELECT 1 FROM {table} WHERE {column} = 'books'"))


async def _sellers(options: argparse.Namespace, settings: "Settings") -> "Sequence[Seller]":
    """Return who sells the books, making the archive's account when nobody is named."""
    from bookstore.accounts.service import Accounts
    from bookstore.catalogue.domain import Seller
    from bookstore.catalogue.importing.errors import ImportRefused
    from bookstore.clock import now
    from bookstore.data.database import Database

    if options.seller_id is not None:
        return [Seller(options.seller_id, options.seller_name)]
    if "accounts" not in settings.contexts:
        raise ImportRefused(
            "This process does not reach the accounts. Name the seller with --seller-id and "
            "--seller-name."
        )
    database = Database(settings.database_url_of("accounts"))
    await database.connect()
    try:
        accounts = Accounts(database, now)
        sellers = []
        for email in options.seller or [ARCHIVE_EMAIL]:
            person = await accounts.find(email)
            if person is None and options.seller:
                raise ImportRefused(
                    f"Nobody has an account with the e-mail address {email}. Create the account "
                    "in the shop first, or leave --seller out."
                )
            if person is None and options.dry_run:
                return [Seller(0, ARCHIVE_NAME)]
            if person is None:
                password = secrets.token_urlsafe(12)
                person = await accounts.register(
                    email=email, name=ARCHIVE_NAME, password=password, form_key="import"
                )
                print(f"The books are sold by a new account, {ARCHIVE_NAME}. To ship its sales")
                print(f"sign in as {email} with the password {password} and change it.")
            sellers.append(Seller(person.id, person.name))
        return sellers
    finally:
        await database.disconnect()


def _tell(report: "Report", options: argparse.Namespace, name: str) -> None:
    for text in report.understood:
        print(text)
    print(report.summary(name, dry_run=options.dry_run))
    for text in report.remarks():
        print(f"  {text}")
    for note in [*report.notes, *report.repeated][:_SHOWN]:
        print(f"  line {note.line:,}: {note.text}")
    for note in report.doubtful[:_SHOWN]:
        print(f"  line {note.line:,} is doubtful: {_visible(note.text)}")
    for refusal in report.refused[:_SHOWN]:
        where = f"line {refusal.line:,}" + (f", {refusal.column}" if refusal.column else "")
        print(f"  {where} refused: {refusal.reason}")
    if len(report.refused) > _SHOWN:
        reasons = Counter(
            f"{one.column}: {one.reason}".removeprefix(": ") for one in report.refused
        )
        common = "; ".join(f"{reason} ({rows:,})" for reason, rows in reasons.most_common(3))
        print(f"  … {len(report.refused) - _SHOWN:,} more. Most often: {common}.")
        if options.report is None:
            print("  Run it again with --report OUT.csv to get them all.")
    if options.report is not None:
        with options.report.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("line", "column", "reason"), *report.refused])
        print(f"  Every refused row is in {options.report}.")


def _visible(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)
