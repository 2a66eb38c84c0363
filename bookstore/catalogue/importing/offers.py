"""An offer as one row of a seller's file describes it, and what tells it from his others."""

import base64
import hashlib
import re
import struct
import unicodedata
import zlib
from typing import NamedTuple

from bookstore.catalogue.domain import Terms


class Details(NamedTuple):
    """What files say of a book beyond what the shop's own form asks."""

    publisher: str = ""
    binding: str = ""
    edition: str = ""
    signed: bool = False
    weight: int | None = None  # grams
    series: str = ""
    series_number: str = ""
    original_title: str = ""
    cover_url: str = ""


class Offer(NamedTuple):
    """What a row offers. `present` are the fields that the file says something about; of the
    others a book that is there keeps what it has."""

    line: int
    identity: str
    sku: str | None
    terms: Terms
    details: Details
    copies: int
    marks: str


TERM_FIELDS = tuple(name for name in Terms._fields if name != "price")
DETAIL_FIELDS = Details._fields
MARKED = TERM_FIELDS + DETAIL_FIELDS
# The file's columns that several fields of ours come from, or that are named otherwise.
_COLUMN_OF = {"isbn13": "isbn", "cover_url": "cover"}
_PACKED = struct.Struct(f">{len(MARKED)}I")


def identity(
    sku: str | None, isbn13: str | None, title: str, author: str, condition: str, description: str
) -> str:
    """Return what an offer is known by among its seller's: the SKU, or what stands in for one."""
    if sku:
        parts = ["sku", sku]
    else:
        book = [isbn13] if isbn13 else [_same(title), _same(author)]
        parts = ["book", *book, condition, description]
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:40]


def number_of(identity: str) -> int:
    """Return a number that stands for an identity and takes less memory."""
    return int(identity[:16], 16)


def own_sku(book_id: int) -> str:
    """Return the SKU that a book without one has in the file that its seller takes along."""
    return f"BS-{book_id}"


def book_of_own_sku(sku: str | None) -> int | None:
    """Return the book of such a SKU."""
    match = re.fullmatch(r"BS-([0-9]{1,18})", sku or "")
    return int(match[1]) if match else None


def _same(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def marks(terms: Terms, details: Details, present: frozenset[str]) -> str:
    """Return a short sum of each field that the file says something about."""
    values = (*terms[:-1], *details)
    sums = (
        zlib.crc32(f"={value}".encode()) or 1 if _COLUMN_OF.get(name, name) in present else 0
        for name, value in zip(MARKED, values, strict=True)
    )
    return base64.b64encode(_PACKED.pack(*sums)).decode()


def changed_fields(said: str, now: str) -> list[str]:
    """Return the fields of which a file says something else now than the last one did."""
    if said == now:
        return []
    before = _PACKED.unpack(base64.b64decode(said))
    after = _PACKED.unpack(base64.b64decode(now))
    return [
        name for name, old, new in zip(MARKED, before, after, strict=True) if new not in {0, old}
    ]


def merged_marks(said: str, now: str) -> str:
    """Return the sums of what was said last of each field."""
    before = _PACKED.unpack(base64.b64decode(said))
    after = _PACKED.unpack(base64.b64decode(now))
    return base64.b64encode(
        _PACKED.pack(*(new or old for old, new in zip(before, after, strict=True)))
    ).decode()


assert Terms._fields[-1] == "price"
