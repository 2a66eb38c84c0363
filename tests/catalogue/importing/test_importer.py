"""Importing sellers' files: what becomes of good, dirty and broken rows, and of the same file
again."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from bookstore.catalogue import listing
from bookstore.catalogue.importing import writing
from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.catalogue.importing.importer import File, Options
from bookstore.catalogue.importing.lines import LONGEST
from bookstore.catalogue.search import Search
from bookstore.contracts import HoldLine
from bookstore.data.database import Database
from bookstore.data.queries import Queries
from bookstore.web.shop import Shop
from tests.catalogue.importing.support import HEAD, OTHER, SELLER, Book, books, load, rows
from tests.conftest import DATA


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    "header",
    [
        ("title", "author", "price", "condition", "year", "isbn13"),
        ("Original Title", "AUTHORS ", "Precio (€)", "Estado", "Publication Year", "ISBN-13"),
        (" Name", "Autor", "price_eur", "Item-Condition", "AÑO", "ean"),
    ],
)
async def test_columns_are_found_by_name(
    database: Database, file: Path, header: tuple[str, ...], separator: str
) -> None:
    cells = ("Emma", "Jane Austen", "5", "Good", "1815", "9780141439587")
    turned = zip(("shelf", *reversed(header)), ("A 3", *reversed(cells)), strict=True)
    file.write_text("\n".join(separator.join(line) for line in zip(*turned, strict=True)))
    assert (await load(database, file)).added == 1
    assert await books(database) == [
        Book("Emma", "Jane Austen", isbn13="9780141439587", year=1815)
    ]  # fmt: skip


async def test_a_column_of_theirs_may_be_mapped(database: Database, file: Path) -> None:
    file.write_text("Verfasser;Titel;Preis;Zustand\nJane Austen;Emma;5,00;Gut\n")
    with pytest.raises(ImportRefused, match="no header line"):
        await load(database, file)
    mapped = {"verfasser": "author", "Titel": "title", "PREIS": "price", "Zustand": "condition"}
    await load(database, file, mapped=mapped)
    assert await books(database) == [Book("Emma", "Jane Austen")]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"mapped": {"Verlag": "author"}}, "has no column 'verlag'"),
        ({"mapped": {"title": "shoe size"}}, "There is no field 'shoe size'"),
        ({"settings": {"colour": "red"}}, "There is no field 'colour'"),
        ({"conditions": {"Used": "dusty"}}, "There is no condition 'dusty'"),
        ({"encoding": "klingon"}, "There is no encoding 'klingon'"),
    ],
)
async def test_wrong_options_are_a_sentence(
    database: Database, file: Path, options: dict[str, Any], sentence: str
) -> None:
    file.write_text(rows("Emma,Jane Austen,5,Good"))
    with pytest.raises(ImportRefused, match=sentence):
        await load(database, file, **options)


async def test_what_a_file_does_not_say_may_be_given_for_all(
    database: Database, file: Path
) -> None:
    file.write_text("Title,Author,ISBN/UID\nEmma,Jane Austen,9780141439587\n")
    await load(database, file, settings={"condition": "Muy bueno", "price": "7,50"})
    assert await books(database) == [
        Book("Emma", "Jane Austen", 750, "very-good", isbn13="9780141439587")
    ]


@pytest.mark.parametrize("settings", [{"price": "abc"}, {"price": "-1"}])
async def test_what_is_given_for_all_must_be_right(
    database: Database, file: Path, settings: dict[str, str]
) -> None:
    file.write_text("title,author,condition\nEmma,Jane Austen,Good\n")
    report = await load(database, file, settings=settings)
    assert [one.column for one in report.refused] == ["price"]
    assert await books(database) == []


async def test_authors_of_742_characters_fit_and_are_found(database: Database, file: Path) -> None:
    authors = ", ".join(["Amélie Nothomb"] * 60)[:742].rstrip(", ")
    file.write_text(rows(f'Together,"{authors}",5,Good'))
    await load(database, file)
    assert [book.author for book in await books(database)] == [authors]
    found = await listing.page(database, Search(text="nothomb", sort="relevance"))
    assert [card.title for card in found.cards] == ["Together"]


BROKEN = rows(
    "Before,Ann,5,Good,1",
    ",Ann,5,Good,",
    "No author,,5,Good,",
    "Short,Ann",
    "Free,Ann,0,Good,",
    "Dear,Ann,a lot,Good,",
    "Eaten,Ann,5,by mice,",
    "Minus,Ann,5,Good,-3",
    "Before,Ann,5,Good,1",
    f"{'x' * 301},Ann,5,Good,",
    "",
    "Wide,Ann,5,Good,1,surplus",
    "After,Ann,5,Good,",
    head=f"{HEAD},copies",
)


async def test_broken_rows_cost_only_themselves(database: Database, file: Path) -> None:
    file.write_text(BROKEN)
    report = await load(database, file)
    assert [book.title for book in await books(database)] == ["Before", "After"]
    assert [(one.line, one.column) for one in report.refused] == [
        (3, "title"), (4, "author"), (5, "condition"), (5, "price"), (6, "price"), (7, "price"),
        (8, "condition"), (9, "copies"), (11, "title"), (13, ""),
    ]  # fmt: skip
    assert [note.line for note in report.repeated] == [10]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # A stray quote is a letter; what follows is read on.
        ('"Half open,Ann,5,Good\nKim,Bob,5,Good\n', ['"Half open', "Kim"]),
        ('Kim 7",Ann,5,Good\n"Both, quoted",Bob,5,Good\n', ['Kim 7"', "Both, quoted"]),
        # The inside of a quoted field is never rows, however its own quotes are written.
        ('"An ""A"" of\nKim,Bob,5,Good\nend",Ann,5,Good\n', ['An "A" of Kim,Bob,5,Good end']),
        ('"Over\r\ntwo lines",Ann,5,Good\n', ["Over two lines"]),
        ('"a;b","Ann",5,"Good"\n', ["a;b"]),
        (' "Blank, before",Ann,5,Good\n', ["Blank, before"]),
        ('"",Ann,5,Good\nKim,Bob,5,Good\n', ["Kim"]),
    ],
)
async def test_quotes(database: Database, file: Path, text: str, expected: list[str]) -> None:
    file.write_bytes((HEAD + "\n" + text).encode())
    await load(database, file)
    assert [book.title for book in await books(database)] == expected


async def test_a_quoted_list_in_sloppy_quotes_makes_no_books(
    database: Database, file: Path
) -> None:
    ghosts = "\n".join(f"Chapter {n},Somebody,5,Good" for n in range(9))
    file.write_text(rows(f'"The "best" of\n{ghosts}\nend",Ann,5,Good', "Kim,Bob,5,Good"))
    report = await load(database, file)
    assert [book.title for book in await books(database)] == ["Kim"]
    assert [one.line for one in report.refused] == [2]


async def test_lines_are_counted_as_an_editor_does(database: Database, file: Path) -> None:
    file.write_text(rows('"Over\ntwo lines",Ann,5,Good', ",Ann,5,Good"))
    report = await load(database, file)
    assert [(one.line, one.column) for one in report.refused] == [(4, "title")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le"])
async def test_accents_survive_what_programs_write(
    database: Database, file: Path, encoding: str
) -> None:
    file.write_bytes(rows("Cien años,Gabriel García Márquez,5,Good").encode(encoding))
    await load(database, file)
    assert await books(database) == [Book("Cien años", "Gabriel García Márquez")]


@pytest.mark.parametrize("quoted", ["", '"'])
async def test_what_is_longer_than_any_book_is_one_refused_line(
    database: Database, file: Path, quoted: str
) -> None:
    file.write_text(rows(f"{quoted}{'x' * (LONGEST * 2)}{quoted},A,5,Good", "Emma,Ann,5,Good"))
    report = await load(database, file)
    assert (report.added, [one.line for one in report.refused]) == (1, [2])


async def test_a_dry_run_says_what_would_be_and_adds_nothing(
    database: Database, file: Path
) -> None:
    file.write_text(BROKEN)
    rehearsed = await load(database, file, dry_run=True)
    assert await books(database) == []
    assert await database.value("SELECT COUNT(*) FROM book_changes") == 0
    assert rehearsed == await load(database, file)


async def test_the_first_rows_are_the_newest_books(database: Database, file: Path) -> None:
    file.write_text(rows(*(f"Book {n},Ann,5,Good" for n in range(1500))))
    await load(database, file)
    found = await listing.page(database, Search())
    assert [card.title for card in found.cards] == [f"Book {n}" for n in range(len(found.cards))]


SKUS = f"sku,{HEAD},copies"


async def test_a_sold_copy_does_not_come_back(database: Database, file: Path) -> None:
    file.write_text(rows("A-1,Emma,Jane Austen,5,Good,3", head=SKUS))
    await load(database, file)
    await database.execute("UPDATE books SET stock = 2")
    report = await load(database, file)
    assert (report.unchanged, report.changed) == (1, 0)
    assert [book.stock for book in await books(database)] == [2]
    file.write_text(rows("A-1,Emma,Jane Austen,5,Good,4", head=SKUS))
    await load(database, file)
    assert [book.stock for book in await books(database)] == [4]


@pytest.mark.parametrize("gone", ["A-1,Emma,Jane Austen,,Good,0,", "A-1,Emma,Ann,,Good,,Sold"])
async def test_a_sold_out_row_needs_no_price(database: Database, file: Path, gone: str) -> None:
    head = f"sku,{HEAD},copies,status"
    file.write_text(rows("A-1,Emma,Jane Austen,5,Good,2,", head=head))
    await load(database, file)
    file.write_text(rows(gone, "A-2,Kim,Kipling,,Good,0,", "A-3,Kim,K,,Good,1,", head=head))
    report = await load(database, file)
    assert (report.withdrawn, [one.line for one in report.refused]) == (1, [4])
    (book,) = await books(database)
    assert (book.price, book.stock, book.listed) == (500, 0, 0)
    file.write_text(rows("A-1,Emma,Jane Austen,5,Good,1,", head=head))
    await load(database, file)
    (book,) = await books(database)
    assert (book.price, book.stock, book.listed) == (500, 1, 1)


@pytest.mark.parametrize(
    ("head", "cells", "grams"),
    [
        ("weight,weightunit", "1.5,KG", 1500),
        ("weight,weightunit", "1,LB", 454),
        ("weight,Weight Unit", "8,OZ", 227),
        ("weight,weightunit", "350,G", 350),
        ("weight,weightunit", "350,", 350),
        ("weight,weightunit", "350 g,KG", 350),
        ("weight,weightunit", "350,stone", None),
        ("weight (kg),weightunit", "1,LB", 1000),
        ("weight lbs,other", "1,", 454),
        ("Variant Grams,Variant Weight Unit", "350,kg", 350),
    ],
)
async def test_a_weight_has_a_unit(
    database: Database, file: Path, head: str, cells: str, grams: int | None
) -> None:
    file.write_text(
        rows(f"Emma,Jane Austen,5,Good,Penguin,{cells}", head=f"{HEAD},publisher,{head}")
    )
    await load(database, file)
    assert await database.value("SELECT weight FROM book_details") == grams


@pytest.mark.parametrize(("said", "left"), [(0, 0), (1, 0), (2, 0), (3, 1), (7, 5)])
async def test_held_copies_stay_held(shop: Shop, file: Path, said: int, left: int) -> None:
    catalogue = shop.extensions["bookstore.catalogue"]
    database: Database = catalogue.database
    file.write_text(rows("A-1,Emma,Jane Austen,5,Good,5", head=SKUS))
    await load(database, file)
    book_id = await database.value("SELECT id FROM books")
    await catalogue.holds.hold("order 1", [HoldLine(book_id, 2)], catalogue.clock() + 60_000)
    file.write_text(rows(f"A-1,Emma,Jane Austen,5,Good,{said}", head=SKUS))
    await load(database, file)
    [book] = await books(database)
    assert (book.stock, book.listed) == (left, int(said > 0))
    total = await database.value("SELECT copies_total FROM books")
    assert total == left + 2
    assert await catalogue.holds.confirm("order 1")


async def test_a_price_changed_in_the_shop_stays_until_the_file_changes(
    database: Database, file: Path
) -> None:
    file.write_text(rows("A-1,Emma,Jane Austen,5,Good,1", head=SKUS))
    await load(database, file)
    await database.execute("UPDATE books SET price = 700")
    await load(database, file)
    assert [book.price for book in await books(database)] == [700]
    file.write_text(rows("A-1,Emma,Jane Austen,6,Good,1", head=SKUS))
    await load(database, file)
    assert [book.price for book in await books(database)] == [600]


async def test_a_column_that_is_gone_changes_nothing(database: Database, file: Path) -> None:
    file.write_text(
        rows("A-1,Emma,Jane Austen,5,Good,1815,Blue cloth", head=f"sku,{HEAD},year,description")
    )
    await load(database, file)
    file.write_text(rows("A-1,Emma,Jane Austen,6,Good", head=f"sku,{HEAD}"))
    await load(database, file)
    assert await books(database) == [
        Book("Emma", "Jane Austen", 600, sku="A-1", year=1815, description="Blue cloth")
    ]


async def test_a_changed_title_is_found_by_its_new_words(database: Database, file: Path) -> None:
    file.write_text(rows("A-1,Emmma,Jane Austen,5,Good,1", head=SKUS))
    await load(database, file)
    file.write_text(rows("A-1,Emma,Jane Austen,5,Good,1", head=SKUS))
    await load(database, file)
    found = await listing.page(database, Search(text="emma", sort="relevance"))
    assert [card.title for card in found.cards] == ["Emma"]
    assert (await listing.page(database, Search(text="emmma", sort="relevance"))).cards == []


async def test_without_a_sku_a_condition_makes_another_offer(
    database: Database, file: Path
) -> None:
    file.write_text(rows("Emma,Jane Austen,5,Good"))
    report = await load(database, file)
    assert report.without_sku == 1
    file.write_text(rows("Emma,Jane Austen,4,Fair"))
    assert (await load(database, file)).added == 1
    file.write_text(rows("EMMA,jane austen,3,Good"))
    assert (await load(database, file)).changed == 1
    assert sorted(book.price for book in await books(database)) == [300, 400]


async def test_withdrawing_what_is_missing_spares_what_is_only_wrong(
    database: Database, file: Path
) -> None:
    file.write_text(rows(*(f"A-{n},Book {n},Ann,5,Good,1" for n in range(4)), head=SKUS))
    await load(database, file)
    await load(database, file, seller=OTHER)
    file.write_text(rows("A-0,Book 0,Ann,5,Good,1", "A-1,Book 1,Ann,dear,Good,1", head=SKUS))
    report = await load(database, file, withdraw_missing=True)
    assert report.withdrawn == 2
    assert [book.listed for book in await books(database)] == [1, 1, 0, 0]
    assert [book.listed for book in await books(database, OTHER)] == [1] * 4
    again = await load(database, file, withdraw_missing=True)
    assert again.withdrawn == 0


async def test_nothing_is_withdrawn_while_a_row_cannot_be_told(
    database: Database, file: Path
) -> None:
    file.write_text(rows("Emma,Ann,5,Good", "Kim,Ann,5,Good"))
    await load(database, file)
    file.write_text(rows("Emma,Ann,5,Good", "Kim,Ann,5,eaten"))
    report = await load(database, file, withdraw_missing=True)
    assert report.kept_missing
    assert [book.listed for book in await books(database)] == [1, 1]


async def test_two_imports_of_one_file_at_once_end_as_one(database: Database, file: Path) -> None:
    file.write_text(rows(*(f"A-{n},Book {n},Ann,5,Good,2" for n in range(300)), head=SKUS))
    first, second = await asyncio.gather(load(database, file), load(database, file))
    assert first.added + second.added == 300
    assert await database.value("SELECT COUNT(*) FROM books") == 300
    assert await database.value("SELECT COUNT(*) FROM seller_offers") == 300


class Counting(Queries):
    """Counts the statements of a connection."""

    statements = 0

    async def all[T: tuple[Any, ...]](
        self, row: type[T], sql: str, values: Mapping[str, Any] = {}
    ) -> list[T]:
        self.statements += 1
        return await super().all(row, sql, values)

    async def execute(self, sql: str, values: Mapping[str, Any] = {}) -> int:
        self.statements += 1
        return await super().execute(sql, values)

    async def execute_many(self, sql: str, rows: Sequence[Mapping[str, Any]]) -> int:
        self.statements += 1
        return await super().execute_many(sql, rows)


async def test_the_statements_of_a_batch_do_not_grow_with_its_rows(
    database: Database, file: Path
) -> None:
    head = f"{SKUS},publisher"
    file.write_text(rows(*(f"A-{n},Book {n},Ann,5,Good,2,Ink" for n in range(900)), head=head))
    with File(file, Options(), currency="EUR") as opened:
        offers = list(opened.offers())
    for most in (10, 3):  # all new, then all as before
        async with database.transaction() as queries:
            counting = Counting(queries._raw, queries._engine)
            await writing.write(counting, SELLER, offers, currency="EUR", now=1)
        assert counting.statements <= most


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has no header line that names its columns."),
        (b"\n\n", "has no header line that names its columns."),
        (b"1,Emma,Jane Austen\n2,Kim,Rudyard Kipling\n", "has no header line"),
        (b"title,author,year\nEmma,x,1815\n", "has no column for price, condition."),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "is a picture"),
        (b"%PDF-1.7\n", "is a PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is a workbook of Excel 97"),
        (b"\x1f\x8b\x08\x00damaged", "is damaged and cannot be unpacked"),
        (b"PK\x03\x04damaged", "is damaged and cannot be unpacked"),
        (b"<ONIXMessage><Product>", "is no XML that can be read"),
    ],
)
async def test_a_file_without_a_usable_header_is_refused(
    database: Database, file: Path, content: bytes, sentence: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(ImportRefused) as refused:
        await load(database, file)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.data
@pytest.mark.skipif(not DATA.exists(), reason=f"the data set is not there: {DATA}")
async def test_ten_thousand_real_books_in_seconds(database: Database) -> None:
    begin = time.process_time()  # others may be busy, too
    report = await load(database, DATA, invent=True)
    seconds = time.process_time() - begin
    print(f"\n{report.added:,} books on {database.dialect} in {seconds:.1f} s")
    assert (report.added, report.refused) == (10_000, [])
    assert report.counts.invented["price"] == 10_000
    assert seconds < 20
    assert await database.value("SELECT COUNT(*) FROM books WHERE year < 0") == 31
    assert await database.value("SELECT COUNT(*) FROM books WHERE language IS NULL") == 1084
    hunger = await listing.page(database, Search(text="0439023483", sort="relevance"))
    assert [card.author for card in hunger.cards] == ["Suzanne Collins"]
    again = await load(database, DATA, invent=True)
    assert (again.added, again.unchanged) == (0, 10_000)
