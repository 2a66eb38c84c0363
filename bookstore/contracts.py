"""What the contexts say to each other: the types that cross, and the calls each may rely on.
A link is a direct call in one process and HTTP between services."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol


class Person(NamedTuple):
    """Somebody who has signed in."""

    id: int
    name: str
    email: str


class Contact(NamedTuple):
    """Where mail reaches a person, and what they want of it. A `muted` topic is not sent; an
    address that is not `deliverable` came back."""

    id: int
    name: str
    email: str
    language: str
    confirmed: bool
    deliverable: bool
    muted: tuple[str, ...]


class Quote(NamedTuple):
    """A book as it can be bought right now. `price` is in minor units of `currency`; `stock` is
    what is left to sell; a withdrawn book is not `listed`."""

    book_id: int
    title: str
    author: str
    condition: str
    price: int
    currency: str
    seller_id: int
    seller_name: str
    cover: str | None
    stock: int
    listed: bool
    ex_library: bool = False
    defects: str = ""
    description: str = ""
    isbn13: str | None = None
    year: int | None = None
    language: str | None = None

    @property
    def terms(self) -> str:
        """Return what changes with anything that a buyer sees of the book and agrees to. How many
        copies are left, and what the seller is called, is none of it."""
        seen = self._replace(stock=0, listed=True, seller_name="")
        return hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:32]


class HoldLine(NamedTuple):
    """Copies of one book to set aside."""

    book_id: int
    quantity: int


class HoldRefused(Exception):
    """Some book has fewer copies left than asked for, or, with no book named, the reference was
    released before or a book is not on the terms that were agreed on; nothing was held."""

    def __init__(self, left: Mapping[int, int]) -> None:
        super().__init__(f"not enough copies left: {dict(left)}")
        self.left = dict(left)  # book id -> copies left, only the books that fell short


class SiblingUnavailable(Exception):
    """A sibling context does not answer. Nothing is known of what became of the call."""

    def __init__(self, sibling: str) -> None:
        super().__init__(f"{sibling} does not answer")
        self.sibling = sibling


class SessionLink(Protocol):
    """What accounts does for the others."""

    async def person_of(self, token: str, *, fresh: bool) -> Person | None:
        """Return who holds the session; `fresh` forbids an answer from a cache."""
        ...


class ContactLink(Protocol):
    """What accounts tells those who write to people."""

    async def contacts(self, person_ids: Sequence[int]) -> dict[int, Contact]:
        """Return how to reach those of the people who exist."""
        ...

    async def undeliverable(self, person_id: int, email: str) -> None:
        """Note that an address takes no mail, if it still is the person's."""
        ...


class PersonalLink(Protocol):
    """What each context does with what it keeps of one person. All of it may be repeated."""

    async def page(self, table: str, person_id: int, offset: int) -> list[dict[str, Any]]:
        """Return a page of a table's rows about a person; an empty one is behind the last."""
        ...

    async def unsettled(self, person_id: int) -> list[str]:
        """Return what the person must settle before they can be forgotten, by names of ours."""
        ...

    async def forget(self, person_id: int) -> None:
        """Delete what is only theirs, and take their name off the rest."""
        ...


class CatalogueLink(Protocol):
    """What the catalogue does for orders. Every call may be repeated: `reference` names a hold,
    and doing the same to it twice changes nothing more."""

    async def quotes(self, book_ids: Sequence[int]) -> dict[int, Quote]:
        """Return today's terms of those of the books that exist."""
        ...

    async def hold(
        self,
        reference: str,
        lines: Sequence[HoldLine],
        expires_at: int,
        *,
        terms: Mapping[int, str] | None = None,
    ) -> None:
        """Set copies aside until `expires_at` (milliseconds), all or none; raise HoldRefused. A
        call that arrives after `release` of its reference is refused, and so is one for a book
        whose `terms` (Quote.terms by book id) are not today's."""
        ...

    async def confirm(self, reference: str) -> bool:
        """Sell what is held. False when the hold ran out or was released, so nothing is sold."""
        ...

    async def release(self, reference: str) -> None:
        """Put copies back on sale, held or sold."""
        ...

    async def release_books(self, reference: str, book_ids: Sequence[int]) -> None:
        """Put the copies of some of a reference's books back on sale; the others stay its own."""
        ...
