"""Prices, quantities, years and weights in the forms that people write. Everything is bounded
before it is computed."""

import re
from functools import lru_cache

from bookstore import money
from bookstore.catalogue.domain import MAX_COPIES, YEARS
from bookstore.catalogue.importing.texts import ascii_digits
from bookstore.web import i18n
from bookstore.web.i18n import gettext as _

LONGEST = 60


class Wrong(ValueError):
    """A value that cannot be read, or in two ways; the text says why."""


_SIGNS = re.compile(
    r"[$£¥₹₽₩₺€]|zł|(?<![a-z])(?:kr|rs|us|fr|sfr|lei|kč|ft|dollars?|pounds?|yen|pesos?|kronor)"
    r"(?![a-z])\.?",
)


@lru_cache(maxsize=20_000)
def price(text: str, currency: str) -> int:
    """Return an amount in minor units; raise Wrong."""
    shown = text[:40]
    if len(text) > LONGEST:
        raise _no_amount(shown, currency)
    plain = ascii_digits(text).strip().lower()
    if re.fullmatch(r"\(.*\d.*\)|\D{0,4}-\D{0,4}\d.*|.*\d ?-", plain):
        raise Wrong(_("%(value)r is negative", value=shown))
    number = re.search(r"\d[\d.,' ]*\d|\d", plain)
    if (
        number
        and money.digits(currency) != 3
        and re.fullmatch(r"\d+[.,]\d{3}", number[0])
        and not re.search(r"[a-z\d]\d*e\d", plain)
    ):
        whole, rest = re.split("[.,]", number[0])
        raise _doubtful(shown, f"{whole}.{rest}", whole + rest)
    minor = money.parse(text, currency)
    if minor is None:
        beside = plain.replace(number[0], " ") if number else ""
        codes = {word.upper() for word in re.findall(r"(?<![a-z])[a-z]{3}(?![a-z])", beside)}
        if number and (codes & money.currencies() or _SIGNS.search(beside)):
            raise Wrong(
                _("%(value)r is in another currency than %(currency)s",
                  value=shown, currency=currency)
            )  # fmt: skip
        raise _no_amount(shown, currency)
    if minor <= 0:
        raise Wrong(_("%(value)r is not more than 0", value=shown))
    if minor > money.highest(currency):
        raise _too_much(shown, money.plain(money.highest(currency), currency))
    return minor


def _no_amount(shown: str, currency: str) -> Wrong:
    example = money.example(currency, i18n.locale())
    return Wrong(_("%(value)r is no amount such as %(example)s", value=shown, example=example))


def _doubtful(shown: str, one: str, other: str) -> Wrong:
    return Wrong(
        _("%(value)r can be read in two ways, %(one)s or %(other)s",
          value=shown, one=one, other=other)
    )  # fmt: skip


def _too_much(shown: str, most: str) -> Wrong:
    return Wrong(_("%(value)r is more than %(most)s", value=shown, most=most))


@lru_cache(maxsize=5_000)
def copies(text: str) -> int:
    """Return how many copies a text means; raise Wrong."""
    shown = text[:40]
    plain = ascii_digits(text).strip().lower()
    match = re.fullmatch(
        r"([+-]?)\s?(\d{1,30})(?:([.,])(\d{1,30}))?\s*"
        r"(?:copies|copy|ejemplar(?:es)?|unidad(?:es)?|uds?\.?|pcs?\.?|in stock|x)?",
        plain,
    )
    if len(plain) > LONGEST or not match:
        raise Wrong(_("%(value)r is no whole number", value=shown))
    sign, whole, point, rest = match.groups()
    if sign == "-" and (whole.strip("0") or (rest or "").strip("0")):
        raise Wrong(_("%(value)r is negative", value=shown))
    if point and len(rest) == 3 and len(whole) <= 3:
        raise _doubtful(shown, whole, whole + rest)
    if point and rest.strip("0"):
        raise Wrong(_("%(value)r is no whole number", value=shown))
    if len(whole.lstrip("0")) > 4 or int(whole) > MAX_COPIES:
        raise _too_much(shown, i18n.number(MAX_COPIES))
    return int(whole)


_NO_YEAR = {"nd", "sf", "sd", "sa", "sine dato", "unknown", "desconocido", "undated", "na", "none",
            "no date", "sin fecha"}  # fmt: skip
_ROMAN = re.compile(r"m{0,3}(cm|cd|d?c{0,3})(xc|xl|l?x{0,3})(ix|iv|v?i{0,3})")
_ROMAN_VALUES = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}
_BC = re.compile(r"(\d{1,4})\s*(?:b\.?\s?c\.?(?:\s?e\.?)?|a\.?\s?c\.?|a\.?\s?de\s?c\.?)")


@lru_cache(maxsize=20_000)
def year(text: str) -> int | None:
    """Return the year that a text means, None where it says that there is none; raise Wrong."""
    plain = ascii_digits(text).strip().lower()[: LONGEST + 1]
    if re.sub(r"[^a-z ]", "", plain) in _NO_YEAR and not re.search(r"\d", plain):
        return None
    found = _year(plain) if len(plain) <= LONGEST else None
    if found is None or found == 0 or not YEARS[0] <= found <= YEARS[1]:
        raise Wrong(_("%(value)r is no year", value=text[:40]))
    return found


def _year(plain: str) -> int | None:
    plain = plain.strip("[](){}. ,;:?")
    if match := re.fullmatch(r"(-?)(\d{1,4})(?:[.,]0{1,2})?", plain):
        return int(match[1] + match[2])
    if re.fullmatch(r"\d[.,]\d{3}", plain):
        return int(plain[0] + plain[2:])
    if match := _BC.fullmatch(plain):
        return -int(match[1])
    if plain and _ROMAN.fullmatch(plain) and len(plain) >= 3:
        values = [_ROMAN_VALUES[char] for char in plain]
        return sum(-value if value < max(values[place:]) else value
                   for place, value in enumerate(values))  # fmt: skip
    if re.search(r"\d{4}s|\d[.,]\d|\de\d|\d{5}", plain):
        return None
    years = re.findall(r"(?<!\d)\d{4}(?!\d)", plain)
    if not years:
        return None
    if len(set(years)) > 1 and not re.match(r"\D*\d{4}\s*[-/]\s*\d{4}", plain):
        return None
    return int(years[0])


_GRAMS = {
    "g": 1, "gr": 1, "gm": 1, "gram": 1, "grams": 1, "gramos": 1,
    "kg": 1000, "kgs": 1000, "kilos": 1000, "kilogram": 1000, "kilograms": 1000, "kilogramos": 1000,
    "lb": 453.592, "lbs": 453.592, "pound": 453.592, "pounds": 453.592, "libras": 453.592,
    "oz": 28.3495, "ounce": 28.3495, "ounces": 28.3495, "onzas": 28.3495,
}  # fmt: skip


def weight(text: str, unit: str) -> int:
    """Return grams; `unit` is what a bare number counts. Raise Wrong."""
    match = re.fullmatch(r"(\d{1,6})(?:[.,](\d{1,6}))?\s*([a-z]*)\.?", ascii_digits(text).lower())
    factor = _GRAMS.get((match[3] if match else "") or unit)
    if not match or factor is None:
        raise Wrong(_("%(value)r is no weight", value=text[:40]))
    grams = round(float(f"{match[1]}.{match[2] or 0}") * factor)
    if not 0 < grams <= 50_000:
        raise Wrong(_("%(value)r is no weight of a book", value=text[:40]))
    return grams
