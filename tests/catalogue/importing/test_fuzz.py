"""Files broken by chance and by hand: never a traceback, never a long wait, never a book that the
file does not have."""

import gzip
import io
import random
import re
import time
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.catalogue.importing.importer import File, Options
from bookstore.catalogue.importing.offers import Offer

HEAD = "sku,title,author,isbn,price,condition,copies,year,language,category,description"
ROW = "A-1,Emma,Jane Austen,9780141439587,5.00,Good,1,1815,en,Classics,A fine copy"
MANY = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
_PIECES = [
    '"', '""', '\\"', "\\", ",", ";", "\t", "|", "\n", "\r", "\r\n", "\0", "\x1b[31m", "\ufeff",
    "Emma", "Jane Austen", "5.00", "Good", "1", "=1+1", '="5"', "#N/A", "<b>", "</p>", "&amp;",
    "&#0;", "&#x110000;", "1E999999", "-1", "٣", "½", "\u202e", "\u200d", "é", "表", "\U0001f4da",
    " ", "'", "9" * 400, "x" * 400, "(" * 60, "1,000", "a\u0301" * 20, "MCMXC", "i" * 60,
]  # fmt: skip


def read(path: Path, content: bytes, name: str = "books.csv") -> list[Offer]:
    """Read a file to its end as an import does."""
    path.write_bytes(content)
    try:
        with File(path, Options(settings={"condition": "Good"}), currency="EUR", name=name) as file:
            file.refuse_missing(invent=False)
            return list(file.offers())
    except ImportRefused as refused:
        sentence = str(refused)
    assert sentence.isprintable()
    return []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "fuzz"


@MANY
@given(st.binary(max_size=300))
def test_any_bytes(path: Path, content: bytes) -> None:
    read(path, content)


@MANY
@given(st.binary(max_size=300))
def test_any_bytes_below_a_header(path: Path, content: bytes) -> None:
    offers = read(path, HEAD.encode() + b"\n" + content)
    assert len(offers) <= content.count(b"\n") + content.count(b"\r") + 1


@MANY
@given(st.lists(st.sampled_from(_PIECES), max_size=60))
def test_pieces_of_files(path: Path, pieces: list[str]) -> None:
    text = "".join(pieces)
    offers = read(path, f"{HEAD}\n{text}\n{ROW}\n".encode())
    assert len(offers) <= text.count("\n") + text.count("\r") + 2
    for offer in offers:
        assert 0 < offer.terms.price <= 1_000_000
        assert 0 <= offer.copies <= 1_000


_WORDS = st.text('abc "\n', max_size=8)


@MANY
@given(st.lists(st.tuples(_WORDS, _WORDS), min_size=1, max_size=6))
def test_what_is_quoted_as_it_should_be_is_read_letter_by_letter(
    path: Path, books: list[tuple[str, str]]
) -> None:
    lines = ["title,author,price,description"]
    for number, (title, description) in enumerate(books):
        cells = (f"T{number} {title}", "Ann", "5", description)
        lines.append(",".join('"' + cell.replace('"', '""') + '"' for cell in cells))
    found = [(o.terms.title, o.terms.description) for o in read(path, "\n".join(lines).encode())]

    def tidy(text: str) -> str:
        return "\n".join(filter(None, (" ".join(line.split()) for line in text.split("\n"))))

    assert found == [
        (" ".join(f"T{number} {title}".split()), tidy(description))
        for number, (title, description) in enumerate(books)
    ]


def _samples() -> dict[str, bytes]:
    text = f"{HEAD}\n{ROW}\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("books.csv", text)
    sheet = io.BytesIO()
    book = openpyxl.Workbook()
    book.active.append(HEAD.split(","))
    book.active.append(ROW.split(","))
    book.save(sheet)
    onix = (
        b'<?xml version="1.0"?><ONIXMessage release="3.0"><Product><RecordReference>r1'
        b"</RecordReference><TitleDetail><TitleElement><TitleText>Emma</TitleText></TitleElement>"
        b"</TitleDetail><Contributor><ContributorRole>A01</ContributorRole><PersonName>Jane Austen"
        b"</PersonName></Contributor><Price><PriceAmount>5.00</PriceAmount><CurrencyCode>EUR"
        b"</CurrencyCode></Price></Product></ONIXMessage>"
    )
    return {
        "books.csv": text,
        "books.csv.gz": gzip.compress(text),
        "books.zip": packed.getvalue(),
        "books.xlsx": sheet.getvalue(),
        "books.xml": onix,
        "books.txt": b"UR|A-1\nAA|Austen, Jane\nTI|Emma\nPR|5.00\n\nUR|A-2\nTI|Kim\n",
        "utf16.csv": text.decode().encode("utf-16"),
    }


@pytest.mark.parametrize("name", _samples())
def test_bytes_changed_at_random(path: Path, name: str) -> None:
    chance = random.Random(name)
    sample = _samples()[name]
    assert [offer.terms.title for offer in read(path, sample, name)] == ["Emma"]
    for _round in range(60):
        content = bytearray(sample)
        for _change in range(chance.randint(1, 6)):
            place = chance.randrange(len(content))
            match chance.randrange(3):
                case 0:
                    content[place] = chance.randrange(256)
                case 1:
                    del content[place : place + chance.randint(1, 20)]
                case _:
                    content[place:place] = bytes([chance.choice(b'"\n\\,;\r\x00<&')])
            if not content:
                content = bytearray(b"x")
        assert len(read(path, bytes(content), name)) <= 6


@pytest.mark.parametrize(
    "line",
    [
        '"' * 5001, '"x' * 3000, ('"' + "," * 9) * 400, "\\" * 5000 + '"', '"a" b' * 1500,
        "<p " * 3000, "&" * 9000, "=" * 9000, "1" * 9000, " " * 9000 + "x", "'" * 9000,
        "a\u0301\u0323" * 3000, "(" * 4000 + ")" * 4000, "\x1b[" * 4000, "<script>" * 800,
        "<a href='" * 900, "1,000" * 1500, "IVXLC" * 1800,
    ],
    ids=lambda line: line[:8],
)  # fmt: skip
@pytest.mark.parametrize("cell", range(len(HEAD.split(","))))
def test_no_row_takes_a_second(path: Path, line: str, cell: int) -> None:
    cells = ROW.split(",")
    for text in (line, '"' + line.replace('"', '""') + '"'):
        cells[cell] = text
        begin = time.process_time()
        read(path, f"{HEAD}\n{','.join(cells)}\n{ROW}\n".encode())
        assert time.process_time() - begin < 1


@pytest.mark.parametrize("line", ['"open,Ann,5', 'x","y,Ann,5', '"a"b,Ann,5', '"a\\",Ann,5'])
def test_many_stray_quotes_take_no_longer(path: Path, line: str) -> None:
    begin = time.process_time()
    read(path, ("title,author,price\n" + f"{line}\n" * 20_000).encode())
    assert time.process_time() - begin < 10


@pytest.mark.parametrize("levels", [2, 3])
def test_a_bomb_in_a_package_is_refused(path: Path, levels: int) -> None:
    content = b"title,author,price\n" + b"x" * 50_000_000
    for _level in range(levels - 1):
        content = gzip.compress(content)
    assert read(path, content) == []


@pytest.mark.parametrize("row", [1_048_576, 99_999_999_999])
def test_a_row_far_below_takes_no_longer(path: Path, row: int) -> None:
    content = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(_samples()["books.xlsx"])) as sheet,
        zipfile.ZipFile(content, "w") as changed,
    ):
        for name in sheet.namelist():
            text = re.sub(rb"<dimension[^>]*/>", b"", sheet.read(name))
            far = f'<row r="{row}"><c r="A{row}"><v>7</v></c></row></sheetData>'
            changed.writestr(name, text.replace(b"</sheetData>", far.encode()))
    begin = time.process_time()
    assert len(read(path, content.getvalue(), "books.xlsx")) <= 1
    assert time.process_time() - begin < 20


def test_entities_in_xml_are_not_expanded(path: Path) -> None:
    bomb = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    content = (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a0 "boom">{bomb}]>'
        "<ONIXMessage><Product><RecordReference>&a9;</RecordReference></Product></ONIXMessage>"
    )
    assert read(path, content.encode(), "onix.xml") == []
    outside = content.replace("boom", "").replace(
        '<!ENTITY a0 "">', '<!ENTITY a0 SYSTEM "file:///etc/passwd">'
    )
    assert read(path, outside.encode(), "onix.xml") == []
