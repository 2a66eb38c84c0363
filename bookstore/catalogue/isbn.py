"""ISBNs: read in every spelling, kept as thirteen digits."""

from stdnum import isbn
from stdnum.exceptions import ValidationError


def isbn13_of(text: str) -> str | None:
    """Return the thirteen digits of a valid ISBN-10 or ISBN-13 with or without hyphens, or None."""
    try:
        return str(isbn.validate(text, convert=True))
    except ValidationError:
        return None


def isbn10_of(isbn13: str) -> str | None:
    """Return the ten-digit form; ISBNs that begin with 979 have none."""
    return str(isbn.to_isbn10(isbn13)) if isbn13.startswith("978") else None


def repaired(text: str) -> str | None:
    """Return the ISBN that a spreadsheet mangled: leading zeros lost, or a decimal point added."""
    digits = text.strip().removesuffix(".0").replace("-", "").replace(" ", "")
    if 7 <= len(digits) < 10:
        digits = digits.zfill(10)
    return isbn13_of(digits)
