"""Formats that are no tables, and what files are packed in."""

import datetime
import gzip
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pymarc
import pytest

from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.catalogue.importing.importer import File, Options
from bookstore.catalogue.importing.offers import Offer

ONIX = """<?xml version="1.0" encoding="UTF-8"?>
<ONIXMessage release="3.0" xmlns="http://ns.editeur.org/onix/3.0/reference">
<Header><Sender><SenderName>A press</SenderName></Sender></Header>
<Product><RecordReference>r-1</RecordReference>
<ProductIdentifier><ProductIDType>03</ProductIDType><IDValue>9780141439587</IDValue>
</ProductIdentifier>
<ProductIdentifier><ProductIDType>15</ProductIDType><IDValue>9780141439587</IDValue>
</ProductIdentifier>
<DescriptiveDetail><ProductForm>BC</ProductForm>
<Collection><TitleDetail><TitleType>01</TitleType><TitleElement><PartNumber>7</PartNumber>
<TitleText>The Classics</TitleText></TitleElement></TitleDetail></Collection>
<TitleDetail><TitleType>01</TitleType><TitleElement><TitlePrefix>The</TitlePrefix>
<TitleWithoutPrefix>Emma &amp; Co</TitleWithoutPrefix><Subtitle>A Novel</Subtitle>
</TitleElement></TitleDetail>
<Contributor><ContributorRole>A01</ContributorRole><PersonName>Jane Austen</PersonName>
</Contributor>
<Contributor><ContributorRole>B06</ContributorRole><PersonName>A Translator</PersonName>
</Contributor>
<Language><LanguageRole>01</LanguageRole><LanguageCode>eng</LanguageCode></Language>
<Subject><SubjectSchemeIdentifier>10</SubjectSchemeIdentifier>
<SubjectCode>FIC004000</SubjectCode></Subject></DescriptiveDetail>
<CollateralDetail><TextContent><TextType>03</TextType><Text><p>A <b>bold</b> tale</p></Text>
</TextContent></CollateralDetail>
<PublishingDetail><Publisher><PublisherName>A press</PublisherName></Publisher>
<PublishingDate><PublishingDateRole>01</PublishingDateRole><Date>20030429</Date>
</PublishingDate></PublishingDetail>
<ProductSupply><SupplyDetail><Stock><OnHand>4</OnHand></Stock>
<Price><PriceAmount>11.00</PriceAmount><CurrencyCode>USD</CurrencyCode></Price>
<Price><PriceAmount>9.50</PriceAmount><CurrencyCode>EUR</CurrencyCode></Price>
</SupplyDetail></ProductSupply></Product>
</ONIXMessage>"""
SHORT = """<?xml version="1.0"?><ONIXmessage release="3.0"><product><a001>r-1</a001>
<productidentifier><b221>15</b221><b244>9780141439587</b244></productidentifier>
<descriptivedetail><titledetail><b202>01</b202><titleelement><b203>Emma</b203></titleelement>
</titledetail><contributor><b035>A01</b035><b036>Jane Austen</b036></contributor>
</descriptivedetail><productsupply><supplydetail><price><j151>9.50</j151><j152>EUR</j152></price>
</supplydetail></productsupply></product></ONIXmessage>"""


def read(path: Path, content: bytes, name: str, **options: Any) -> tuple[list[Offer], File]:
    """Read a file for which somebody says the condition."""
    path.write_bytes(content)
    options.setdefault("settings", {"condition": "Good"})
    with File(path, Options(**options), currency="EUR", name=name) as file:
        file.refuse_missing(invent=False)
        return list(file.offers()), file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def test_onix(path: Path) -> None:
    [offer], _ = read(path, ONIX.encode(), "onix.xml")
    terms, details = offer.terms, offer.details
    assert (terms.title, terms.author) == ("The Emma & Co: A Novel", "Jane Austen")
    assert (terms.isbn13, terms.price, offer.copies) == ("9780141439587", 950, 4)
    assert (terms.year, terms.language, terms.category) == (2003, "en", "classics")
    assert (offer.sku, terms.description) == ("r-1", "A bold tale")
    assert (details.publisher, details.binding) == ("A press", "paperback")
    assert (details.series, details.series_number) == ("The Classics", "7")


def test_onix_with_short_tags(path: Path) -> None:
    [offer], _ = read(path, SHORT.encode(), "onix.xml")
    assert (offer.terms.title, offer.terms.author) == ("Emma", "Jane Austen")
    assert (offer.terms.price, offer.terms.isbn13) == (950, "9780141439587")


def _record() -> pymarc.Record:
    record = pymarc.Record(force_utf8=True)

    def field(tag: str, **codes: str) -> pymarc.Field:
        return pymarc.Field(
            tag=tag,
            indicators=pymarc.Indicators("1", "0"),
            subfields=[pymarc.Subfield(code, value) for code, value in codes.items()],
        )

    record.fields = [
        pymarc.Field(tag="008", data="990101s1999    sp a     b    001 0 spa d"),
        field("020", a="9780141439587 (pbk.) :"),
        field("100", a="García Márquez, Gabriel,", d="1927-2014."),
        field("245", a="Cien años de soledad :", b="novela /", c="Gabriel García Márquez."),
        field("264", b="Sudamericana,", c="1967."),
        field("490", a="Colección Índice ;", v="3"),
        field("365", a="02", b="12.50", c="EUR"),
    ]
    return record


@pytest.mark.parametrize("packed", [False, True])
def test_marc(path: Path, packed: bool) -> None:
    content = _record().as_marc() * 2
    name = "books.mrc.gz" if packed else "books.mrc"
    offers, file = read(path, gzip.compress(content) if packed else content, name)
    _is_the_record(offers[0])
    assert [note.line for note in file.report.repeated] == [2]


def test_marc_xml(path: Path) -> None:
    xml = pymarc.record_to_xml(_record(), namespace=True)  # type: ignore[no-untyped-call]
    content = b'<collection xmlns="http://www.loc.gov/MARC21/slim">' + xml + b"</collection>"
    [offer], _ = read(path, content, "books.xml")
    _is_the_record(offer)


def _is_the_record(offer: Offer) -> None:
    terms = offer.terms
    assert terms.title == "Cien años de soledad: novela"
    assert terms.author == "García Márquez, Gabriel"
    assert (terms.isbn13, terms.price) == ("9780141439587", 1250)
    assert (terms.year, terms.language) == (1967, "es")
    assert offer.details.publisher == "Sudamericana"
    assert (offer.details.series, offer.details.series_number) == ("Colección Índice", "3")


def test_uiee(path: Path) -> None:
    content = (
        "UR|A-1\r\nAA|Austen, Jane\r\nTI|Emma\r\nPR|5.00\r\nCN|VG+\r\nNT|Blue cloth,\r\n"
        "a little faded\r\nXX|\r\n\r\nUR|A-2\r\nAA|Kipling\r\nTI|Kim\r\nPR|$4\r\n"
        "UR|A-3\r\nAA|Ann\r\nTI|Walden\r\nPR|3\r\nCP|2\r\n"
    )
    offers, file = read(path, content.encode(), "books.txt")
    assert [(o.sku, o.terms.title, o.terms.price, o.terms.condition) for o in offers] == [
        ("A-1", "Emma", 500, "very-good"), ("A-3", "Walden", 300, "good"),
    ]  # fmt: skip
    assert offers[0].terms.description == "Blue cloth,\na little faded"
    assert [(one.line, one.column) for one in file.report.refused] == [(10, "price")]


def test_a_sheet_with_a_title_above_and_numbers_as_numbers(path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Stock of the shop", None])
    sheet.append([None])
    sheet.append(["Ref.", "Título", "Autor", "ISBN", "Precio", "Estado", "Año", "Firmado"])
    sheet.append([7, "Emma", "Jane Austen", 9780141439587, 12.5, "Bueno",
                  datetime.date(1987, 5, 7), True])  # fmt: skip
    sheet.append([8, "=1/0", "Nobody", None, 3, "Bueno", None, None])
    out = io.BytesIO()
    book.save(out)
    offers, file = read(path, out.getvalue(), "stock.xlsx", settings={})
    [offer] = offers
    assert (offer.terms.title, offer.terms.price, offer.terms.year) == ("Emma", 1250, 1987)
    assert offer.terms.isbn13 == "9780141439587"
    assert offer.details.signed
    assert [(one.line, one.column) for one in file.report.refused] == [(5, "title")]


def test_a_zip_with_pictures(path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        parts.writestr("shop/books.csv", "title,author,price,cover\nEmma,Ann,5,emma.JPG\n")
        parts.writestr("shop/Emma.jpg", b"picture")
        parts.writestr("__MACOSX/._books.csv", b"x")
    [offer], file = read(path, out.getvalue(), "books.zip")
    assert offer.details.cover_url == "emma.JPG"
    assert file.source.pictures is not None
    assert file.source.pictures.read("emma.JPG", 100) == b"picture"
    assert file.source.pictures.read("../emma.jpg", 3) is None
    assert file.source.pictures.read("other.jpg", 100) is None


def test_a_zip_with_two_files_is_asked_for_one(path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as parts:
        parts.writestr("a.csv", "x")
        parts.writestr("b.csv", "x")
    with pytest.raises(ImportRefused, match=r"holds a\.csv, b\.csv\. Pack one file"):
        read(path, out.getvalue(), "books.zip")


@pytest.mark.parametrize("cover", ["/home/x/cover.jpg", "C:\\x.jpg", "../x.jpg", "file:///x"])
def test_a_path_is_no_cover(path: Path, cover: str) -> None:
    [offer], _ = read(path, f"title,author,price,cover\nEmma,Ann,5,{cover}\n".encode(), "b.csv")
    assert offer.details.cover_url == ""


def test_variants_of_one_product(path: Path) -> None:
    content = (
        "Handle,Title,Vendor,Option1 Value,Variant SKU,Variant Price,Image Src\n"
        "emma,Emma,Jane Austen,Good,A-1,5.00,https://example.org/a.jpg\n"
        "emma,,,Fine,A-2,7.00,\n"
        "emma,,,,,,https://example.org/b.jpg\n"
    )
    mapped = {"Vendor": "author", "Option1 Value": "condition"}
    offers, file = read(path, content.encode(), "shopify.csv", mapped=mapped, settings={})
    assert [(o.sku, o.terms.title, o.terms.condition, o.terms.price) for o in offers] == [
        ("A-1", "Emma", "good", 500), ("A-2", "Emma", "fine", 700),
    ]  # fmt: skip
    assert file.report.refused == []
