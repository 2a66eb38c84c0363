"""What a reader asks of the listing: text, facets, order and place. An address says it all, and
whatever in it makes no sense is left out."""

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from werkzeug.datastructures import MultiDict

from bookstore import money
from bookstore.catalogue import isbn, words
from bookstore.catalogue.domain import (
    CATEGORIES,
    GRADE_BY_CODE,
    LANGUAGES,
    MAX_AUTHOR,
)

PAGE = 24
MAX_TEXT = 200
_MAX_WORDS = 8
_MIN_PREFIX = 3
SORTS = ("relevance", "newest", "price-up", "price-down", "title")
# Words in so many titles that they tell nothing beside others.
_COMMON_WORDS = """
    a about an and are as at be by com das de der des die du el en et for from how i ich il in is
    it la las le les lo los of on or that the this to un una und une was what when where who will
    with y
"""
COMMON = frozenset(_COMMON_WORDS.split())


class Cursor(NamedTuple):
    """The last book of a page in the order at hand: what it is sorted by, and its id."""

    value: int | str
    id: int

    def address(self) -> str:
        """Return the cursor as an address has it."""
        return f"{self.value}.{self.id}"


class Search(NamedTuple):
    """One wish. Prices are in minor units of `currency`; an empty tuple of codes allows all."""

    text: str = ""
    conditions: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    price_min: int | None = None
    price_max: int | None = None
    seller: int | None = None
    author: str = ""
    sort: str = "newest"
    after: Cursor | None = None
    exact: bool = False  # the words as they stand, typing errors or not
    currency: str = "EUR"

    def address(self, **changes: Any) -> dict[str, Any]:
        """Return the query of the address that asks this, with the given fields changed."""
        wish = self._replace(**changes) if changes else self
        said = {
            "q": wish.text,
            "condition": list(wish.conditions),
            "language": list(wish.languages),
            "category": list(wish.categories),
            "min": _amount(wish.price_min, wish.currency),
            "max": _amount(wish.price_max, wish.currency),
            "seller": wish.seller,
            "author": wish.author,
            "sort": wish.sort if wish.sort != default_sort(wish.text) else None,
            "after": wish.after.address() if wish.after else None,
            "exact": "1" if wish.exact else None,
        }
        return {name: value for name, value in said.items() if value not in (None, "", [])}

    @property
    def filtered(self) -> int:
        """Count the choices that narrow the listing down; a range of prices is one."""
        priced = self.price_min is not None or self.price_max is not None
        return len(self.conditions) + len(self.languages) + len(self.categories) + priced


def default_sort(text: str) -> str:
    """Return the order without a choice: the best match for a text, else the newest."""
    return "relevance" if text else "newest"


def parse(
    arguments: MultiDict[str, str], currency: str = "EUR", *, mark: str | None = None
) -> Search:
    """Read the wish out of an address; what is malformed is as if it were not there. `mark` is the
    decimal mark of the reader's language."""
    said = (
        arguments.to_dict()
    )  # the first of each name; a MultiDict raises for one that is not there
    text = " ".join(said.get("q", "").split())[:MAX_TEXT]
    sort = said.get("sort", "")
    if sort not in SORTS or (sort == "relevance" and not text):
        sort = default_sort(text)
    low, high = (
        None if amount is None else min(amount, money.highest(currency))
        for name in ("min", "max")
        for amount in [money.parse(said.get(name, ""), currency, mark=mark)]
    )
    seller = said.get("seller", "")
    return Search(
        text=text,
        conditions=_known(arguments.getlist("condition"), GRADE_BY_CODE),
        languages=_known(arguments.getlist("language"), LANGUAGES),
        categories=_known(arguments.getlist("category"), CATEGORIES),
        price_min=low,
        price_max=high,
        seller=int(seller) if re.fullmatch(r"[0-9]{1,18}", seller) else None,
        author=" ".join(said.get("author", "").split())[:MAX_AUTHOR],
        sort=sort,
        after=_cursor(said.get("after", ""), sort),
        exact=bool(text) and said.get("exact") == "1",
        currency=currency,
    )


def _known(given: Iterable[str], codes: Iterable[str]) -> tuple[str, ...]:
    """Return the codes among the given values, in their usual order; a name does as well."""
    wanted = {value.strip().lower().replace(" ", "-").replace("_", "-") for value in given}
    return tuple(code for code in codes if code in wanted)


def _amount(amount: int | None, currency: str) -> str | None:
    """Write an amount so that it is the same one to readers of every language."""
    if amount is None:
        return None
    whole, _, part = money.plain(amount, currency).partition(".")
    if not part.strip("0"):
        return whole
    return f"{whole}.{part}0" if len(part) == 3 else f"{whole}.{part}"  # 1.500 may be thousands


def _cursor(text: str, sort: str) -> Cursor | None:
    value, dot, number = text.rpartition(".")
    if not dot or not re.fullmatch(r"[0-9]{1,18}", number):
        return None
    if sort == "title":
        return Cursor(value[: words.KEY_LENGTH], int(number))
    if not re.fullmatch(r"[0-9]{1,18}", value):
        return None
    return Cursor(int(value), int(number))


class Terms(NamedTuple):
    """How a text is looked up. `full` are words that must all occur, the last one perhaps only
    begun; `beginning` is what titles may begin with; `isbn13` is looked up as such. `phrases` are
    titles that would be part of the text, the rest being the author's name."""

    kind: Literal["nothing", "isbn", "words", "beginning", "either"]
    full: tuple[str, ...] = ()
    prefix: str | None = None
    beginning: str = ""
    isbn13: str | None = None
    phrases: tuple[str, ...] = ()


@lru_cache(maxsize=256)
def terms(text: str) -> Terms:
    """Decide how to look a text up.

    Common words are left out beside others. A text of common or very short words alone is looked
    up as the beginning of a title, and a short word that is not common also as a whole word: "It"
    finds It, "Yu" finds Charles Yu.
    """
    found = isbn.isbn13_of(text)
    if found:
        return Terms("isbn", isbn13=found)
    if re.fullmatch(r"97[89][0-9 -]+", text):  # an ISBN that is not all there yet
        text = re.sub("[ -]", "", text)
    split = words.split(text)[:_MAX_WORDS]
    if not split:
        return Terms("nothing")
    key = words.title_key(text)
    *earlier, last = split
    telling = [word for word in earlier if word not in COMMON]
    phrases = _phrases(text, key)
    if words.is_pair(last):
        return Terms("words", (*telling, last), None, key, phrases=phrases)
    if len(last) >= _MIN_PREFIX and last not in COMMON:
        return Terms("words", tuple(telling), last, key, phrases=phrases)
    if telling:
        begun = len(last) > 1 and not any(word.startswith(last) for word in COMMON)
        return Terms("words", tuple(telling), last if begun else None, key, phrases=phrases)
    if last in COMMON or len(last) == 1:
        return Terms("beginning", beginning=key)
    return Terms("either", (last,), beginning=key)


def _phrases(text: str, key: str) -> tuple[str, ...]:
    """Return the parts of a text that may be a whole title."""
    split = text.split()[:_MAX_WORDS]
    parts = {
        words.title_key(" ".join(split[begin:end]))
        for begin in range(len(split))
        for end in range(begin + 1, len(split) + 1)
    }
    return tuple(sorted(parts - {key, ""}))
