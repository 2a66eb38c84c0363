"""Make a book of one row of a dump: columns by name, repairs, and defaults for what it lacks.

Columns (any order, others are ignored; aliases in COLUMNS): title and authors are needed. What a
dump of book data lacks but a shop needs follows from the row itself, the same on every run:
category from words in title and authors and from the year; condition, price and copies from a
digest of the row.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import NamedTuple

from babel.core import get_global

from bookstore.catalogue import isbn, words
from bookstore.catalogue.domain import (
    CATEGORIES,
    GRADES,
    LANGUAGES,
    MAX_AUTHOR,
    MAX_COPIES,
    MAX_DEFECTS,
    MAX_DESCRIPTION,
    MAX_PRICE,
    MAX_TITLE,
    YEARS,
    Terms,
)

# Ours -> the names that dumps give it, best first.
COLUMNS = {
    "reference": ("id", "book_id"),
    "title": ("title", "original_title", "name"),
    "author": ("author", "authors"),
    "isbn13": ("isbn13", "isbn_13", "ean"),
    "isbn": ("isbn", "isbn10", "isbn_10"),
    "year": ("year", "original_publication_year", "publication_year", "published"),
    "language": ("language", "language_code", "lang"),
    "category": ("category", "genre"),
    "condition": ("condition", "grade"),
    "ex_library": ("ex_library", "ex-library"),
    "defects": ("defects",),
    "description": ("description",),
    "price": ("price",),
    "copies": ("copies", "stock", "quantity"),
}
_GRADE_OF = {
    words.fold(name): grade.code
    for grade in GRADES
    for name in (grade.code, grade.name, grade.code.replace("-", "_"))
}
_CATEGORY_OF = {
    words.fold(name): code for code, title in CATEGORIES.items() for name in (code, title)
}
_HINTS = {
    "comics": r"vol(ume)?s? \d|batman|calvin and hobbes|manga|graphic novel|garfield|far side|"
    r"sandman|watchmen|alan moore|neil gaiman.*(dave mckean|kieth)|hergé|tintin|naruto|fables",
    "young": r"children|dr\. seuss|roald dahl|wimpy|magic tree house|goosebumps|winnie|"
    r"beverly cleary|rick riordan|j\.k\. rowling|lemony snicket|shel silverstein|eric carle|"
    r"babysitters|little house|beatrix potter|maurice sendak|judy blume|c\.s\. lewis",
    "fantasy": r"tolkien|george r\.r\. martin|terry pratchett|robert jordan|brandon sanderson|"
    r"isaac asimov|philip k\. dick|frank herbert|arthur c\. clarke|ursula k\. le guin|"
    r"douglas adams|ray bradbury|dragon|vampire|wizard|galaxy|star wars|neil gaiman|robin hobb|"
    r"patricia briggs|cassandra clare|sarah j\. maas|william gibson|neal stephenson|trudi canavan",
    "crime": r"murder|agatha christie|stephen king|dean koontz|james patterson|john grisham|"
    r"michael connelly|lee child|dan brown|gillian flynn|stieg larsson|raymond chandler|"
    r"arthur conan doyle|patricia cornwell|detective|killer|tom clancy|harlan coben|j\.d\. robb|"
    r"janet evanovich|ian rankin|jo nesb|sue grafton|dennis lehane|robert ludlum|mystery",
    "romance": r"nora roberts|nicholas sparks|danielle steel|julia quinn|jane green|e\.l\. james|"
    r"sylvia day|colleen hoover|sophie kinsella|diana gabaldon|bride|duke|\blove\b|jojo moyes|"
    r"johanna lindsey|lisa kleypas|judith mcnaught|stephenie meyer",
    "poetry": r"poem|poetry|sonnets|shakespeare|tragedy|\bplays?\b|leaves of grass|homer\b|dante|"
    r"sophocles|oscar wilde.*earnest",
    "history": r"history|biography|\blife of\b|memoir|\bwar:|civil war|autobiography|diary|empire|"
    r"revolution:|president|stephen e\. ambrose|david mccullough|erik larson|bill bryson",
    "science": r"science|universe|physics|evolution|gene\b|genome|\bbrain\b|mathematic|cosmos|"
    r"richard dawkins|stephen hawking|carl sagan|oliver sacks|mary roach",
    "society": r"how to|habits|leadership|business|success|money|rich dad|economics|psychology|"
    r"malcolm gladwell|self-help|happiness|philosophy|republic\b|christian|\bgod\b|bible|"
    r"marketing|management",
    "arts": r"cook|recipes|kitchen|\bart of\b|drawing|photograph|travels?\b|wine\b|design\b|"
    r"anthony bourdain|michael pollan",
}
_HINT = {code: re.compile(pattern, re.IGNORECASE) for code, pattern in _HINTS.items()}
_CLASSIC_BEFORE = 1950
_GRADE_SHARES = (("good", 35), ("very-good", 30), ("fine", 15), ("fair", 10), ("as-new", 8),
                 ("poor", 2))  # fmt: skip
_GRADE_FACTOR = {"new": 100, "as-new": 90, "fine": 80, "very-good": 65, "good": 50, "fair": 35,
                 "poor": 25}  # fmt: skip
_TRUE = {"1", "true", "yes", "y", "sí", "si", "x"}


class Refused(Exception):
    """The row cannot become a book; the text says why."""


class Candidate(NamedTuple):
    """A book that a row describes; `key` is the same whenever the same row is read."""

    terms: Terms
    copies: int
    key: str
    repairs: tuple[str, ...]


@cache
def _own_columns(header: tuple[str, ...]) -> dict[str, tuple[int, ...]]:
    names = [name.strip().lower().replace(" ", "_") for name in header]
    return {
        own: tuple(names.index(alias) for alias in aliases if alias in names)
        for own, aliases in COLUMNS.items()
    }


def missing_columns(header: Sequence[str]) -> list[str]:
    """Return the needed columns that a header lacks."""
    own = _own_columns(tuple(header))
    return [name for name in ("title", "author") if not own[name]]


def candidate(header: Sequence[str], fields: Sequence[str]) -> Candidate:
    """Return the book of a row; raise Refused."""
    places = _own_columns(tuple(header))
    given = {
        name: next((fields[i].strip() for i in places[name] if fields[i].strip()), "")
        for name in places
    }
    repairs: list[str] = []
    title, author = _line(given["title"]), _line(given["author"])
    if not title:
        raise Refused("it has no title")
    if not author:
        raise Refused("it has no author")
    if len(title) > MAX_TITLE:
        raise Refused(f"its title has {len(title)} characters, {MAX_TITLE} fit")
    if len(author) > MAX_AUTHOR:
        raise Refused(f"its authors have {len(author)} characters, {MAX_AUTHOR} fit")
    identity = "\x1f".join(given[name] for name in COLUMNS if name != "description")
    digest = hashlib.sha256(identity.encode())
    chance = int.from_bytes(digest.digest()[:8])
    year = _year(given["year"], repairs)
    condition = _condition(given["condition"], chance)
    terms = Terms(
        title=title,
        author=author,
        isbn13=_isbn(given, repairs),
        language=_language(given["language"], repairs),
        year=year,
        category=_category(given["category"], f"{title} {author}", year),
        condition=condition,
        ex_library=given["ex_library"].lower() in _TRUE,
        defects=_line(given["defects"])[:MAX_DEFECTS],
        description=given["description"][:MAX_DESCRIPTION],
        price=_price(given["price"], condition, chance),
    )
    return Candidate(
        terms, _copies(given["copies"], chance), digest.hexdigest()[:40], tuple(repairs)
    )


def _line(text: str) -> str:
    """Return the text on one line without control characters."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _isbn(given: Mapping[str, str], repairs: list[str]) -> str | None:
    found = isbn.isbn13_of(given["isbn13"])
    if found:
        return found
    found = isbn.repaired(given["isbn"])
    if found and sum(c.isalnum() for c in given["isbn"].removesuffix(".0")) < 10:
        repairs.append("ISBN completed with its lost zeros")
    elif not found and (given["isbn"] or given["isbn13"]):
        repairs.append("unusable ISBN left out")
    return found


def _year(text: str, repairs: list[str]) -> int | None:
    if not text:
        return None
    try:
        year = int(Decimal(text))
    except (InvalidOperation, ValueError, OverflowError):
        year = YEARS[1] + 1
    if not YEARS[0] <= year <= YEARS[1]:
        repairs.append("impossible year left out")
        return None
    return year


def _language(text: str, repairs: list[str]) -> str | None:
    if not text:
        return None
    code = text.lower().replace("_", "-").split("-")[0]
    code = get_global("language_aliases").get(code, code)
    if code not in LANGUAGES:
        repairs.append("unknown language left out")
        return None
    return str(code)


def _category(text: str, about: str, year: int | None) -> str:
    if text:
        return _CATEGORY_OF.get(words.fold(text), "other")
    for code, hint in _HINT.items():
        if hint.search(about):
            return code
    return "classics" if year is not None and year < _CLASSIC_BEFORE else "fiction"


def _condition(text: str, chance: int) -> str:
    if text:
        code = _GRADE_OF.get(words.fold(text))
        if code is None:
            names = ", ".join(grade.name for grade in GRADES)
            raise Refused(f"its condition is {text[:40]!r}, not one of {names}")
        return code
    point = chance % 100
    for code, share in _GRADE_SHARES:
        if point < share:
            return code
        point -= share
    raise AssertionError("the shares add up to 100")


def _price(text: str, condition: str, chance: int) -> int:
    """Return minor units: what the row says, or 3 to 18 and less for a worn copy."""
    if not text:
        new = 700 + chance // 100 % 2000
        return max(200, new * _GRADE_FACTOR[condition] // 100 // 50 * 50)
    match = re.fullmatch(r"\D{0,4}?(\d{1,6})(?:[.,](\d{1,2}))?\D{0,4}", text)
    price = int(match[1]) * 100 + int((match[2] or "0").ljust(2, "0")) if match else 0
    if not 0 < price <= MAX_PRICE:
        raise Refused(f"its price is {text[:40]!r}, not an amount such as 12.50")
    return price


def _copies(text: str, chance: int) -> int:
    if not text:
        return 1 + chance // 1_000_000 % 3
    if not re.fullmatch(r"\d{1,6}", text) or not 1 <= int(text) <= MAX_COPIES:
        raise Refused(f"its copies are {text[:40]!r}, not a number from 1 to {MAX_COPIES}")
    return int(text)
