"""`bookstore people reset EMAIL`: a link for somebody who cannot get back in."""

import argparse
import asyncio
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bookstore.settings import Settings


def add_command(
    commands: "argparse._SubParsersAction[Any]", command: Callable[[argparse.Namespace], int]
) -> None:
    """Add the command to the parser of the command line."""
    parser = commands.add_parser("people", help="help somebody back into their account")
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    reset = actions.add_parser(
        "reset", help="print a link with which somebody sets a new password, once, for 30 minutes"
    )
    reset.add_argument("email", metavar="EMAIL", help="the address of their account")
    reset.set_defaults(command=command)


def run(options: argparse.Namespace) -> int:
    """Print the link; return 2 with a sentence when there is no such account."""
    from bookstore.settings import load_settings

    settings = load_settings()
    if "accounts" not in settings.contexts:
        print("bookstore people: run this where accounts is served.", file=sys.stderr)
        return 2
    link = asyncio.run(_link(settings, options.email))
    if link is None:
        print(f"bookstore people: nobody has an account as {options.email}.", file=sys.stderr)
        return 2
    print(link)
    return 0


async def _link(settings: "Settings", email: str) -> str | None:
    from bookstore.accounts import recovery
    from bookstore.accounts.service import Accounts
    from bookstore.clock import now
    from bookstore.data.database import Database
    from bookstore.web import urls

    database = Database(settings.database_url_of("accounts"))
    await database.connect()
    try:
        accounts = Accounts(database, now)
        person = await accounts.find(email)
        if person is None:
            return None
        token = await recovery.reset_link(accounts, person.id)
        return settings.mail_origin + urls.account_link(token)
    finally:
        await database.disconnect()
