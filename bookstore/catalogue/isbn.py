"""ISBNs: read in every spelling, kept as thirteen digits."""

import re
import unicodedata

from stdnum import ean, isbn
from stdnum.exceptions import ValidationError

_LABEL = re.compile(
    r"(?:URN ?: ?)?(?:E-?)?(?:ISBN|EAN)(?:[ (-]*1[03](?!\d))?[ ).:#=-]*", re.IGNORECASE
)


def clean(text: str) -> str:
    """Return an ISBN's digits as people write them down, without what stands before, between and
    around them: ISBN-13: 978-0-14-143958-7 -> 9780141439587."""
    if text.isascii() and text.isdigit():
        return text
    plain = unicodedata.normalize("NFKC", text)
    joined = "".join(
        " "
        if character.isspace()
        else "-"
        if unicodedata.category(character) == "Pd"
        else character
        for character in plain
        if unicodedata.category(character) != "Cf"
    ).replace("\u2212", "-")
    bare = joined.strip(" \"'=()[]<>.,;:")
    return re.sub("[ -]", "", _LABEL.sub("", bare, count=1) if _LABEL.match(bare) else bare).upper()


def isbn13_of(text: str) -> str | None:
    """Return the thirteen digits of a valid ISBN-10 or ISBN-13 in any spelling, or None."""
    if sum(map(str.isdigit, text)) < 9:  # most of what is searched for
        return None
    digits = clean(text)
    if len(digits) == 13 and digits.isdigit() and digits.startswith(("978", "979")):
        return digits if ean.calc_check_digit(digits[:-1]) == digits[-1] else None
    try:
        return str(isbn.validate(digits, convert=True))
    except ValidationError:
        return None


def isbn10_of(isbn13: str) -> str | None:
    """Return the ten-digit form; ISBNs that begin with 979 have none."""
    if not isbn13.startswith("978"):
        return None
    digits = isbn13[3:12]
    check = sum(place * int(digit) for place, digit in enumerate(digits, start=1)) % 11
    return f"{digits}{'0123456789X'[check]}"


def repaired(text: str) -> str | None:
    """Return the ISBN that a spreadsheet mangled: leading zeros lost, or a decimal point added."""
    digits = clean(text.strip().removesuffix(".0"))
    if 7 <= len(digits) < 10:
        digits = digits.zfill(10)
    return isbn13_of(digits)
