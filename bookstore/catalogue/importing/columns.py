"""Which column of a file is which of ours. Names are compared without case, accents, blanks and
punctuation."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from babel.numbers import list_currencies

from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.web.i18n import gettext as _

# Ours -> the names that marketplaces, reading lists and people give it, the best first: of several
# columns for one thing the first that is not blank counts.
NAMES = {
    "title": (
        "booktitle", "cbooktitle", "title", "titulo", "itemname", "producttitle", "productname",
        "name", "nombre", "bookname", "fulltitle", "originaltitle",
    ),
    "author": (
        "author", "authors", "autor", "autora", "autores", "cauthor", "primaryauthor",
        "authorname", "authornames", "bookauthor", "creators", "creator", "writer", "authorlf",
        "authorsort",
    ),
    "more_authors": ("additionalauthors", "secondaryauthor", "secondaryauthors", "coauthors"),
    "isbn": (
        "isbn13", "ean13", "eanisbn13", "isbn", "cisbn", "gtinupceanorisbn", "variantbarcode",
        "ean", "cean", "gtin", "isbnuid", "isbnean", "barcode", "codigodebarras", "isbns", "isbn10",
        "upcisbn10", "productid", "externalproductid", "isbnasin", "bookisbn", "pisbn", "pean",
        "productisbn", "productean",
    ),
    "price": (
        "saleprice", "preciorebajado", "price", "precio", "variantprice", "sellingprice",
        "askingprice", "yourprice", "itemprice", "startprice", "buyitnowprice", "currentprice",
        "standardprice", "regularprice", "precionormal", "preciodeventa", "pvp",
    ),
    "currency": ("currency", "moneda", "divisa", "pricecurrency", "currencycode"),
    "copies": (
        "copies", "quantity", "qty", "stock", "ejemplares", "cantidad", "inventario", "existencias",
        "unidades", "inventoryquantity", "numberofcopies", "noofcopies", "stocklevel", "onhand",
        "qtyavailable", "availableqty", "disponibles",
        "variantinventoryqty", "inventoryqty", "availablequantity", "quantityavailable",
        "stockquantity", "quantityonhand", "instockquantity",
    ),
    "condition": (
        "condition", "conditionid", "itemcondition", "bookcondition", "estado", "conservacion",
        "estadodeconservacion", "conditiongrade", "grade", "cconditiongrade", "mediacondition",
    ),
    "sku": (
        "sku", "sellersku", "customlabelsku", "customlabel", "variantsku", "itemsku", "productsku",
        "inventorynumber", "inventoryno", "inventoryid", "stocknumber", "stockno", "booknumber",
        "referencia", "reference", "internalreference", "sellerid", "vendorbookid",
        "listingid", "itemid", "itemnumber", "itemno", "ebayitemid", "ebayitemnumber",
        "listingnumber", "offerid",
    ),
    "description": (
        "description", "descripcion", "bodyhtml", "itemdescription", "productdescription",
        "longdescription", "comments", "comentarios", "synopsis", "sinopsis", "shortdescription",
        "descripcioncorta", "notes", "notas",
    ),
    "year": (
        "yearpublished", "publisheryear", "publicationyear", "yearofpublication", "year", "ano",
        "anodepublicacion", "anopublicacion", "anodeedicion", "cpublicationyear",
        "publishdate", "publicationdate", "datepublished", "publisheddate", "pubdate",
        "fechadepublicacion", "date", "fecha", "publishedyear", "originalpublicationyear",
        "cyear", "published", "datepub", "pubyear", "dateofpublication", "cpublicationdate",
    ),
    "language": (
        "language", "languages", "lang", "languagecode", "languagecodes", "idioma", "idiomas",
        "lengua", "clanguage", "booklanguage",
    ),
    "category": (
        "category", "categories", "categoria", "categorias", "genre", "genres", "genero",
        "generos", "cgenre", "bisac", "bisaccode", "bisacsubject", "subjectcode", "materia",
    ),
    "publisher": ("publisher", "publishername", "cpublisher", "editorial", "casaeditorial"),
    "binding": (
        "binding", "format", "cformat", "bookformat", "encuadernacion", "formato", "covertype",
        "bindingtype",
    ),
    "edition": ("edition", "edicion", "cedition", "editionstatement", "editioninformation"),
    "signed": ("signed", "csigned", "firmado", "signedtext"),
    "weight": (
        "weight", "peso", "itemweight", "weightgrams", "variantgrams", "grams", "weightkg",
        "weightg", "pesokg", "pesog", "weightlbs", "weightoz", "weightvaluegrams",
    ),
    "weight_unit": (
        "weightunit", "weightunits", "itemweightunit", "unitofweight", "unidaddepeso",
    ),
    "series": ("series", "serie", "bookseries", "cbookseries", "seriesname", "coleccion"),
    "series_number": (
        "seriesnumber", "seriesindex", "seriesno", "numeroenlaserie", "numerodeserie", "volume",
        "volumen",
    ),
    "original_title": ("originaltitle", "titulooriginal", "worktitle"),
    "cover": (
        "cover", "coverurl", "coverimage", "imagesrc", "image", "images", "imageurl", "imageurll",
        "itemphotourl", "picurl", "picture", "pictureurl", "mainimageurl", "portada", "imagen",
        "imagelink", "coverimageurl", "productimageurl", "imagenes", "imgurl", "photourl",
    ),
    "ex_library": ("exlibrary", "exlib", "exlibris", "debiblioteca"),
    "defects": ("defects", "defectos", "itemnote", "conditionnote", "conditionnotes",
                "conditiondescription"),
    # Words or switches that say whether the offer stands at all.
    "status": (
        "status", "itemstatus", "listingstatus", "productstatus", "statusdremove", "adddelete",
        "action", "instock", "publishedononlinestore", "publicado",
    ),
    "handle": ("handle", "urlhandle"),
}  # fmt: skip
UNASKED = frozenset(("handle", "status", "weight_unit"))  # what only files themselves say
NEEDED = ("title", "author", "price", "condition")
# What `--set` and `--map` may name, with hyphens or blanks as one likes.
FIELDS = tuple(name for name in NAMES if name not in UNASKED)
_BY_NAME = {alias: name for name, aliases in reversed(NAMES.items()) for alias in aliases}
_CURRENCIES = {code.lower() for code in list_currencies()} | {"euro", "euros"}
_ACTION = re.compile(r"\*?action\((?:.*currency=([a-z]{3}))?", re.IGNORECASE)


@lru_cache(maxsize=10_000)
def key(name: str) -> str:
    """Return a name without case, accents, blanks and punctuation."""
    name = name.replace("€", "eur")
    plain = unicodedata.normalize("NFKD", name.casefold())
    return "".join(char for char in plain if char.isalnum())


@lru_cache(maxsize=10_000)
def _known(name: str) -> tuple[str, str] | None:
    """Return which of ours a column name is, and the currency that it names besides."""
    plain = key(name)
    if plain in _BY_NAME:
        return _BY_NAME[plain], ""
    for length in (3, 4, 5):
        price, currency = plain[:-length], plain[-length:]
        if _BY_NAME.get(price) == "price" and currency in _CURRENCIES:
            return "price", currency[:3].upper()
    return None


def field_of(name: str) -> str | None:
    """Return which of ours a column name is, if any."""
    known = _known(name)
    return known[0] if known else None


def field_named(text: str) -> str:
    """Return the field of ours that somebody names; raise ImportRefused for none."""
    wanted = key(text)
    for name in FIELDS:
        if key(name) == wanted:
            return name
    if wanted in _BY_NAME and _BY_NAME[wanted] in FIELDS:
        return _BY_NAME[wanted]
    raise ImportRefused(
        f"There is no field {text[:40]!r}. Name one of {', '.join(FIELDS).replace('_', ' ')}."
    )


def recognized(cells: Sequence[str], mapped: Mapping[str, str]) -> int:
    """Count the fields of ours that a line names, if it is a header."""
    found = {mapped.get(key(cell)) or (_known(cell) or ("",))[0] for cell in cells if cell.strip()}
    return len(found - {"", None})


@dataclass
class Columns:
    """The columns of a file: field of ours -> places, the best first."""

    header: list[str]
    places: dict[str, list[int]]
    settings: dict[str, str]
    ignored: list[str] = field(default_factory=list)

    @property
    def present(self) -> frozenset[str]:
        """Return the fields that the file, or whoever brings it, says something about."""
        return frozenset(self.places) | frozenset(self.settings)

    def missing(self, needed: Sequence[str]) -> list[str]:
        """Return which of the needed fields have no column."""
        return [name for name in needed if name not in self.present]


def read_header(
    header: Sequence[str],
    line: int,
    *,
    currency: str,
    mapped: Mapping[str, str],
    settings: Mapping[str, str],
) -> Columns:
    """Find our fields among the columns; raise ImportRefused when the header cannot be right."""
    places: dict[str, list[int]] = {}
    order: dict[str, list[tuple[int, int]]] = {}
    ignored: list[str] = []
    counted: dict[str, int] = {}
    for place, name in enumerate(header):
        plain = key(name)
        action = _ACTION.match(name.strip())
        other = (action[1] or "").upper() if action else ""
        ours = mapped.get(plain, "status" if action else None)
        if ours is None and (known := _known(name)):
            ours, other = known
        if other and other not in {currency, ""}:
            raise ImportRefused(
                _(
                    "Line %(line)s says that prices are in %(other)s; this shop's are in"
                    " %(currency)s. Export the file with prices in that currency.",
                    line=line,
                    other=other,
                    currency=currency,
                )
            )
        if not ours:
            if plain:
                ignored.append(name)
            continue
        if ours == "ignore":
            ignored.append(name)
            continue
        counted[plain] = counted.get(plain, 0) + 1
        aliases = NAMES[ours]
        rank = -1 if plain in mapped else aliases.index(plain) if plain in aliases else 0
        order.setdefault(ours, []).append((rank, place))
    twice = [name for name, count in counted.items() if count > 1]
    if twice:
        shown = _(" and ").join(_shown(header, name) for name in twice)
        raise ImportRefused(
            _(
                "Line %(line)s has %(names)s twice. Rename or remove the columns that do not"
                " count.",
                line=line,
                names=shown,
            )
        )
    for ours, found in order.items():
        places[ours] = [place for _rank, place in sorted(found)]
    if "title" in places and "original_title" not in places:
        originals = [p for p in places["title"] if key(header[p]) == "originaltitle"]
        if originals and len(places["title"]) > len(originals):
            places["original_title"] = originals
    unknown = [name for name in mapped if name not in {key(cell) for cell in header}]
    if unknown:
        raise ImportRefused(
            _(
                "Line %(line)s has no column %(value)r, which was to be mapped. It has %(names)s.",
                line=line,
                value=unknown[0],
                names=", ".join(map(plain_name, header))[:300],
            )
        )
    return Columns(list(header), places, dict(settings), ignored)


def _shown(header: Sequence[str], plain: str) -> str:
    return plain_name(next(name for name in header if key(name) == plain))


def plain_name(name: str) -> str:
    """Return a column's name as it can be shown: one line, nothing that a terminal obeys."""
    name = re.sub(r"\x1b\[[0-9;?]*[ -/]*[@-~]", "", name)
    return " ".join("".join(c if c.isprintable() else " " for c in name).split())[:60]
