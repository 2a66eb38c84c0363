"""The pages of accounts."""

from bookstore.accounts.routes import access, account, leaving, passkeys, recovery, second_step
from bookstore.accounts.routes.common import blueprint

__all__ = ["access", "account", "blueprint", "leaving", "passkeys", "recovery", "second_step"]
