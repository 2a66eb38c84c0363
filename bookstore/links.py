"""How one context reaches another. In one process it is a direct call."""

from collections.abc import Sequence

from bookstore.accounts import api as accounts_api
from bookstore.accounts.service import Accounts
from bookstore.catalogue import api as catalogue_api
from bookstore.catalogue.service import Catalogue
from bookstore.contracts import HoldLine, Person, Quote


class DirectSessions:
    """Ask accounts in this process."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    async def person_of(self, token: str, *, fresh: bool) -> Person | None:
        return await accounts_api.person_of(self._accounts, token)


class DirectCatalogue:
    """Ask the catalogue in this process."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def quotes(self, book_ids: Sequence[int]) -> dict[int, Quote]:
        return await catalogue_api.quotes(self._catalogue, book_ids)

    async def hold(self, reference: str, lines: Sequence[HoldLine], expires_at: int) -> None:
        await catalogue_api.hold(self._catalogue, reference, lines, expires_at)

    async def confirm(self, reference: str) -> bool:
        return await catalogue_api.confirm(self._catalogue, reference)

    async def release(self, reference: str) -> None:
        await catalogue_api.release(self._catalogue, reference)
