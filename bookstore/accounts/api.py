"""What sibling contexts may call."""

from bookstore.accounts.service import Accounts
from bookstore.contracts import Person


async def person_of(accounts: Accounts, token: str) -> Person | None:
    """Return who holds a session token."""
    return await accounts.person_of(token)
