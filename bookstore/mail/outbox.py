"""The outbox of a context: mails are written in the transaction that causes them, and sent later
by whichever replica comes first.

A row waits while `due_at` is set. Whoever sends it moves `due_at` on first, so that nobody else
takes it meanwhile; a sender that dies leaves a row that becomes due again.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from bookstore.clock import DAY, HOUR, MINUTE, Clock
from bookstore.data.database import Database
from bookstore.data.housekeeping import delete_older
from bookstore.data.queries import Duplicate, Queries

CLAIM = 2 * MINUTE  # how long a mail belongs to the replica that is sending it
FIRST_PAUSE = MINUTE
LONGEST_PAUSE = 6 * HOUR
GIVE_UP_AFTER = 2 * DAY
KEEP = 30 * DAY


class Letter(NamedTuple):
    """A mail that waits. It goes to `person_id`'s address of the moment, or to `address` where
    one is written; `data` is what its template shows."""

    id: int
    key: str
    kind: str
    person_id: int
    address: str | None
    language: str | None
    thread: str | None
    data: str
    created_at: int
    due_at: int
    attempts: int

    @property
    def values(self) -> dict[str, Any]:
        """Return what the template shows."""
        values: dict[str, Any] = json.loads(self.data)
        return values


class Outbox:
    """The mails of one context. One that is closed takes none: the shop has no mail server."""

    def __init__(self, context: str, clock: Clock, *, is_open: bool) -> None:
        self.context = context
        self.is_open = is_open
        self._clock = clock
        self._table = f"{context}_outbox"

    async def add(
        self,
        queries: Queries,
        kind: str,
        person_id: int,
        *,
        key: str,
        values: Mapping[str, Any],
        thread: str | None = None,
        address: str | None = None,
        language: str | None = None,
    ) -> None:
        """Write a mail down in a transaction. `key` names it: a second one with it is left out."""
        if not self.is_open:
            return
        now = self._clock()
        await queries.execute(
            f"INSERT INTO {self._table} (mail_key, kind, person_id, address, language, thread,"
            " data, created_at, due_at, attempts)"
            " SELECT :key, :kind, :person_id, :address, :language, :thread, :data, :now, :now, 0"
            " FROM (SELECT 1 AS one) one WHERE NOT EXISTS"
            f" (SELECT 1 FROM {self._table} WHERE mail_key = :key)",
            {
                "key": key,
                "kind": kind,
                "person_id": person_id,
                "address": address,
                "language": language,
                "thread": thread,
                "data": json.dumps(values),
                "now": now,
            },
        )

    async def add_alone(
        self, database: Database, kind: str, person_id: int, **options: Any
    ) -> None:
        """Write a mail down in a transaction of its own."""
        if not self.is_open:
            return

        async def work(queries: Queries) -> None:
            await self.add(queries, kind, person_id, **options)

        try:
            await database.in_transaction(work)
        except Duplicate:
            return

    async def due(self, database: Database, limit: int) -> list[Letter]:
        """Return the mails whose time has come, the oldest first."""
        return await database.all(
            Letter,
            f"SELECT {', '.join(_COLUMNS)} FROM {self._table}"
            " WHERE due_at <= :now ORDER BY due_at LIMIT :limit",
            {"now": self._clock(), "limit": limit},
        )

    async def claim(self, database: Database, letter: Letter) -> bool:
        """Take a mail to send it; False when somebody else did."""
        return bool(
            await database.execute(
                f"UPDATE {self._table} SET due_at = :until, attempts = attempts + 1"
                " WHERE id = :id AND due_at = :seen",
                {"id": letter.id, "seen": letter.due_at, "until": self._clock() + CLAIM},
            )
        )

    async def sent(self, database: Database, letter: Letter) -> None:
        """Note that a mail is on its way."""
        await self._close(database, letter, "")

    async def give_up(self, database: Database, letter: Letter, reason: str) -> None:
        """Note that a mail will not be sent."""
        await self._close(database, letter, reason[:255] or "given up")

    async def try_later(self, database: Database, letter: Letter) -> bool:
        """Put a mail off, longer each time; False when it is too old and was given up."""
        now = self._clock()
        if now - letter.created_at > GIVE_UP_AFTER:
            await self.give_up(database, letter, "not delivered within two days")
            return False
        await database.execute(
            f"UPDATE {self._table} SET due_at = :due WHERE id = :id AND due_at IS NOT NULL",
            {"id": letter.id, "due": now + pause(letter.attempts)},
        )
        return True

    async def forget_old(self, database: Database) -> None:
        """Delete mails that were sent or given up long ago."""
        await delete_older(database, self._table, "closed_at", self._clock() - KEEP)

    async def _close(self, database: Database, letter: Letter, reason: str) -> None:
        await database.execute(
            f"UPDATE {self._table} SET due_at = NULL, closed_at = :now, problem = :reason,"
            " data = '{}' WHERE id = :id",
            {"id": letter.id, "now": self._clock(), "reason": reason},
        )


_COLUMNS = ["mail_key AS `key`" if name == "key" else name for name in Letter._fields]


def pause(attempts: int) -> int:
    """Return how long to wait after so many attempts, in milliseconds."""
    doubled: int = FIRST_PAUSE << min(attempts, 10)
    return min(doubled, LONGEST_PAUSE)
