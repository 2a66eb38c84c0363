"""What sibling contexts may call."""

from collections.abc import Sequence

from bookstore.accounts.service import Accounts
from bookstore.contracts import Contact, Person


async def person_of(accounts: Accounts, token: str) -> Person | None:
    """Return who holds a session token."""
    return await accounts.person_of(token)


async def contacts(accounts: Accounts, person_ids: Sequence[int]) -> dict[int, Contact]:
    """Return how to reach those of the people who exist."""
    return await accounts.contacts(person_ids)


async def undeliverable(accounts: Accounts, person_id: int, email: str) -> None:
    """Note that an address takes no mail, if it still is the person's."""
    await accounts.undeliverable(person_id, email)
