"""The answers that a context keeps under the keys of forms, and who is working on one now.

Whoever works on a request holds a claim, which is the moment it began, and renews it now and then.
A claim whose process seems to have died is taken over; should that process live after all, what it
then writes under its old claim counts for nothing.
"""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import NamedTuple

from quart import Response

from bookstore.clock import DAY, SECOND, Clock
from bookstore.data import deadline
from bookstore.data.database import Database
from bookstore.data.housekeeping import delete_older
from bookstore.data.queries import DatabaseUnavailable, Duplicate, Queries, Statement
from bookstore.web.i18n import gettext as _
from bookstore.web.page_error import PageError
from bookstore.web.sessions import TOKEN

KEEP = 3 * DAY  # longer than a form is good for
RENEWED = 1.0  # seconds after which a process says, again and again, that it works on a request
# A claim that was not renewed for so long died with its process. Shorter than an edge waits for an
# answer (5 s), so that whoever is asked next answers before the edge asks somebody else.
ABANDONED = 4 * SECOND
_HEADERS = ("Location", "Content-Location", "HX-Redirect", "HX-Trigger", "Content-Type")
_PATIENCE, _PAUSE = 7.0, 0.1  # seconds: for a twin's answer at most, and between two looks
_renewals: set[asyncio.Future[None]] = set()  # that are under way; the loop itself keeps none


class OtherContents(Exception):
    """The key was used before, for a form with other contents."""


class Superseded(Exception):
    """Somebody else took this request over, taking its process for dead."""


class _Stored(NamedTuple):
    fingerprint: str
    started_at: int
    renewed_at: int | None
    status: int | None
    headers: str | None
    body: str | None

    @property
    def heard(self) -> int:
        """Return when whoever works on it was heard of last."""
        return self.renewed_at or self.started_at


class KeptAnswers:
    """What a context keeps under one key of one person or browser."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        context: str,
        *,
        scope: str,
        key: str,
        fingerprint: str,
    ) -> None:
        self.database = database
        self._clock = clock
        self._table = f"{context}_idempotency"
        self._where = {"scope": scope, "key": key}
        self._fingerprint = fingerprint
        self._claim = 0

    def for_these_contents(self) -> "KeptAnswers":
        """Return the same under a key that these contents alone have."""
        key = f"{self._where['key']} {self._fingerprint}".encode()
        self._where["key"] = hashlib.sha256(key).hexdigest()
        return self

    async def find(self) -> Response | None:
        """Return the answer that was given before, if there is one or is about to be."""
        async for _look in _looks():
            stored = await self._stored()
            if stored is None or self._is_abandoned(stored):
                return None
            answer = self._answer(stored)
            if answer is not None:
                return answer
        raise under_way()

    async def claim(self) -> Response | None:
        """Take the work on and return None, or return the answer that was given before."""
        async for _look in _looks():
            moment = self._clock()
            try:
                await self.database.execute(
                    f"INSERT INTO {self._table} (scope, `key`, fingerprint, started_at)"
                    " VALUES (:scope, :key, :fingerprint, :started_at)",
                    {**self._where, "fingerprint": self._fingerprint, "started_at": moment},
                )
                self._claim = moment
                return None
            except Duplicate:
                stored = await self._stored()
            if stored is None:
                continue
            answer = self._answer(stored)
            if answer is not None:
                return answer
            if self._is_abandoned(stored) and await self._take_over(stored):
                return None
        raise under_way()

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Say every second that the work goes on. Most is done before the first of them."""
        over = asyncio.Event()
        timer = asyncio.get_running_loop().call_later(RENEWED, self._renew_until, over)
        try:
            yield
        finally:
            timer.cancel()
            over.set()

    def _renew_until(self, over: asyncio.Event) -> None:
        renewal = asyncio.ensure_future(self._renew(over))
        _renewals.add(renewal)
        renewal.add_done_callback(_renewals.discard)

    async def _renew(self, over: asyncio.Event) -> None:
        while not over.is_set():
            with suppress(DatabaseUnavailable):  # the next one may get through
                await self.database.execute(
                    f"UPDATE {self._table} SET renewed_at = :now WHERE scope = :scope"
                    " AND `key` = :key AND started_at = :claim AND status IS NULL",
                    {**self._where, "now": self._clock(), "claim": self._claim},
                )
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), RENEWED)

    async def keep(self, source: Database | Queries, response: Response) -> bool:
        """Keep an answer; tell whether the claim still was ours."""
        return bool(await source.execute(*await self._keeping(response)))

    async def queue(self, queries: Queries, response: Response) -> None:
        """Keep an answer along with the next statement, if the claim still is ours."""
        await queries.queue(*await self._keeping(response))

    async def _keeping(self, response: Response) -> Statement:
        headers = [
            (name, value)
            for name, value in response.headers.items()
            if name in _HEADERS or (name == "Set-Cookie" and not TOKEN.search(value))
        ]
        return (
            f"UPDATE {self._table} SET status = :status, headers = :headers, body = :body"
            " WHERE scope = :scope AND `key` = :key AND started_at = :claim"
            " AND status IS NULL",
            {
                **self._where,
                "claim": self._claim,
                "status": response.status_code,
                "headers": json.dumps(headers),
                "body": await response.get_data(as_text=True),
            },
        )

    async def forget(self) -> None:
        """Give the claim up: the key is free again."""
        await self.database.execute(
            f"DELETE FROM {self._table} WHERE scope = :scope AND `key` = :key"
            " AND started_at = :claim AND status IS NULL",
            {**self._where, "claim": self._claim},
        )

    def _answer(self, stored: _Stored) -> Response | None:
        if stored.fingerprint != self._fingerprint:
            raise OtherContents
        if stored.status is None:
            return None
        response = Response(stored.body or "", status=stored.status)
        headers = json.loads(stored.headers or "[]")
        response.headers.clear()
        for name, value in headers.items() if isinstance(headers, dict) else headers:
            response.headers.add(name, value)
        response.headers["Idempotent-Replay"] = "true"
        return response

    def _is_abandoned(self, stored: _Stored) -> bool:
        return stored.status is None and stored.heard < self._clock() - ABANDONED

    async def _stored(self) -> _Stored | None:
        return await self.database.one(
            _Stored,
            f"SELECT fingerprint, started_at, renewed_at, status, headers, body FROM {self._table}"
            " WHERE scope = :scope AND `key` = :key",
            self._where,
        )

    async def _take_over(self, stored: _Stored) -> bool:
        moment = self._clock()
        taken = await self.database.execute(
            f"UPDATE {self._table} SET started_at = :now, renewed_at = NULL"
            " WHERE scope = :scope AND `key` = :key AND started_at = :seen AND status IS NULL"
            " AND COALESCE(renewed_at, started_at) = :heard",
            {**self._where, "now": moment, "seen": stored.started_at, "heard": stored.heard},
        )
        self._claim = moment
        return bool(taken)


async def _looks() -> AsyncIterator[None]:
    """Let a twin look for its answer again and again, until whoever asks is to hear something."""
    end = deadline.end(_PATIENCE)
    yield
    while monotonic() < end:
        await asyncio.sleep(_PAUSE)
        yield


def fitting(kept: Response, *, htmx: bool, path: str) -> Response:
    """Return a kept answer as whoever asks now can use it: htmx and browsers without it go on in
    ways of their own. The page that the form itself leads back to is told that nothing more was
    done."""
    target = kept.headers.get("HX-Redirect") or kept.headers.get("Location")
    if htmx:
        if kept.status_code == 303 and target is not None:
            kept.status_code = 204
            kept.headers["HX-Redirect"] = target
            del kept.headers["Location"]
        return kept
    if kept.status_code != 303:
        target = target or kept.headers.get("Content-Location")
        if target is None:
            return kept
        kept.status_code = 303
        kept.headers["Location"] = target
        kept.set_data("")
    if target == path:
        kept.headers["Location"] = f"{path}?sent=before"
    return kept


async def forget_old_answers(database: Database, context: str, now: int) -> None:
    """Delete the answers that were kept for long enough."""
    await delete_older(database, f"{context}_idempotency", "started_at", now - KEEP)


def under_way() -> PageError:
    """Return the error for a request whose twin is taking long."""
    return PageError(409, _("The same request is still being worked on. Try again shortly."))
