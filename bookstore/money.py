"""Amounts of money, in and out: kept as whole minor units, with the currency's own digits.

Whatever reads or writes an amount does it here, so that what a page writes ("€1,234.50",
"1.234,50 €") every form, filter and file takes, in currencies of two digits, of none and of three.
"""

import re
import unicodedata
from decimal import Decimal
from functools import cache, lru_cache
from typing import NamedTuple

from babel import Locale, UnknownLocaleError
from babel.core import get_global
from babel.numbers import (
    format_currency,
    get_currency_name,
    get_currency_precision,
    get_currency_symbol,
    get_territory_currencies,
)

_LONGEST = 60  # characters; no amount is longer
# Marks of other scripts, and what is not seen at all.
_MARKS = str.maketrans({"’": "'", "‘": "'", "٫": ".", "٬": "'", "\u200e": "", "\u200f": ""})


@cache
def currencies() -> frozenset[str]:
    """Return the codes (ISO 4217) of the currencies that some country pays with today."""
    return frozenset(
        code
        for territory in get_global("territory_currencies")
        for code in get_territory_currencies(territory)
    )


@cache
def digits(currency: str) -> int:
    """Return how many digits a currency has behind its decimal mark: EUR 2, JPY 0, KWD 3."""
    return int(get_currency_precision(currency))


def highest(currency: str) -> int:
    """Return the highest price of a book in minor units: 10,000 of the currency's units, or where
    these have no parts, being worth little, 100,000,000."""
    return 10 ** (4 + digits(currency)) if digits(currency) else 10**8


@lru_cache(maxsize=4096)
def written(amount: int, currency: str, locale: str) -> str:
    """Write an amount as people of a locale do: 123450, EUR, en_GB -> €1,234.50."""
    if amount < 0:
        return str(format_currency(_decimal(amount, currency), currency, locale=locale))
    way = _way_of_writing(currency, locale)
    whole, part = divmod(amount, 10**way.digits)
    text = f"{whole:,}".replace(",", way.thousands) if whole >= way.grouped_from else str(whole)
    if way.digits:
        text = f"{text}{way.mark}{part:0{way.digits}}"
    return f"{way.before}{text}{way.after}"


class _WayOfWriting(NamedTuple):
    before: str
    after: str
    mark: str
    thousands: str
    grouped_from: int
    digits: int


@cache
def _way_of_writing(currency: str, locale: str) -> _WayOfWriting:
    """Return how a locale writes a currency, read from what Babel makes of two amounts: it takes
    30 µs for each, and a page has two dozen."""
    behind = digits(currency)
    million, thousand = [
        str(format_currency(_decimal(units * 10**behind, currency), currency, locale=locale))
        for units in (1234567, 1234)
    ]
    first = next(place for place, letter in enumerate(million) if letter.isdigit())
    last = max(place for place, letter in enumerate(million) if letter.isdigit())
    number = million[first : last + 1]
    return _WayOfWriting(
        before=million[:first],
        after=million[last + 1 :],
        mark=number[-behind - 1] if behind else "",
        thousands=number[1],
        grouped_from=1000 if f"1{number[1]}234" in thousand else 10_000,
        digits=behind,
    )


def typed(amount: int, currency: str, locale: str) -> str:
    """Write an amount as people of a locale type it: 123450, EUR, es_ES -> 1234,50."""
    return plain(amount, currency).replace(".", decimal_mark(locale))


def plain(amount: int, currency: str) -> str:
    """Write an amount for machines: 123450, EUR -> 1234.50."""
    return str(_decimal(amount, currency))


def example(currency: str, locale: str) -> str:
    """Return an amount that shows how to type one: 12.50, or 1250 where units have no parts."""
    behind = digits(currency)
    return typed(125 * 10 ** (behind - 1) if behind else 1250, currency, locale)


@cache
def decimal_mark(locale: str) -> str:
    """Return what people of a locale write between whole units and their parts."""
    return str(Locale.parse(locale).number_symbols["latn"]["decimal"])


def parse(text: str, currency: str, *, mark: str | None = None) -> int | None:
    """Return the minor units of an amount, however it is written; None for what is no amount of
    this currency, is below zero, or can be read in two ways.

    `mark` is the decimal mark of whoever wrote it, where that is known: it alone tells whether
    1.500 is a thousand and a half or one and a half.
    """
    if not 0 < len(text) <= _LONGEST:
        return None
    clean = " ".join(unicodedata.normalize("NFKC", text).translate(_MARKS).split())
    number = re.sub(r"[.,] ?[-–—]$", "", _without_currency(clean, currency))  # 12,– is twelve
    point = _point(number, digits(currency), mark)
    if point is None:
        return None
    whole, _, part = number.rpartition(point) if point else (number, "", "")
    grouped = re.fullmatch(r"\d{1,3}(?:([., '])\d{3})(?:\1\d{3})*|\d*", whole)
    if not grouped or not re.fullmatch(r"\d*", part) or not whole + part:
        return None
    kept, surplus = part[: digits(currency)], part[digits(currency) :]
    if surplus.strip("0"):
        return None
    return int(re.sub(r"\D", "", whole) + kept.ljust(digits(currency), "0"))


def _point(number: str, behind: int, mark: str | None) -> str | None:
    """Return which character stands before the parts of a unit, "" if none does, and None if that
    cannot be told."""
    marks = re.findall(r"[.,]", number)
    if len(marks) != 1:  # of two kinds the last parts the decimals, several of one part thousands
        return marks[-1] if len(set(marks)) == 2 else ""
    if not re.fullmatch(r"[1-9]\d{0,2}[.,]\d{3}", number):
        return str(marks[0])
    if behind == 0:
        return ""
    if mark is None or (mark == marks[0] and behind != 3):
        return None
    return mark if mark == marks[0] else ""


def _without_currency(text: str, currency: str) -> str:
    """Return what is left of an amount without the currency's names at its ends."""
    return _names_at_its_ends(currency).sub("", text)


@cache
def _names_at_its_ends(currency: str) -> re.Pattern[str]:
    names = "|".join(map(re.escape, _names(currency)))
    return re.compile(rf"^(?:{names})\.? ?|(?: ?(?:{names})\.?)$", re.IGNORECASE)


@cache
def _names(currency: str) -> tuple[str, ...]:
    """Return what a currency is called: its code, names and signs here and in its own country,
    the longest first."""
    found = {currency}
    for locale in ("en_GB", "es_ES", f"und_{currency[:2]}"):
        try:
            known = Locale.parse(locale)
        except (UnknownLocaleError, ValueError):
            continue
        names = [get_currency_name(currency, count, known) for count in (None, 1, 2)]
        for name in (get_currency_symbol(currency, known), *names):
            found.add(unicodedata.normalize("NFKC", name))
    return tuple(sorted(found, key=len, reverse=True))


def _decimal(amount: int, currency: str) -> Decimal:
    return Decimal(amount).scaleb(-digits(currency))
