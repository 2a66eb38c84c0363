"""How one context reaches another: a direct call in one process, signed HTTP between services."""

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bookstore.accounts import api as accounts_api
from bookstore.accounts.service import Accounts
from bookstore.catalogue import api as catalogue_api
from bookstore.catalogue.service import Catalogue
from bookstore.contracts import (
    Contact,
    HoldLine,
    HoldRefused,
    Person,
    Quote,
)

if TYPE_CHECKING:
    from bookstore.siblings import Sibling

SESSION_CACHE = 5.0  # seconds, for reading alone
_CACHED_SESSIONS = 10_000


class DirectSessions:
    """Ask accounts in this process."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def person_of(self, token: str, *, fresh: bool) -> Person | None:
        """Return whose a session is; it is looked up each time, fresh or not."""
        return await accounts_api.person_of(self._accounts, token)


class DirectContacts:
    """Ask accounts in this process how to reach people."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def contacts(self, person_ids: Sequence[int]) -> dict[int, Contact]:
        """Return how to reach these people by id; unknown ones are left out."""
        return await accounts_api.contacts(self._accounts, person_ids)

    async def undeliverable(self, person_id: int, email: str) -> None:
        """Note that mail to a person's address came back."""
        await accounts_api.undeliverable(self._accounts, person_id, email)


class DirectCatalogue:
    """Ask the catalogue in this process."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def quotes(self, book_ids: Sequence[int]) -> dict[int, Quote]:
        """Return today's terms by book; unknown books are left out."""
        return await catalogue_api.quotes(self._catalogue, book_ids)

    async def hold(
        self,
        reference: str,
        lines: Sequence[HoldLine],
        expires_at: int,
        *,
        terms: Mapping[int, str] | None = None,
    ) -> None:
        """Hold copies until then, all or none; raise HoldRefused with what is left."""
        await catalogue_api.hold(self._catalogue, reference, lines, expires_at, terms=terms)

    async def confirm(self, reference: str) -> bool:
        """Return whether the held copies are sold, which may be asked again."""
        return await catalogue_api.confirm(self._catalogue, reference)

    async def release(self, reference: str) -> None:
        """Put held copies back on sale, which may be said again."""
        await catalogue_api.release(self._catalogue, reference)

    async def release_books(self, reference: str, book_ids: Sequence[int]) -> None:
        """Put the copies of these books back on sale."""
        await catalogue_api.release_books(self._catalogue, reference, book_ids)


class HttpSessions:
    """Ask accounts over HTTP. Reads may be answered from a cache for five seconds."""

    def __init__(self, sibling: "Sibling") -> None:
        self._sibling = sibling
        self._cache: dict[str, tuple[float, Person | None]] = {}

    async def person_of(self, token: str, *, fresh: bool) -> Person | None:
        """Return whose a session is; unless `fresh`, as known up to 5 seconds ago."""
        now = time.monotonic()
        if not fresh:
            asked, person = self._cache.get(token, (-SESSION_CACHE, None))
            if now - asked < SESSION_CACHE:
                return person
        answer = await self._sibling.call("/internal/accounts/person_of", token=token)
        person = Person(*answer) if answer is not None else None
        if len(self._cache) >= _CACHED_SESSIONS:
            self._cache.clear()
        self._cache[token] = (now, person)
        return person


class HttpContacts:
    """Ask accounts over HTTP how to reach people."""

    def __init__(self, sibling: "Sibling") -> None:
        self._sibling = sibling

    async def contacts(self, person_ids: Sequence[int]) -> dict[int, Contact]:
        """Return how to reach these people by id; unknown ones are left out."""
        answer = await self._sibling.call(
            "/internal/accounts/contacts", person_ids=list(person_ids)
        )
        found = (Contact(*row) for row in answer)
        return {contact.id: contact._replace(muted=tuple(contact.muted)) for contact in found}

    async def undeliverable(self, person_id: int, email: str) -> None:
        """Note that mail to a person's address came back."""
        await self._sibling.call(
            "/internal/accounts/undeliverable", person_id=person_id, email=email
        )


class HttpPersonal:
    """Ask a sibling over HTTP what it keeps of one person, and have it forget them."""

    def __init__(self, sibling: "Sibling", context: str) -> None:
        self._sibling = sibling
        self._path = f"/internal/{context}/personal"

    async def page(self, table: str, person_id: int, offset: int) -> list[dict[str, Any]]:
        """Return a page of a person's rows in a table of that context."""
        rows: list[dict[str, Any]] = await self._sibling.call(
            f"{self._path}/page", table=table, person_id=person_id, offset=offset
        )
        return rows

    async def unsettled(self, person_id: int) -> list[str]:
        """Return what there keeps a person from leaving, empty if nothing."""
        kinds: list[str] = await self._sibling.call(f"{self._path}/unsettled", person_id=person_id)
        return kinds

    async def forget(self, person_id: int) -> None:
        """Delete there what is a person's alone, and take the name off what stays."""
        await self._sibling.call(f"{self._path}/forget", person_id=person_id)


class HttpCatalogue:
    """Ask the catalogue over HTTP."""

    def __init__(self, sibling: "Sibling") -> None:
        self._sibling = sibling

    async def quotes(self, book_ids: Sequence[int]) -> dict[int, Quote]:
        """Return today's terms by book; unknown books are left out."""
        if not book_ids:
            return {}
        answer = await self._sibling.call("/internal/catalogue/quotes", book_ids=list(book_ids))
        return {
            quote.book_id: quote for quote in (Quote(*row[: len(Quote._fields)]) for row in answer)
        }

    async def hold(
        self,
        reference: str,
        lines: Sequence[HoldLine],
        expires_at: int,
        *,
        terms: Mapping[int, str] | None = None,
    ) -> None:
        """Hold copies until then, all or none; raise HoldRefused with what is left."""
        answer = await self._sibling.call(
            "/internal/catalogue/hold",
            reference=reference,
            lines=[list(line) for line in lines],
            expires_at=expires_at,
            terms=list((terms or {}).items()),
        )
        if answer["left"] is not None:
            raise HoldRefused({int(book): int(left) for book, left in answer["left"]})

    async def confirm(self, reference: str) -> bool:
        """Return whether the held copies are sold, which may be asked again."""
        return bool(await self._sibling.call("/internal/catalogue/confirm", reference=reference))

    async def release(self, reference: str) -> None:
        """Put held copies back on sale, which may be said again."""
        await self._sibling.call("/internal/catalogue/release", reference=reference)

    async def release_books(self, reference: str, book_ids: Sequence[int]) -> None:
        """Put the copies of these books back on sale."""
        await self._sibling.call(
            "/internal/catalogue/release_books", reference=reference, book_ids=list(book_ids)
        )
