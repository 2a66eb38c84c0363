"""One-time links: what each is for, and how long it works. Most reach people by mail.

The database keeps a link's hash, never the link. A link is taken by one statement, so that of two
presses at once one counts.
"""

import secrets
from enum import StrEnum
from typing import NamedTuple

from bookstore.clock import DAY, MINUTE
from bookstore.data.database import Database
from bookstore.data.housekeeping import delete_older
from bookstore.data.queries import Queries
from bookstore.web.sessions import token_hash

type Source = Database | Queries


class Purpose(StrEnum):
    """What a link lets its holder do."""

    CONFIRM = "confirm"
    RESET = "reset"
    CHANGE_OLD = "change_old"
    CHANGE_NEW = "change_new"
    SECOND_STEP = "second_step"  # of a sign-in that is under way; not sent to anybody


LIFETIMES = {
    Purpose.CONFIRM: 2 * DAY,
    Purpose.RESET: 30 * MINUTE,
    Purpose.CHANGE_OLD: 2 * DAY,
    Purpose.CHANGE_NEW: 2 * DAY,
    Purpose.SECOND_STEP: 5 * MINUTE,
}


class Link(NamedTuple):
    """A link that somebody was sent. The two of a change to a new `address` share a `pair`."""

    id: int
    person_id: int
    purpose: Purpose
    address: str | None
    pair: str | None
    expires_at: int
    used_at: int | None

    def works(self, now: int) -> bool:
        """Tell whether it can still be used."""
        return self.used_at is None and self.expires_at > now


async def add(
    source: Source,
    person_id: int,
    purpose: Purpose,
    now: int,
    *,
    address: str | None = None,
    pair: str | None = None,
) -> str:
    """Make a link and return its token; earlier ones of its purpose stop working."""
    await source.execute(
        "UPDATE one_time_links SET expires_at = :now WHERE person_id = :person_id"
        " AND purpose = :purpose AND used_at IS NULL AND expires_at > :now",
        {"person_id": person_id, "purpose": purpose.value, "now": now},
    )
    token = secrets.token_urlsafe(32)
    await source.execute(
        "INSERT INTO one_time_links"
        " (token_hash, person_id, purpose, address, pair, created_at, expires_at)"
        " VALUES (:hash, :person_id, :purpose, :address, :pair, :now, :expires_at)",
        {
            "hash": token_hash(token),
            "person_id": person_id,
            "purpose": purpose.value,
            "address": address,
            "pair": pair,
            "now": now,
            "expires_at": now + LIFETIMES[purpose],
        },
    )
    return token


async def find(source: Source, token: str) -> Link | None:
    """Return the link with a token, used or not."""
    row = await source.one(
        Link,
        f"SELECT {', '.join(Link._fields)} FROM one_time_links WHERE token_hash = :hash",
        {"hash": token_hash(token)},
    )
    return row._replace(purpose=Purpose(row.purpose)) if row else None


async def take(source: Source, link: Link, now: int) -> bool:
    """Use a link; False when it was used or has expired meanwhile."""
    return bool(
        await source.execute(
            "UPDATE one_time_links SET used_at = :now"
            " WHERE id = :id AND used_at IS NULL AND expires_at > :now",
            {"id": link.id, "now": now},
        )
    )


async def lock_pair(queries: Queries, link: Link) -> None:
    """Keep both links of a change of address to this transaction until it ends."""
    await queries.all(
        _Id,
        "SELECT id FROM one_time_links WHERE person_id = :person_id AND pair = :pair"
        f" ORDER BY id{queries.for_update}",
        {"person_id": link.person_id, "pair": link.pair},
    )


async def other_end_agreed(source: Source, link: Link) -> bool:
    """Tell whether the other of the two links of a change of address was used."""
    return bool(
        await source.value(
            "SELECT 1 FROM one_time_links WHERE person_id = :person_id AND id <> :id"
            " AND pair = :pair AND used_at IS NOT NULL",
            {"person_id": link.person_id, "id": link.id, "pair": link.pair},
        )
    )


async def forget_old(database: Database, before: int) -> None:
    """Delete links that expired before a moment."""
    await delete_older(database, "one_time_links", "expires_at", before)


class _Id(NamedTuple):
    id: int
