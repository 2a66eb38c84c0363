"""How often something may be tried, counted for all replicas together and before the try.

A bucket leaks (the generic cell rate algorithm): a row holds the moment until which it is filled,
each try adds an interval, and one statement both checks and adds, so that of any number of tries
at once no more than the limit pass. A bucket that is full takes the next try an interval later:
nobody is locked out for good, and refused tries add nothing.
"""

from typing import NamedTuple

from bookstore.clock import HOUR, MINUTE
from bookstore.data.database import Database
from bookstore.data.housekeeping import delete_older
from bookstore.data.queries import Duplicate


class Limit(NamedTuple):
    """So many tries at once, and as many again over each `window` of milliseconds."""

    tries: int
    window: int

    @property
    def interval(self) -> int:
        """Return after how long a full bucket lets one more try through."""
        return self.window // self.tries


class TooManyTries(Exception):
    """This was tried too often lately; it works again after a while."""

    def __init__(self, limit: Limit) -> None:
        super().__init__(f"more than {limit.tries} tries in {limit.window} ms")
        self.seconds = -(-limit.interval // 1000)  # until the next one


PER_ACCOUNT = Limit(10, 15 * MINUTE)  # by strangers, and again by each browser and place of its own
PER_ADDRESS = Limit(60, 15 * MINUTE)
CURRENT_PASSWORD = Limit(10, 15 * MINUTE)
CODES = Limit(10, HOUR)
MAILS = Limit(5, HOUR)
RESETS_PER_ADDRESS = Limit(30, HOUR)  # mails to others that one household can cause
REGISTRATIONS = Limit(1000, HOUR)
TAKEN_ADDRESSES = Limit(20, HOUR)  # how often registering may tell that an address is taken


async def take(database: Database, bucket: str, limit: Limit, now: int) -> None:
    """Count a try; raise TooManyTries when there were enough."""
    for _attempt in range(2):
        if await _add(database, bucket, limit, now):
            return
        try:
            await database.execute(
                "INSERT INTO throttles (bucket, full_until) VALUES (:bucket, :until)",
                {"bucket": bucket, "until": now + limit.interval},
            )
            return
        except Duplicate:
            continue  # it is full, or somebody made it at this moment: look again
    raise TooManyTries(limit)


async def _add(database: Database, bucket: str, limit: Limit, now: int) -> bool:
    return bool(
        await database.execute(
            "UPDATE throttles SET full_until = :interval"
            " + CASE WHEN full_until > :now THEN full_until ELSE :now END"
            " WHERE bucket = :bucket AND full_until <= :room",
            {
                "bucket": bucket,
                "interval": limit.interval,
                "now": now,
                "room": now + (limit.tries - 1) * limit.interval,
            },
        )
    )


async def give_back(database: Database, bucket: str, limit: Limit) -> None:
    """Take back a try that turned out to be none to count."""
    await database.execute(
        "UPDATE throttles SET full_until = full_until - :interval WHERE bucket = :bucket",
        {"bucket": bucket, "interval": limit.interval},
    )


async def clear(database: Database, bucket: str) -> None:
    """Empty a bucket."""
    await database.execute("DELETE FROM throttles WHERE bucket = :bucket", {"bucket": bucket})


async def forget_old(database: Database, now: int) -> None:
    """Delete the buckets that are empty."""
    await delete_older(database, "throttles", "full_until", now + 1)
