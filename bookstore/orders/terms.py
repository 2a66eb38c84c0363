"""What a buyer saw and agreed to, and what has changed since. Pure."""

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from bookstore.carriers import CARRIERS
from bookstore.contracts import Quote
from bookstore.orders.domain import Review

# What is seen of a book, in the order in which changes are told. A description is too long to be
# sent along and back; its digest tells that it changed.
FIELDS = ("price", "condition", "ex_library", "defects", "title", "author", "year", "language",
          "isbn13", "cover", "description")  # fmt: skip


class Change(NamedTuple):
    """Something that is not as the buyer saw it: a field of a book, its `quantity`, a book that was
    `added` or is `gone`, or a carrier's `postage`. `name` is the book's title or the carrier's."""

    what: str
    name: str
    before: Any = None
    after: Any = None


def seen(review: Review) -> dict[str, Any]:
    """Return what a page with this review shows, for the form to carry."""
    return {
        "books": {
            str(line.book_id): [line.quantity, *_terms(line.quote)]
            for line in review.lines
            if line.quote is not None
        },
        "postage": {code: review.shipping(carrier) for code, carrier in CARRIERS.items()},
        "currency": review.currency,
    }


def changes(before: Mapping[str, Any], review: Review) -> list[Change]:
    """Return what is not as it was seen; nothing when the buyer has agreed to just this."""
    after = seen(review)
    found: list[Change] = []
    for book_id in before["books"] | after["books"]:
        old, new = before["books"].get(book_id), after["books"].get(book_id)
        title = str((old or new)[1 + FIELDS.index("title")])
        if old is None or new is None:
            found.append(Change("added" if old is None else "gone", title))
            continue
        for what, was, now in zip(("quantity", *FIELDS), old, new, strict=True):
            if was != now:
                found.append(Change(what, title, was, now))
    if before["books"] == after["books"]:  # otherwise it follows from the books
        found.extend(
            Change("postage", CARRIERS[code].name, before["postage"].get(code), amount)
            for code, amount in after["postage"].items()
            if before["postage"].get(code) != amount
        )
    if before["currency"] != after["currency"]:
        found.append(Change("currency", "", before["currency"], after["currency"]))
    return found


def _terms(quote: Quote) -> list[Any]:
    digest = hashlib.sha256(quote.description.encode()).hexdigest()[:16]
    known = {**quote._asdict(), "description": digest}
    return [known[name] for name in FIELDS]
