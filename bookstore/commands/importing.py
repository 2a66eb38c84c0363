"""`bookstore import FILE.csv`: load a dump into the catalogue and say what became of its rows."""

import argparse
import asyncio
import csv
import secrets
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bookstore.catalogue.domain import Seller
    from bookstore.catalogue.importer import Report
    from bookstore.settings import Settings

ARCHIVE_NAME = "BookStore archive"
ARCHIVE_EMAIL = "archive@bookstore.example"
_SHOWN = 30  # skipped rows on the screen; --report writes them all

_COLUMNS = """\
Columns are found by their names in the header line, in any order; others are ignored.
  needed     title (or original_title, name), author (or authors)
  used       isbn13, isbn, year, language, category, description, condition, ex_library, defects,
             price (such as 12.50), copies (or stock), id
What a row lacks follows from the row itself, the same on every run: category from words in title
and author, condition, price and copies from a digest. A second run adds nothing twice.
"""


def add_command(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command to the parser of the command line."""
    parser = commands.add_parser(
        "import",
        help="load books from a CSV file",
        description=__doc__,
        epilog=_COLUMNS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE.csv")
    parser.add_argument("--dry-run", action="store_true", help="check every row and add nothing")
    parser.add_argument(
        "--report", type=Path, metavar="OUT.csv", help="write every skipped line and why to OUT.csv"
    )
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
    """Import the file; return 0, or 2 with a sentence when it cannot be loaded at all."""
    from bookstore.catalogue.importer import ImportRefused
    from bookstore.settings import load_settings

    if (options.seller_id is None) != (options.seller_name is None):
        return _refuse("--seller-id and --seller-name go together.")
    if options.seller_id is not None and options.seller:
        return _refuse("Give either --seller, or --seller-id with --seller-name.")
    if options.report is not None:
        try:
            options.report.open("a").close()  # better now than after the import
        except OSError as error:
            return _refuse(f"{options.report} cannot be written: {error.strerror}.")
    try:
        report = asyncio.run(_import(options, load_settings()))
    except ImportRefused as error:
        return _refuse(str(error))
    _tell(report, options)
    return 0


def _refuse(text: str) -> int:
    print(f"bookstore import: {text}", file=sys.stderr)
    return 2


async def _import(options: argparse.Namespace, settings: "Settings") -> "Report":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from bookstore.catalogue.importer import ImportRefused, import_file
    from bookstore.clock import now
    from bookstore.data.database import Database

    if not options.file.is_file():
        raise ImportRefused(f"There is no file {options.file}.")
    database = Database(settings.database_url_of("catalogue"))
    await database.connect()
    try:
        if not await _migrated(database):
            raise ImportRefused("The catalogue has no tables yet. Run `bookstore migrate` first.")
        sellers = await _sellers(options, settings)
        with Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(), console=Console(stderr=True), transient=True,
        ) as progress:  # fmt: skip
            task = progress.add_task(options.file.name, total=options.file.stat().st_size)
            return await import_file(
                database,
                options.file,
                sellers=sellers,
                currency=settings.currency,
                clock=now,
                dry_run=options.dry_run,
                on_progress=lambda position: progress.update(task, completed=position),
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
    from bookstore.catalogue.importer import ImportRefused
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


def _tell(report: "Report", options: argparse.Namespace) -> None:
    would = "would be added" if options.dry_run else "added"
    print(
        f"{options.file.name}: {report.added:,} books {would}, {report.there_already:,} were there"
        f" already, {len(report.skipped):,} lines skipped."
    )
    for repair, rows in report.repairs.most_common():
        print(f"  {repair}: {rows:,}")
    for skipped in report.skipped[:_SHOWN]:
        print(f"  line {skipped.line:,} skipped: {skipped.reason}")
    if len(report.skipped) > _SHOWN:
        reasons = Counter(skipped.reason.split(", ")[0] for skipped in report.skipped)
        common = "; ".join(f"{reason} ({rows:,})" for reason, rows in reasons.most_common(3))
        print(f"  … {len(report.skipped) - _SHOWN:,} more. Most often: {common}.")
        if options.report is None:
            print("  Run it again with --report OUT.csv to get them all.")
    if options.report is not None:
        with options.report.open("w", newline="") as file:
            csv.writer(file).writerows([("line", "reason"), *report.skipped])
        print(f"  Every skipped line is in {options.report}.")
