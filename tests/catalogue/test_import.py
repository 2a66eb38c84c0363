"""Loading a CSV dump into the catalogue: what becomes of good, dirty and broken rows."""

import csv
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from bookstore.catalogue import csv_rows, listing
from bookstore.catalogue.domain import Seller
from bookstore.catalogue.importer import ImportRefused, Report, Skipped, import_file
from bookstore.catalogue.search import Search
from bookstore.clock import now
from bookstore.commands import main
from bookstore.data.database import Database
from tests.conftest import DATA, SECRET

SELLERS = [Seller(1000, "The archive"), Seller(1001, "The attic")]


class Row(NamedTuple):
    """What the tests look at of an imported book."""

    title: str
    author: str
    isbn13: str | None
    year: int | None
    language: str | None


class _Terms(NamedTuple):
    condition: str
    price: int
    stock: int


async def load(database: Database, path: Path, *, dry_run: bool = False) -> Report:
    return await import_file(
        database, path, sellers=SELLERS, currency="EUR", clock=now, dry_run=dry_run
    )


async def books(database: Database) -> list[Row]:
    return await database.all(
        Row, "SELECT title, author, isbn13, year, language FROM books ORDER BY title"
    )


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """Where a test puts its file."""
    return tmp_path / "dump.csv"


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    "header",
    [
        ("title", "author", "year", "isbn13"),
        ("original_title", "authors", "original_publication_year", "ISBN_13"),
        (" Name", "AUTHOR ", "Publication Year", "ean"),
    ],
)
async def test_columns_are_found_by_name(
    database: Database, dump: Path, header: tuple[str, ...], delimiter: str
) -> None:
    cells = ("Emma", "Jane Austen", "1815", "9780141439587")
    turned = zip(("shelf", *reversed(header)), ("A 3", *reversed(cells)), strict=True)
    dump.write_text("\n".join(delimiter.join(line) for line in zip(*turned, strict=True)))
    assert (await load(database, dump)).added == 1
    assert await books(database) == [Row("Emma", "Jane Austen", "9780141439587", 1815, None)]


@pytest.mark.parametrize(
    ("cells", "stored", "repair"),
    [
        # A spreadsheet took the zeros of the one and the digits of the other.
        ("439023483,9.78043902348e+12,,", ("9780439023481", None, None), "ISBN completed"),
        ("2250,,,", (None, None, None), "unusable ISBN"),
        (",9.78043902348e+12,,", (None, None, None), "unusable ISBN"),
        (",,,", (None, None, None), None),
        ("0-439-02348-3,,,", ("9780439023481", None, None), None),
        (",,-750.0,", (None, -750, None), None),
        (",,2008.0,", (None, 2008, None), None),
        (",,soon,", (None, None, None), "impossible year"),
        (",,Infinity,", (None, None, None), "impossible year"),
        (",,,eng", (None, None, "en"), None),
        (",,,en-US", (None, None, "en"), None),
        (",,,spa", (None, None, "es"), None),
        (",,,klingon", (None, None, None), "unknown language"),
    ],
)
async def test_dirty_cells_are_repaired_or_left_out(
    database: Database,
    dump: Path,
    cells: str,
    stored: tuple[str | None, int | None, str | None],
    repair: str | None,
) -> None:
    header = "title,authors,isbn,isbn13,original_publication_year,language_code"
    dump.write_text(f"{header}\nThe Iliad,Homer,{cells}\n")
    report = await load(database, dump)
    assert await books(database) == [Row("The Iliad", "Homer", *stored)]
    assert [text.startswith(repair or "none") for text in report.repairs] == [True] * bool(repair)


async def test_authors_of_742_characters_fit_and_are_found(database: Database, dump: Path) -> None:
    authors = ", ".join(["Amélie Nothomb"] * 60)[:742]
    dump.write_text(f'title,authors\nTogether,"{authors}"\n')
    await load(database, dump)
    assert [book.author for book in await books(database)] == [authors]
    found = await listing.page(database, Search(text="nothomb", sort="relevance"))
    assert [card.title for card in found.cards] == ["Together"]


async def test_what_the_row_says_wins_over_what_follows_from_it(
    database: Database, dump: Path
) -> None:
    dump.write_text("title,author,condition,price,copies\nEmma,Jane Austen,Very Good,12.5,7\n")
    await load(database, dump)
    said = await database.one(_Terms, "SELECT `condition`, price, stock FROM books")
    assert said == _Terms("very-good", 1250, 7)


BROKEN = """\
title,author,price,copies,condition
Before,Ann,,,
,Ann,,,
No author,,,,
Too,few
Quote "never closed,Ann,,,
Free,Ann,0,,
Dear,Ann,a lot,,
None left,Ann,,0,
Eaten,Ann,,,by mice
Before,Ann,,,
{long},Ann,,,

After,Ann,,,
""".format(long="x" * 301)


async def test_broken_rows_cost_only_themselves(database: Database, dump: Path) -> None:
    dump.write_text(BROKEN)
    report = await load(database, dump)
    assert [book.title for book in await books(database)] == ["After", "Before"]
    assert report.added == 2
    reasons = [
        (3, "it has no title"),
        (4, "it has no author"),
        (5, "it has 2 columns, the header has 5"),
        (6, "a quote is opened and not closed"),
        (7, "its price is '0', not an amount such as 12.50"),
        (8, "its price is 'a lot', not an amount such as 12.50"),
        (9, "its copies are '0', not a number from 1 to 1000"),
        (10, "its condition is 'by mice', not one of"),
        (11, "it says the same as line 2"),
        (12, "its title has 301 characters, 300 fit"),
    ]
    assert [skipped.line for skipped in report.skipped] == [line for line, _ in reasons]
    for skipped, (_, reason) in zip(report.skipped, reasons, strict=True):
        assert skipped.reason.startswith(reason)


async def test_lines_are_counted_as_an_editor_does(database: Database, dump: Path) -> None:
    dump.write_text('title,author\n"Over\ntwo lines",Ann\n,Ann\n')
    report = await load(database, dump)
    assert [book.title for book in await books(database)] == ["Over two lines"]
    assert report.skipped == [Skipped(4, "it has no title")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
async def test_accents_survive_what_programs_write(
    database: Database, dump: Path, encoding: str
) -> None:
    dump.write_bytes("title,author\r\nCien años,Gabriel García Márquez\r\n".encode(encoding))
    await load(database, dump)
    assert await books(database) == [Row("Cien años", "Gabriel García Márquez", None, None, None)]


async def test_a_line_without_end_is_one_skipped_line(database: Database, dump: Path) -> None:
    dump.write_text(f"title,author\n{'x' * (csv_rows.MAX_LINE * 2)}\nEmma,Jane Austen\n")
    report = await load(database, dump)
    assert (report.added, [skipped.line for skipped in report.skipped]) == (1, [2])


async def test_a_dry_run_says_what_would_be_and_adds_nothing(
    database: Database, dump: Path
) -> None:
    dump.write_text(BROKEN)
    rehearsed = await load(database, dump, dry_run=True)
    assert await books(database) == []
    assert await database.value("SELECT COUNT(*) FROM book_changes") == 0
    assert rehearsed == await load(database, dump)


async def test_a_second_run_adds_nothing(database: Database, dump: Path) -> None:
    dump.write_text("title,author\nEmma,Jane Austen\nKim,Rudyard Kipling\n")
    first = await load(database, dump)
    before = await books(database)
    with dump.open("a") as file:
        file.write("Walden,Henry David Thoreau\n")
    second = await load(database, dump)
    assert (first.added, first.there_already) == (2, 0)
    assert (second.added, second.there_already) == (1, 2)
    assert [book for book in await books(database) if book.title != "Walden"] == before


async def test_the_first_rows_are_the_newest_books(database: Database, dump: Path) -> None:
    dump.write_text("title,author\n" + "".join(f"Book {n},Ann\n" for n in range(1500)))
    await load(database, dump)
    found = await listing.page(database, Search())
    assert [card.title for card in found.cards] == [f"Book {n}" for n in range(len(found.cards))]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has no header line that names its columns."),
        (b"\n\n", "has no header line that names its columns."),
        (b"1,Emma,Jane Austen\n2,Kim,Rudyard Kipling\n", "has no column for the title."),
        (
            b"title,year\nEmma,1815\n",
            "has no column for the author. Name one of its columns author",
        ),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "has no column for the title."),
    ],
)
async def test_a_file_without_a_usable_header_is_refused(
    database: Database, dump: Path, content: bytes, sentence: str
) -> None:
    dump.write_bytes(content)
    with pytest.raises(ImportRefused) as refused:
        await load(database, dump)
    assert str(refused.value).startswith(f"{dump} {sentence}")
    assert "\n" not in str(refused.value)


async def test_what_cannot_be_opened_is_refused(database: Database, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"cannot be read: Is a directory\.$"):
        await load(database, tmp_path)


@pytest.fixture
def command(
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> "Command":
    """The command line of a shop."""
    monkeypatch.setenv("BOOKSTORE_DATABASE_URL", database_url)
    monkeypatch.setenv("BOOKSTORE_SECRET_KEY", SECRET)
    monkeypatch.setenv("BOOKSTORE_MEDIA_DIR", str(tmp_path / "media"))
    return Command(capsys)


class Said(NamedTuple):
    status: int
    out: str
    err: str


class Command:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Said:
        """Run `bookstore import` and return its status and what it said."""
        with pytest.raises(SystemExit) as end:
            main.main(["import", *map(str, arguments)])
        assert isinstance(end.value.code, int)
        return Said(end.value.code, *self._capsys.readouterr())


def test_the_command_tells_what_became_of_the_rows(command: Command, dump: Path) -> None:
    dump.write_text("title,author,isbn\nEmma,Jane Austen,141439580\n,Ann,\n")
    would = command(dump, "--dry-run")
    assert would.out.startswith("dump.csv: 1 books would be added, 0 were there already, 1 lines")
    first = command(dump)
    assert first.status == 0
    assert "The books are sold by a new account, BookStore archive." in first.out
    assert "dump.csv: 1 books added, 0 were there already, 1 lines skipped." in first.out
    assert "  ISBN completed with its lost zeros: 1\n" in first.out
    assert "  line 3 skipped: it has no title\n" in first.out
    assert command(dump).out.startswith("dump.csv: 0 books added, 1 were there already, 1 lines")


def test_the_command_shows_thirty_lines_and_writes_all(
    command: Command, dump: Path, tmp_path: Path
) -> None:
    dump.write_text("title,author\n" + ",Ann\n" * 50)
    said = command(dump, "--report", tmp_path / "skipped.csv")
    assert said.out.count("skipped: it has no title") == 30
    assert "… 20 more. Most often: it has no title (50)." in said.out
    with (tmp_path / "skipped.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows == [["line", "reason"], *([str(n), "it has no title"] for n in range(2, 52))]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["missing.csv"], "There is no file missing.csv."),
        (["{dump}", "--seller", "nobody@example.org"],
         "Nobody has an account with the e-mail address nobody@example.org."),
        (["{dump}", "--seller-id", "7"], "--seller-id and --seller-name go together."),
        (["{dump}", "--report", "{folder}/no/such.csv"],
         "{folder}/no/such.csv cannot be written: No such file or directory."),
    ],
)  # fmt: skip
def test_the_command_refuses_with_a_sentence_and_adds_nothing(
    command: Command, dump: Path, arguments: list[str], sentence: str
) -> None:
    dump.write_text("title,author\nEmma,Jane Austen\n")
    places = {"dump": dump, "folder": dump.parent}
    said = command(*(argument.format(**places) for argument in arguments))
    assert said.status == 2
    assert said.err.startswith(f"bookstore import: {sentence.format(**places)}")
    assert said.err.count("\n") == 1
    assert "1 books would be added" in command(dump, "--dry-run").out


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason=f"the data set is not there: {DATA}")
async def test_ten_thousand_real_books_in_seconds(database: Database) -> None:
    begin = time.monotonic()
    report = await load(database, DATA)
    seconds = time.monotonic() - begin
    print(f"\n{report.added:,} books on {database.dialect} in {seconds:.1f} s")
    assert (report.added, report.skipped) == (10_000, [])
    assert seconds < 20
    assert await database.value("SELECT COUNT(*) FROM books WHERE year < 0") == 31
    assert await database.value("SELECT COUNT(*) FROM books WHERE language IS NULL") == 1084
    hunger = await listing.page(database, Search(text="0439023483", sort="relevance"))
    assert [card.author for card in hunger.cards] == ["Suzanne Collins"]
    again = await load(database, DATA)
    assert (again.added, again.there_already) == (0, 10_000)
