"""The conditions that marketplaces and people name, as the trade's grades. What lies between two
becomes the lower one, so that no buyer gets less than was promised."""

import re
from collections.abc import Mapping
from functools import lru_cache

from bookstore.catalogue.domain import GRADES
from bookstore.catalogue.importing.columns import key
from bookstore.catalogue.importing.errors import ImportRefused

_WORDS = {
    "new": "new, brand new, nuevo, nueva, nuevo a estrenar, a estrenar, neu, brandneu, neuf, nuovo,"
    " novo, new with tags, 11, 1000",
    "as-new": "as new, like new, mint, mint condition, near mint, como nuevo, como nueva,"
    " seminuevo, wie neu, neuwertig, comme neuf, come nuovo, como novo, unread, collectible like"
    " new, 1, 5, 2750, nm, m, an, ln",
    "fine": "fine, excelente, f, fn, excelente estado",
    "very-good": "very good, near fine, nf, vg, muy bueno, muy buena, muy buen estado, excellent,"
    " excellent condition, muy bien, sehr gut, tres bon, tres bon etat, molto buono, ottime"
    " condizioni, ottimo, muito bom, collectible very good, very good condition, 2, 6, 4000",
    "good": "good, bueno, buena, buen estado, bien, good condition, gut, guter zustand, bon, bon"
    " etat, buono, buone condizioni, bom, g, gd, collectible good, 3, 7, 5000",
    "fair": "fair, acceptable, aceptable, regular, akzeptabel, befriedigend, in ordnung, etat"
    " correct, correct, etat acceptable, assez bon, accettabile, condizioni accettabili, aceitavel,"
    " collectible acceptable, fr, 4, 8, 6000",
    "poor": "poor, deficiente, malo, mal estado, mala, schlecht, mauvais, mauvais etat, reading"
    " copy, working copy, binding copy, ejemplar de lectura, p, leseexemplar",
}
_ORDER = [grade.code for grade in GRADES]
_GRADE_OF = {
    key(word): code for code, words in _WORDS.items() for word in (*words.split(","), code)
}
_FIRST = re.compile(r"(used|usado|usada|second ?hand|gebraucht|d'?occasion|occasion|usato)\b\W*")


@lru_cache(maxsize=5_000)
def grade(text: str) -> str | None:
    """Return the grade's code, or None for words that name no grade."""
    plain = text.casefold().strip().replace("_", " ")
    plain = re.sub(r"^used(?=[a-z]{4})", "used ", plain)
    plain = _FIRST.sub("", plain)
    plain = plain.split("/")[0].split(" in ")[0].strip(" .,;:()*!")
    signs = ""
    while plain and plain[-1] in "+-−–":
        signs, plain = signs + plain[-1], plain[:-1].rstrip()
    found = _GRADE_OF.get(key(plain))
    if found is None:
        parts = [_GRADE_OF.get(key(part))
                 for part in re.split(r"\s+(?:to|a|bis|or|o)\s+|\s*[-–]\s*|/", plain)]  # fmt: skip
        known = [part for part in parts if part is not None]
        if len(known) < 2 or len(known) < len(parts):
            return None
        found = max(known, key=_ORDER.index)
    if signs[:1] in {"-", "−", "–"} and not plain.isdigit():
        found = _ORDER[min(_ORDER.index(found) + 1, len(_ORDER) - 1)]
    return found


def own_table(entries: Mapping[str, str]) -> dict[str, str]:
    """Return a seller's own words for conditions, theirs -> our code; raise ImportRefused."""
    table = {}
    for theirs, ours in entries.items():
        code = grade(ours)
        if code is None:
            names = ", ".join(one.name for one in GRADES)
            raise ImportRefused(f"There is no condition {ours[:40]!r}. Name one of {names}.")
        table[key(theirs)] = code
    return table
