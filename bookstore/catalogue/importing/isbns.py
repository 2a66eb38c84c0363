"""The ISBN among what a row gives for one."""

import re
from collections.abc import Sequence
from functools import lru_cache

from bookstore.catalogue import isbn
from bookstore.catalogue.importing.texts import ascii_digits

_RUN = re.compile(r"(?<![\dX])(?:97[89][- ]?)?(?:\d[- ]?){9}[\dX](?![\dX])", re.IGNORECASE)

_ROUNDED = re.compile(r"\d+[.,]\d*(?:e[+-]?\d+)?|\d+e[+-]?\d+", re.IGNORECASE)


def first(given: Sequence[str]) -> tuple[str | None, bool, bool]:
    """Return the first valid ISBN, whether it was completed with lost zeros, and whether another
    one of the row says something else."""
    found: list[tuple[str, bool]] = []
    for text in given:
        one, completed = _of(text)
        if one is not None:
            found.append((one, completed))
    if not found:
        return None, False, False
    exact = [one for one, completed in found if not completed]
    best = exact[0] if exact else found[0][0]
    return best, not exact, any(one != best for one, _ in found)


@lru_cache(maxsize=2_000)
def _of(text: str) -> tuple[str | None, bool]:
    plain = ascii_digits(text).strip().removesuffix(".0")
    if len(plain) > 500 or _ROUNDED.fullmatch(plain):
        return None, False
    found = isbn.isbn13_of(plain)
    if found:
        return found, len(re.findall(r"[\dXx]", plain)) < 10
    for part in (*re.split(r"[;,|/]", plain), *_RUN.findall(plain)):
        found = isbn.isbn13_of(part)
        if found and len(re.findall(r"[\dXx]", part)) >= 10:
            return found, False
    if re.fullmatch(r"\d{6,8}[\dXx]", plain):
        return isbn.repaired(plain), True
    return None, False
