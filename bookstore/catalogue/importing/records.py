"""Formats that are no tables: UIEE, MARC and ONIX. Each becomes a header of our own names, and
rows."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, BinaryIO
from xml.etree.ElementTree import Element, ParseError

from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.catalogue.importing.lines import Lines
from bookstore.catalogue.importing.tables import Broken, Row
from bookstore.web.i18n import gettext as _

if TYPE_CHECKING:  # loaded where it is used: a replica at rest needs none of it
    import pymarc

HEADER = [
    "sku", "title", "author", "isbn", "price", "currency", "copies", "condition", "year",
    "language", "category", "description", "publisher", "binding", "edition", "signed", "series",
    "series number", "defects", "cover",
]  # fmt: skip
_UIEE = {
    "UR": "sku", "AA": "author", "TI": "title", "PR": "price", "BN": "isbn", "IS": "isbn",
    "CN": "condition", "NT": "description", "PU": "publisher", "DP": "year", "ED": "edition",
    "BD": "binding", "LA": "language", "CP": "copies", "QY": "copies", "QT": "copies",
    "SG": "signed", "SN": "signed", "SE": "series", "CU": "currency", "CA": "category",
}  # fmt: skip
_UIEE_LINE = re.compile(r"([A-Z][A-Z0-9])\|(.*)")


def looks_like_uiee(first_lines: list[str]) -> bool:
    """Tell whether lines are fields of UIEE records."""
    filled = [_UIEE_LINE.fullmatch(line) for line in first_lines if line.strip()]
    known = [match for match in filled if match and match[1] in _UIEE]
    return len(known) >= 2 and filled[0] in known and len(known) * 2 > len(filled)


def uiee(lines: Lines) -> Iterator[Row | Broken]:
    """Yield a row a record; a record ends at a blank line or where its number comes again."""
    record: dict[str, str] = {}
    begin = 0
    last = ""
    while (line := lines.next()) is not None:
        match = _UIEE_LINE.fullmatch(line.text)
        if record and (not line.text.strip() or (match and match[1] == "UR" and "sku" in record)):
            yield _row(begin, record)
            record, last = {}, ""
        if match:
            begin = begin if record else line.number
            last = _UIEE.get(match[1], "")
            if last:
                before = record.get(last, "")
                record[last] = f"{before}\n{match[2]}" if before else match[2]
            else:
                record.setdefault("", "")
        elif line.text.strip() and last:
            record[last] += "\n" + line.text
    if record:
        yield _row(begin, record)


def _row(line: int, record: dict[str, str]) -> Row:
    return Row(line, [record.get(name, "").strip() for name in HEADER])


def marc(file: BinaryIO, name: str) -> Iterator[Row | Broken]:
    """Yield a row a record of MARC 21 in ISO 2709 form."""
    import pymarc

    reader = pymarc.MARCReader(file, to_unicode=True, permissive=True, utf8_handling="replace")
    number = 0
    while True:
        number += 1
        try:
            record = next(reader, _END)
            if record is _END:
                return
            if record is None:
                yield Broken(number, _unread(reader.current_exception))
                continue
            yield _marc_row(number, record)
        except Exception as error:  # a damaged record breaks the library in many ways
            yield Broken(number, _unread(error))
            return


def _unread(error: object) -> str:
    return _("the record cannot be read: %(reason)s", reason=str(error)[:80])


_END: Any = object()


def marc_xml(file: BinaryIO, name: str) -> Iterator[Row | Broken]:
    """Yield a row a record of MARCXML."""
    import pymarc

    for number, element in enumerate(_elements(file, name, {"record"}), start=1):
        record = pymarc.Record()
        made: list[pymarc.Field] = []
        for field in element:
            tag = field.get("tag", "")
            if not re.fullmatch(r"[0-9]{3}", tag):
                continue
            if _local(field) == "controlfield":
                made.append(pymarc.Field(tag=tag, data=field.text or ""))
            else:
                parts = [pymarc.Subfield(part.get("code", " "), part.text or "") for part in field]
                made.append(
                    pymarc.Field(tag=tag, indicators=pymarc.Indicators(" ", " "), subfields=parts)
                )
        record.fields = made
        yield _marc_row(number, record)


def _marc_row(number: int, record: "pymarc.Record") -> Row:
    def of(tags: str, codes: str) -> list[str]:
        return [
            value
            for field in record.get_fields(*tags.split())
            for code in codes
            for value in field.get_subfields(code)
            if value
        ]

    def first(tags: str, codes: str) -> str:
        return next(iter(of(tags, codes)), "")

    fixed = next((field.data or "" for field in record.get_fields("008")), "")
    title = " ".join(
        part.rstrip(" /:;") + (":" if part.rstrip().endswith(":") else "")
        for part in of("245", "abnp")
    )
    year = first("264 260", "c") or fixed[7:11].strip("u| ")
    language = first("041", "a") or fixed[35:38].strip("| ")
    values = {
        "title": title.rstrip(":"),
        "author": "; ".join(name.rstrip(" ,;") for name in of("100 110 700", "a")),
        "isbn": ";".join(of("020", "a")),
        "price": first("365", "b") or first("952", "gv"),
        "currency": first("365", "c"),
        "year": year,
        "language": language,
        "description": "\n".join(of("520", "a")),
        "publisher": first("264 260", "b").rstrip(" ,:;"),
        "edition": first("250", "a"),
        "binding": first("020", "q").strip("()"),
        "series": first("490 830", "a").rstrip(" ,;"),
        "series number": first("490 830", "v"),
        "sku": first("952", "p"),
    }
    return _row(number, values)


def onix(file: BinaryIO, name: str, currency: str) -> Iterator[Row | Broken]:
    """Yield a row a product of an ONIX 3 message, with long names or short tags."""
    for number, element in enumerate(_elements(file, name, {"Product", "product"}), start=1):
        yield _onix_row(number, element, currency)


_SHORT = {
    "a001": "RecordReference", "productidentifier": "ProductIdentifier", "b221": "ProductIDType",
    "b244": "IDValue", "titledetail": "TitleDetail", "b202": "TitleType",
    "titleelement": "TitleElement", "b203": "TitleText", "b030": "TitlePrefix",
    "b031": "TitleWithoutPrefix", "b029": "Subtitle", "contributor": "Contributor",
    "b035": "ContributorRole", "b036": "PersonName", "b037": "PersonNameInverted",
    "b047": "CorporateName", "language": "Language", "b253": "LanguageRole",
    "b252": "LanguageCode", "subject": "Subject", "b067": "SubjectSchemeIdentifier",
    "b069": "SubjectCode", "b070": "SubjectHeadingText", "b081": "PublisherName",
    "b306": "Date", "b003": "Date", "textcontent": "TextContent", "x426": "TextType",
    "d104": "Text", "x462": "PriceType", "price": "Price", "j151": "PriceAmount",
    "j152": "CurrencyCode", "stock": "Stock", "j350": "OnHand", "b012": "ProductForm",
    "b057": "EditionNumber", "b058": "EditionStatement", "collection": "Collection",
    "x410": "PartNumber", "publishingdate": "PublishingDate", "x448": "PublishingDateRole",
    "x435": "ResourceLink", "supportingresource": "SupportingResource",
    "x436": "ResourceContentType", "descriptivedetail": "DescriptiveDetail",
}  # fmt: skip
_FORMS = {"BB": "hardcover", "BC": "paperback", "BE": "spiral", "BH": "board book"}


def _onix_row(number: int, product: Element, currency: str) -> Row:
    identifiers = {_say(one, "ProductIDType"): _say(one, "IDValue")
                   for one in _all(product, "ProductIdentifier")}  # fmt: skip
    titles = [one for one in _all(product, "TitleDetail") if one not in _inside(product)]
    title = titles[0] if titles else product
    name = _say(title, "TitleText") or " ".join(
        filter(None, (_say(title, "TitlePrefix"), _say(title, "TitleWithoutPrefix")))
    )
    subtitle = _say(title, "Subtitle")
    authors = [
        _say(one, "PersonName") or _say(one, "PersonNameInverted") or _say(one, "CorporateName")
        for one in _all(product, "Contributor")
        if _say(one, "ContributorRole").startswith("A")
    ]
    prices = {_say(one, "CurrencyCode"): _say(one, "PriceAmount")
              for one in reversed(_all(product, "Price"))}  # fmt: skip
    paid_in = currency if currency in prices else next(iter(prices), "")
    subjects = {_say(one, "SubjectSchemeIdentifier"):
                _say(one, "SubjectCode") or _say(one, "SubjectHeadingText")
                for one in reversed(_all(product, "Subject"))}  # fmt: skip
    series = next(iter(_inside(product)), None)
    collection = next(iter(_all(product, "Collection")), None)
    cover = next(
        (_say(one, "ResourceLink") for one in _all(product, "SupportingResource")
         if _say(one, "ResourceContentType") == "01"), "",
    )  # fmt: skip
    values = {
        "sku": _say(product, "RecordReference"),
        "title": f"{name}: {subtitle}" if subtitle else name,
        "author": "; ".join(filter(None, authors)),
        "isbn": identifiers.get("15") or identifiers.get("03") or identifiers.get("02", ""),
        "price": prices.get(paid_in, ""),
        "currency": paid_in,
        "copies": _say(product, "OnHand"),
        "year": next((_say(one, "Date")[:4] for one in _all(product, "PublishingDate")
                      if _say(one, "PublishingDateRole") == "01"), ""),
        "language": next((_say(one, "LanguageCode") for one in _all(product, "Language")
                          if _say(one, "LanguageRole") == "01"), ""),
        "category": subjects.get("10") or next(iter(subjects.values()), ""),
        "description": next((_say(one, "Text") for one in _all(product, "TextContent")
                             if _say(one, "TextType") in {"03", "02"}), ""),
        "publisher": _say(product, "PublisherName"),
        "binding": _FORMS.get(_say(product, "ProductForm"), ""),
        "edition": _say(product, "EditionStatement") or _say(product, "EditionNumber"),
        "series": _say(series, "TitleText") if series is not None else "",
        "series number": _say(collection, "PartNumber") if collection is not None else "",
        "cover": cover,
    }  # fmt: skip
    return _row(number, values)


def _inside(product: Element) -> list[Element]:
    """Return the titles of the collections that a product belongs to."""
    return [title for one in _all(product, "Collection") for title in _all(one, "TitleDetail")]


def _local(element: Element) -> str:
    name = str(element.tag).rpartition("}")[2]
    return _SHORT.get(name, name)


def _all(element: Element, name: str) -> list[Element]:
    return [one for one in element.iter() if _local(one) == name]


def _say(element: Element, name: str) -> str:
    """Return the text of the first element of that name inside, markup included as text."""
    for one in element.iter():
        if _local(one) == name:
            return "".join(one.itertext()).strip()
    return ""


def _elements(file: BinaryIO, name: str, wanted: set[str]) -> Iterator[Element]:
    """Yield elements of a document that is never held whole; raise ImportRefused."""
    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    try:
        root: Element | None = None
        for event, element in iterparse(file, events=("start", "end"), forbid_dtd=False):
            if root is None:
                root = element
            if event == "end" and str(element.tag).rpartition("}")[2] in wanted:
                yield element
                element.clear()
                root.clear()
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise ImportRefused(
            _("%(name)s is no XML that can be read: %(reason)s. Have it written anew.",
              name=name, reason=str(error)[:120])
        ) from error  # fmt: skip
