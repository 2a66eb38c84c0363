"""Make an offer of each row. Nothing is invented: a row that lacks a price or a condition, or has
one that can be read in two ways, is refused and costs only itself."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from bookstore.catalogue.domain import (
    LANGUAGES,
    MAX_AUTHOR,
    MAX_DEFECTS,
    MAX_DESCRIPTION,
    MAX_TITLE,
    Terms,
)
from bookstore.catalogue.importing import (
    categories,
    conditions,
    inventing,
    isbns,
    languages,
    numbers,
    statuses,
)
from bookstore.catalogue.importing.columns import Columns, field_of, key
from bookstore.catalogue.importing.errors import Refusal
from bookstore.catalogue.importing.offers import Details, Offer, identity, marks
from bookstore.catalogue.importing.tables import Row
from bookstore.catalogue.importing.texts import cleaned, name_of, one_line
from bookstore.web.i18n import gettext as _

MAX_SKU = 100
_TRUE = {"1", "true", "yes", "y", "sí", "si", "x", "signed", "firmado", "verdadero"}
_LENGTHS = {"publisher": 200, "binding": 60, "edition": 120, "series": 200, "series_number": 20,
            "original_title": MAX_TITLE}  # fmt: skip
_BINDINGS = {
    "hardcover": "hardcover", "hardback": "hardcover", "hc": "hardcover", "tapadura": "hardcover",
    "cartone": "hardcover", "paperback": "paperback", "softcover": "paperback",
    "pb": "paperback", "tapablanda": "paperback", "rustica": "paperback", "softback": "paperback",
    "massmarketpaperback": "paperback", "tradepaperback": "paperback", "bolsillo": "paperback",
    "fixedprice": "", "auction": "", "buyitnow": "",  # how a marketplace sells it
}  # fmt: skip


class Unusable(Exception):
    """A row that is no offer: every column that is wrong, and why. `identity` is whose row it is,
    where that can be told all the same."""

    def __init__(self, refusals: Sequence[Refusal], whose: str | None, called: str) -> None:
        super().__init__(refusals[0].reason)
        self.called = called
        self.refusals = list(refusals)
        self.identity = whose


@dataclass
class Counts:
    """What was made up, mended and left out, by what."""

    invented: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)


class Reading(NamedTuple):
    """How the rows of a file are read."""

    columns: Columns
    currency: str
    invent: bool
    conditions: Mapping[str, str]
    counts: Counts
    by_line: Mapping[int, Mapping[str, str]] = {}


_OF_THE_PRODUCT = {
    "title", "author", "description", "category", "publisher", "condition", "status",
}  # fmt: skip
_ATTRIBUTES = (
    (r"attribute(\d+)values?", "attribute{}name"),
    (r"valore?s?delatributo(\d+)", "nombredelatributo{}"),
)
_UNIT_NAMED = re.compile("(?:kg|lbs?|oz|grams|(?:(?<=weight)|(?<=peso))g)$")
_SWITCH = re.compile(r"-?[01]|true|false|yes|no|sí", re.IGNORECASE)


def _attributes(header: Sequence[str]) -> dict[int, int]:
    """Return the places of attributes' values and of the names that go with them."""
    found = {}
    for place, name in enumerate(header):
        for values, names in _ATTRIBUTES:
            match = re.fullmatch(values, name)
            if match and (named := names.format(match[1])) in header:
                found[place] = header.index(named)
    return found


class RowReader:
    """Reads the rows of one file, which may lean on the row before."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._places = [
            (name, places) for name, places in reading.columns.places.items()
            if name not in {"isbn", "more_authors", "status"}
        ]  # fmt: skip
        self._present = reading.columns.present | {"condition"}
        self._product: tuple[str, dict[str, str]] | None = None
        header = [key(name) for name in reading.columns.header]
        # "Published" is a year in some files and a switch in others.
        self._switches = {place for place, name in enumerate(header) if name == "published"}
        says = (*reading.columns.places.get("status", ()), *self._switches)
        self._statuses = [(place, statuses.gone_words(header[place])) for place in says]
        self._attributes = _attributes(header)
        self._first_names: dict[int, str] = {}
        weights = reading.columns.places.get("weight", [])
        unit = key(reading.columns.header[weights[0]]) if weights else ""
        named = _UNIT_NAMED.search(unit)
        self._unit = named[0] if named else ""

    def offer(self, row: Row) -> Offer | None:
        """Return the offer of a row, or None for one that belongs to the row before; raise
        Unusable."""
        given = self._given(row)
        if "handle" in given and not self._own(given, row):
            return None
        for name, value in self._reading.columns.settings.items():
            if not given.get(name):
                given[name] = value
        given.update(self._reading.by_line.get(row.line, {}))
        return self._made(row, given)

    def _given(self, row: Row) -> dict[str, str]:
        given = {}
        for name, places in self._places:
            for place in places:
                value = cleaned(row.fields[place])
                if not value or (place in self._switches and _SWITCH.fullmatch(value)):
                    continue
                if place in self._attributes and not self._means(row, place, name):
                    continue
                given[name] = value
                break
        if any(statuses.plain(row.fields[place]) in words for place, words in self._statuses):
            given["status"] = "gone"
        return given

    def _means(self, row: Row, place: int, name: str) -> bool:
        """Tell whether the value of an attribute is what its column is taken for: each row names
        its attributes itself."""
        named = key(row.fields[self._attributes[place]])
        first = self._first_names.setdefault(place, named)
        return named in {"", first} or field_of(named) == name

    def _own(self, given: dict[str, str], row: Row) -> bool:
        """Tell whether a row of a product with variants is an offer of its own; it then has what
        its product's first row says."""
        product = {name: value for name, value in given.items() if name in _OF_THE_PRODUCT}
        if "title" in given or self._product is None or self._product[0] != given["handle"]:
            self._product = given["handle"], product
            return True
        if not given.keys() & {"sku", "price"}:
            return False
        for name, value in self._product[1].items():
            given.setdefault(name, value)
        return True

    def _made(self, row: Row, given: dict[str, str]) -> Offer:
        wrong: list[Refusal] = []
        title, author = name_of(given.get("title", "")), self._author(row, given)
        for name, value, most in (("title", title, MAX_TITLE), ("author", author, MAX_AUTHOR)):
            if not any(char.isalnum() or ord(char) > 0x2000 for char in value):
                wrong.append(Refusal(row.line, name, _("it is blank")))
            elif len(value) > most:
                reason = _(
                    "it has %(length)s characters, %(most)s fit", length=len(value), most=most
                )
                wrong.append(Refusal(row.line, name, reason))
        isbn13 = self._isbn(row)
        counts = self._reading.counts
        chance = inventing.chance(title, author, isbn13)
        condition = self._condition(row.line, given.get("condition", ""), chance, wrong)
        copies = self._copies(row.line, given.get("copies", ""), wrong)
        sold_out = copies == 0 or "status" in given
        price = self._price(row.line, given, condition, chance, wrong, needed=not sold_out)
        if copies and "status" in given:
            copies = 0
            counts.mended[_("a status by which it is not for sale, taken as 0 copies")] += 1
        description = given.get("description", "")
        if len(description) > MAX_DESCRIPTION:
            description = description[:MAX_DESCRIPTION].rstrip()
            counts.left_out[_("the end of a long description")] += 1
        sku = one_line(given.get("sku", "")) or None
        whose = identity(sku, isbn13, title, author, condition or "", description)
        if wrong:
            unknown = not sku and (condition is None or not title or not author)
            called = " · ".join(filter(None, (title[:120], author[:80])))
            raise Unusable(wrong, None if unknown else whose, called)
        assert condition is not None
        assert copies is not None
        terms = Terms(
            title=title,
            author=author,
            isbn13=isbn13,
            language=self._language(given.get("language", "")),
            year=self._year(given.get("year", "")),
            category=self._category(given.get("category", ""), title, author),
            condition=condition,
            ex_library=given.get("ex_library", "").lower() in _TRUE,
            defects=one_line(given.get("defects", ""))[:MAX_DEFECTS],
            description=description,
            price=price,
        )
        details = self._details(given)
        return Offer(row.line, whose, sku[:MAX_SKU] if sku else None, terms, details, copies,
                     marks(terms, details, self._present))  # fmt: skip

    def _author(self, row: Row, given: Mapping[str, str]) -> str:
        author = name_of(given.get("author", ""))
        others = [
            name_of(cleaned(row.fields[place]))
            for place in self._reading.columns.places.get("more_authors", [])
        ]
        return ", ".join(filter(None, [author, *others])) if author else ""

    def _isbn(self, row: Row) -> str | None:
        places = self._reading.columns.places.get("isbn", [])
        texts = [text for text in (cleaned(row.fields[place]) for place in places) if text]
        if not texts:
            return None
        found, completed, disagree = isbns.first(texts)
        counts = self._reading.counts
        if found is None:
            if any(any(char.isalnum() for char in text) for text in texts):
                counts.left_out[_("an ISBN that is none")] += 1
        elif completed:
            counts.mended[_("an ISBN completed with its lost zeros")] += 1
        if disagree:
            counts.mended[_("ISBNs that disagree, the first kept")] += 1
        return found

    def _condition(self, line: int, text: str, chance: int, wrong: list[Refusal]) -> str | None:
        if not text:
            if self._reading.invent:
                self._reading.counts.invented["condition"] += 1
                return inventing.condition(chance)
            wrong.append(Refusal(line, "condition", _("it is blank")))
            return None
        found = self._reading.conditions.get(key(text)) or conditions.grade(text)
        if found is None:
            reason = _("%(value)r names no condition we know", value=text[:40])
            wrong.append(Refusal(line, "condition", reason))
        return found

    def _price(
        self, line: int, given: Mapping[str, str], condition: str | None, chance: int,
        wrong: list[Refusal], *, needed: bool,
    ) -> int:  # fmt: skip
        """Return the price, 0 where there is none and none is needed."""
        ours, theirs = self._reading.currency, given.get("currency", "").strip().upper()
        if theirs and theirs not in {ours, *_SYMBOLS.get(ours, ())}:
            reason = _("%(value)r is not %(currency)s", value=theirs[:20], currency=ours)
            wrong.append(Refusal(line, "currency", reason))
        text = given.get("price", "")
        if not text:
            if not needed:
                return 0
            if self._reading.invent:
                self._reading.counts.invented["price"] += 1
                return inventing.price(condition or "good", chance)
            wrong.append(Refusal(line, "price", _("it is blank")))
            return 0
        try:
            return numbers.price(text, ours)
        except numbers.Wrong as error:
            wrong.append(Refusal(line, "price", str(error)))
            return 0

    def _copies(self, line: int, text: str, wrong: list[Refusal]) -> int | None:
        if not text:
            return 1
        try:
            return numbers.copies(text)
        except numbers.Wrong as error:
            wrong.append(Refusal(line, "copies", str(error)))
            return None

    def _language(self, text: str) -> str | None:
        found = languages.codes(text) if text else languages.NONE
        if found == languages.NONE:
            return None
        if found not in LANGUAGES:
            self._reading.counts.left_out[_("a language that the shop does not offer")] += 1
            return None
        return found

    def _year(self, text: str) -> int | None:
        try:
            return numbers.year(text) if text else None
        except numbers.Wrong:
            self._reading.counts.left_out[_("a year that is none")] += 1
            return None

    def _category(self, text: str, title: str, author: str) -> str:
        if text:
            found = categories.code(one_line(text))
            if found is None:
                self._reading.counts.left_out[_("a category we do not know, now Other")] += 1
            return found or "other"
        if self._reading.invent and (found := inventing.category(f"{title} {author}")):
            self._reading.counts.invented["category"] += 1
            return found
        return "other"

    def _details(self, given: Mapping[str, str]) -> Details:
        values = {name: name_of(given[name])[:most] for name, most in _LENGTHS.items()
                  if given.get(name)}  # fmt: skip
        if binding := values.get("binding"):
            values["binding"] = _BINDINGS.get(key(binding), binding)
        weight = None
        if text := given.get("weight"):
            try:
                weight = numbers.weight(text, self._unit or key(given.get("weight_unit", "g")))
            except numbers.Wrong:
                self._reading.counts.left_out[_("a weight that is none")] += 1
        return Details(
            signed=given.get("signed", "").lower() in _TRUE,
            weight=weight,
            cover_url=_address(given.get("cover", "")),
            **values,
        )


_SYMBOLS = {"EUR": ("€", "EURO", "EUROS"), "USD": ("$", "US$"), "GBP": ("£",)}


def _address(text: str) -> str:
    """Return the first web address among what a row gives for a picture, or the name of a file
    that may have come along; a path of somebody's disk is nothing."""
    one = re.split(r"[\s,|;]", text.strip())[0] if text else ""
    if re.match(r"https?://", one):
        return one if len(one) <= 500 else ""
    return one[:200] if one and not re.search(r"[/\\]|^\.", one) and "." in one else ""
