"""The rules about books and their copies. Pure: no SQL, no clock, no web."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from bookstore.contracts import HoldLine
from bookstore.texts import N_

MAX_TITLE = 300
MAX_AUTHOR = 800
MAX_DESCRIPTION = 5000
MAX_DEFECTS = 500
MAX_COPIES = 1000
YEARS = (-3000, 2100)  # years before Christ are negative
LARGEST_ID = 2**63 - 1


class Grade(NamedTuple):
    """A grade of condition: its code in addresses and tables, its name, what it promises."""

    code: str
    name: str
    means: str


# The trade's usual grades, best first. Names and meanings are translated where they are shown.
GRADES = (
    Grade("new", N_("New"), N_("Never read, straight from the press.")),
    Grade("as-new", N_("As New"), N_("Read perhaps once; nobody could tell.")),
    Grade("fine", N_("Fine"), N_("Hardly any sign of use, no defects.")),
    Grade("very-good", N_("Very Good"), N_("Light signs of use on cover or edges; clean inside.")),
    Grade("good", N_("Good"), N_("An ordinary used copy, complete, with signs of reading.")),
    Grade(
        "fair",
        N_("Fair"),
        N_("Worn, perhaps with notes or a loose page, but all the text is there."),
    ),
    Grade("poor", N_("Poor"), N_("Heavily worn; good for reading, not for the shelf.")),
)
GRADE_BY_CODE = {grade.code: grade for grade in GRADES}

# Code -> name.
CATEGORIES = {
    "fiction": N_("Fiction"),
    "classics": N_("Classics"),
    "crime": N_("Crime and thrillers"),
    "fantasy": N_("Fantasy and science fiction"),
    "romance": N_("Romance"),
    "young": N_("Children and young readers"),
    "comics": N_("Comics and graphic novels"),
    "poetry": N_("Poetry and drama"),
    "history": N_("History and biography"),
    "science": N_("Science and nature"),
    "society": N_("Society, business and self-help"),
    "arts": N_("Arts, food and travel"),
    "other": N_("Other"),
}

# What a seller may choose and readers may filter by (ISO 639-1).
LANGUAGES = (
    "en", "es", "fr", "de", "it", "pt", "ca", "gl", "eu", "nl", "sv", "da", "no", "fi", "pl", "cs",
    "hu", "ro", "ru", "uk", "el", "la", "tr", "ar", "fa", "he", "hi", "zh", "ja", "ko", "id", "vi",
    "fil", "mul",
)  # fmt: skip


class Terms(NamedTuple):
    """What a seller says of a book and may change. `price` is in minor units."""

    title: str
    author: str
    isbn13: str | None
    language: str | None
    year: int | None
    category: str
    condition: str
    ex_library: bool
    defects: str
    description: str
    price: int


class NotACover(Exception):
    """The file is no picture that can serve as a cover; `reason` is a key of REASONS."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Seller(NamedTuple):
    """Who sells; the name is a snapshot."""

    id: int
    name: str


def merged_lines(lines: Sequence[HoldLine]) -> list[HoldLine]:
    """Return one line a book, by rising id; raise ValueError for a quantity below one."""
    quantities: dict[int, int] = {}
    for line in lines:
        if not 1 <= line.quantity <= MAX_COPIES:
            raise ValueError(f"a hold takes 1 to {MAX_COPIES} copies of book {line.book_id}")
        quantities[line.book_id] = quantities.get(line.book_id, 0) + line.quantity
    if not quantities:
        raise ValueError("a hold takes one book or more")
    return [HoldLine(book_id, quantities[book_id]) for book_id in sorted(quantities)]


def possible_ids(book_ids: Sequence[int]) -> list[int]:
    """Return those of the numbers that a book may have at all."""
    return [book_id for book_id in book_ids if 0 < book_id <= LARGEST_ID]


def shortfall(wanted: Sequence[HoldLine], left: Mapping[int, int]) -> dict[int, int]:
    """Return what is left of the books of which fewer copies are left than wanted."""
    return {
        line.book_id: left.get(line.book_id, 0)
        for line in wanted
        if left.get(line.book_id, 0) < line.quantity
    }
