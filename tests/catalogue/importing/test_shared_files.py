"""Each of the shared files ends as its README says, on both engines."""

from pathlib import Path
from typing import Any

import pytest

from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.data.database import Database
from tests.catalogue.importing import cases
from tests.catalogue.importing.cases import Case
from tests.catalogue.importing.support import CASES, OTHER, SELLER, Book, books, load

pytestmark = pytest.mark.skipif(not CASES.exists(), reason=f"the shared files are not at {CASES}")


def path(name: str) -> Path:
    return CASES / name


def _name(case: Case) -> str:
    return case.file + ("+" + "+".join(case.options) if case.options else "")


def _without(found: list[Book], fields: tuple[str, ...]) -> list[Book]:
    blank: dict[str, Any] = dict.fromkeys(fields)
    return [book._replace(**blank) for book in found]


@pytest.mark.parametrize("case", cases.CASES, ids=_name)
async def test_a_file_ends_as_it_should(database: Database, case: Case) -> None:
    if case.whole:
        with pytest.raises(ImportRefused) as refused:
            await load(database, path(case.file), **case.options)
        assert all(part in str(refused.value) for part in case.whole), refused.value
        assert "\x1b" not in str(refused.value)
        assert await books(database) == []
        return
    dry = await load(database, path(case.file), dry_run=True, **case.options)
    assert await books(database) == []
    report = await load(database, path(case.file), **case.options)
    assert dry == report
    assert _without(await books(database), case.ignore) == _without(case.books, case.ignore)
    places = [(one.line, one.column) for one in report.refused]
    assert set(case.refused) <= set(places)
    assert {line for line, _ in places} == {line for line, _ in case.refused}
    assert sum(report.counts.left_out.values()) == case.left_out
    assert sum(report.counts.mended.values()) == case.mended
    assert tuple(note.line for note in report.repeated) == case.repeated
    assert tuple(note.line for note in report.doubtful) == case.doubtful
    for what, rows in case.invented.items():
        assert report.counts.invented[what] == rows
    before = await books(database)
    again = await load(database, path(case.file), **case.options)
    assert (again.added, again.changed, again.withdrawn) == (0, 0, 0)
    assert await books(database) == before


@pytest.mark.parametrize("file", cases.BY_TITLE)
async def test_words_of_a_column(database: Database, file: str) -> None:
    letter, groups, name, left_out = cases.BY_TITLE[file]
    report = await load(database, path(file))
    found = {book.title.split()[0]: getattr(book, name) for book in await books(database)}
    assert found == {f"{letter}{n}": value for value, ns in groups.items() for n in ns}
    assert report.refused == []
    assert sum(report.counts.left_out.values()) == left_out


async def test_copies(database: Database) -> None:
    report = await load(database, path("12-copies.csv"))
    found = {book.title.split()[0]: book.stock for book in await books(database)}
    assert found == {f"Q{n}": copies for n, copies in cases.COPIES.items()}
    assert [(one.line, one.column) for one in report.refused] == [
        (n + 2, "copies") for n in (2, 3, 6, 9)
    ]


async def test_a_description_changes_with_a_sku(database: Database) -> None:
    await load(database, path("03-two-copies.csv"))
    first, second = await books(database)
    await load(database, path("03b-desc-changed.csv"))
    assert await books(database) == [
        first._replace(description="Water stain on the last pages"), second
    ]  # fmt: skip
    await load(database, path("03b-desc-changed.csv"), withdraw_missing=True)
    assert (await books(database))[1] == second._replace(stock=0, listed=0)


async def test_tomorrows_file_changes_what_changed(database: Database) -> None:
    await load(database, path("04a-first.csv"))
    emma, kim = await books(database)
    report = await load(database, path("04b-reprice.csv"))
    assert (report.added, report.changed, report.withdrawn) == (0, 1, 1)
    assert await books(database) == [emma._replace(price=650), kim._replace(stock=0, listed=0)]
    await load(database, path("04a-first.csv"))
    assert await books(database) == [emma, kim]


async def test_the_other_byte_order_is_the_same_file(database: Database) -> None:
    await load(database, path("16-utf16le.tsv"))
    report = await load(database, path("17-utf16be.tsv"))
    assert (report.unchanged, report.added + report.changed) == (6, 0)


async def test_two_sellers_of_one_book(database: Database) -> None:
    for seller in (SELLER, OTHER, SELLER, OTHER):
        await load(database, path("57-two-sellers.csv"), seller=seller)
    assert len(await books(database)) == len(await books(database, OTHER)) == 1
    assert await database.value("SELECT COUNT(*) FROM books WHERE on_sale = 1") == 2


@pytest.mark.parametrize("column", ["author", "price"])
async def test_the_row_of_a_shirt_is_refused(database: Database, column: str) -> None:
    report = await load(database, path("38-woo.csv"), **cases.WOO)
    assert [one.reason for one in report.refused if one.column == column] == ["it is blank"]
    assert report.refused_rows == 1


async def test_what_is_not_read_is_named(database: Database) -> None:
    said = " ".join((await load(database, path("63-inventory.xlsx"))).understood)
    assert "Notes" in said
    said = " ".join((await load(database, path("01-goodreads.csv"), invent=True)).understood)
    assert all(name in said for name in ("My Rating", "Bookshelves", "Date Read"))
