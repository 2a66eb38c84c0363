"""Take one's data along, and leave for good.

Each context hands out and forgets what it keeps. Leaving asks all of them first, and forgets in
an order that can be gone through again: the account itself goes last.
"""

import csv
import io
import json
import tempfile
import zipfile
from collections.abc import AsyncIterator, Mapping
from typing import IO, Any

from bookstore import personal
from bookstore.accounts import repository
from bookstore.accounts.service import Accounts
from bookstore.contracts import Person, PersonalLink, SiblingUnavailable
from bookstore.data.queries import Queries
from bookstore.web.security import Event, note

# What every context hands out, by the name of its file.
ELSEWHERE = {
    "catalogue": ("books",),
    "orders": ("orders", "order_lines", "payments", "sales", "basket"),
}
TABLES = {
    "account": personal.Table(
        ("id", "name", "email", "language", "muted", "created_at", "confirmed_at"),
        "people WHERE id = :person_id",
    ),
    "sessions": personal.Table(
        ("user_agent", "address", "created_at", "seen_at", "expires_at"),
        "sessions WHERE person_id = :person_id",
        "created_at, token_hash",
    ),
}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

type Links = Mapping[str, PersonalLink]


class Unsettled(Exception):
    """Something has to be settled before the account can go: names of what."""

    def __init__(self, kinds: list[str]) -> None:
        super().__init__(", ".join(kinds))
        self.kinds = kinds


async def archive(accounts: Accounts, links: Links, person: Person) -> IO[bytes]:
    """Return a zip of everything that is kept of a person: each table as JSON and as CSV."""
    target = tempfile.SpooledTemporaryFile(max_size=2**20)  # noqa: SIM115 - the caller closes it
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as pack:
        for table in TABLES:
            rows = [row async for row in _own_rows(accounts, table, person.id)]
            _write(pack, table, rows)
        for context, tables in ELSEWHERE.items():
            for table in tables:
                link = _link(links, context)
                _write(pack, table, [row async for row in _rows(link, table, person.id)])
    target.seek(0)
    return target


async def delete(accounts: Accounts, links: Links, person: Person, password: str) -> None:
    """Delete an account; raise WrongPassword or TooManyTries, or Unsettled when something stands in
    the way."""
    await accounts.checks.current(person, password)
    contexts = [_link(links, context) for context in ELSEWHERE]
    kinds = [kind for link in contexts for kind in await link.unsettled(person.id)]
    if kinds:
        raise Unsettled(kinds)
    for link in contexts:
        await link.forget(person.id)

    async def work(queries: Queries) -> None:
        await repository.forget_person(queries, person.id, personal.FORGOTTEN, accounts.clock())
        await accounts.mail(
            queries, "account_deleted", person.id, address=person.email, name=person.name
        )

    await accounts.database.in_transaction(work)
    note(Event.ACCOUNT_DELETED, person=person.id)


async def _own_rows(
    accounts: Accounts, table: str, person_id: int
) -> AsyncIterator[dict[str, Any]]:
    for row in await personal.page(accounts.database, TABLES, table, person_id, 0):
        yield row


async def _rows(link: PersonalLink, table: str, person_id: int) -> AsyncIterator[dict[str, Any]]:
    offset = 0
    while rows := await link.page(table, person_id, offset):
        for row in rows:
            yield row
        offset += len(rows)


def _link(links: Links, context: str) -> PersonalLink:
    if context not in links:
        raise SiblingUnavailable(context)
    return links[context]


def _write(pack: zipfile.ZipFile, name: str, rows: list[dict[str, Any]]) -> None:
    pack.writestr(f"{name}.json", json.dumps(rows, ensure_ascii=False, indent=1))
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows({column: _inert(value) for column, value in row.items()} for row in rows)
    pack.writestr(f"{name}.csv", "\ufeff" + text.getvalue())


def _inert(value: Any) -> Any:
    """Return a value that no spreadsheet takes for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
