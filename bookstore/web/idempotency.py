"""A request sent twice takes effect once: the answer is kept under the form's key and given
again. A double click, a retrying proxy and an answer that got lost all end well.

Only answers that succeeded are kept; a form that was refused can be corrected and sent again.
"""

import asyncio
import functools
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple

from quart import Response, current_app, g, make_response, request

from bookstore.clock import DAY, SECOND, now
from bookstore.data.database import Database
from bookstore.data.queries import DatabaseUnavailable, Duplicate, Queries
from bookstore.web.i18n import gettext as _
from bookstore.web.page_error import PageError
from bookstore.web.placeholders import KEY_MARK, rendering_for_everybody
from bookstore.web.sessions import session_token, token_hash

KEEP = 2 * DAY
ABANDONED = 20 * SECOND  # an unanswered request this old died with its process
_KEPT_HEADERS = ("Location", "HX-Redirect", "HX-Trigger", "Content-Type")


class _Stored(NamedTuple):
    fingerprint: str
    started_at: int
    status: int | None
    headers: str | None
    body: str | None


def new_key() -> str:
    """Return a key that no other form has."""
    return secrets.token_urlsafe(16)


def key_for_forms() -> str:
    """Return the key for the page's next form, or its mark when the page may be kept."""
    return KEY_MARK if rendering_for_everybody() else new_key()


async def request_key() -> str:
    """Return the key of the request: the Idempotency-Key header or the form's hidden field."""
    form = await request.form
    return request.headers.get("Idempotency-Key") or form.get("idempotency_key", "")


def idempotent[**P](
    handler: Callable[P, Awaitable[Any]],
) -> Callable[P, Awaitable[Any]]:
    """Let a request with the same key take effect once. The handler's blueprint names the context
    whose database keeps the answers."""

    @functools.wraps(handler)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
        key = await request_key()
        if not key:
            raise PageError(
                400, _("The form lacks its idempotency key. Reload the page and send it again.")
            )
        if len(key) > 255:
            raise PageError(400, _("An idempotency key has at most 255 characters."))
        g.answers = store = _Store(await _fingerprint(), key)
        kept = await store.begin()
        if kept is not None:
            return kept
        try:
            response = await make_response(await handler(*args, **kwargs))
        except BaseException:
            with suppress(DatabaseUnavailable):  # then the key is free again once abandoned
                await store.forget()
            raise
        assert isinstance(response, Response)
        if store.keeps(response):
            return response
        if response.status_code >= 400:
            await store.forget()
        else:
            await store.finish(response)
        return response

    return guarded


async def keep_answer(queries: Queries, response: Response) -> None:
    """Keep the answer to the request at hand in the transaction that does its work, which saves a
    round trip. The handler returns this very answer once the transaction is through."""
    store: _Store = g.answers
    await queries.execute(*await store.finishing(response))
    store.kept = response, queries


class _Store:
    kept: tuple[Response, Queries] | None = None  # and the transaction that keeps it

    def __init__(self, fingerprint: str, key: str) -> None:
        context = request.blueprint
        self._database: Database = current_app.extensions["bookstore.databases"][context]
        self._table = f"{context}_idempotency"
        self._where = {"scope": token_hash(session_token() or ""), "key": key}
        self._fingerprint = fingerprint

    async def begin(self) -> Response | None:
        """Claim the key and return None, or return the answer that was given before."""
        for _attempt in range(100):
            try:
                await self._database.execute(
                    f"INSERT INTO {self._table} (scope, `key`, fingerprint, started_at)"
                    " VALUES (:scope, :key, :fingerprint, :started_at)",
                    {**self._where, "fingerprint": self._fingerprint, "started_at": now()},
                )
                return None
            except Duplicate:
                stored = await self._stored()
            if stored is None:
                continue
            if stored.fingerprint != self._fingerprint:
                raise PageError(
                    422,
                    _(
                        "This form was sent before with other contents, so nothing was changed. "
                        "Reload the page and send it again."
                    ),
                )
            if stored.status is not None:
                response = Response(stored.body or "", status=stored.status)
                response.headers.update(json.loads(stored.headers or "{}"))
                response.headers["Idempotent-Replay"] = "true"
                return response
            if stored.started_at < now() - ABANDONED and await self._take_over(stored.started_at):
                return None
            await asyncio.sleep(0.1)
        raise PageError(409, _("The same request is still being worked on. Try again shortly."))

    async def _stored(self) -> _Stored | None:
        return await self._database.one(
            _Stored,
            f"SELECT fingerprint, started_at, status, headers, body FROM {self._table}"
            " WHERE scope = :scope AND `key` = :key",
            self._where,
        )

    async def _take_over(self, started_at: int) -> bool:
        return bool(
            await self._database.execute(
                f"UPDATE {self._table} SET started_at = :now"
                " WHERE scope = :scope AND `key` = :key AND started_at = :seen AND status IS NULL",
                {**self._where, "now": now(), "seen": started_at},
            )
        )

    def keeps(self, response: Response) -> bool:
        """Tell whether an answer was kept with its work, and not undone with it."""
        return self.kept is not None and self.kept[0] is response and self.kept[1].committed

    async def finish(self, response: Response) -> None:
        await self._database.execute(*await self.finishing(response))

    async def finishing(self, response: Response) -> tuple[str, dict[str, Any]]:
        """Return the statement that keeps an answer."""
        headers = {
            name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers
        }
        values = {
            **self._where,
            "status": response.status_code,
            "headers": json.dumps(headers),
            "body": await response.get_data(as_text=True),
        }
        return (
            f"UPDATE {self._table} SET status = :status, headers = :headers, body = :body"
            " WHERE scope = :scope AND `key` = :key",
            values,
        )

    async def forget(self) -> None:
        await self._database.execute(
            f"DELETE FROM {self._table} WHERE scope = :scope AND `key` = :key AND status IS NULL",
            self._where,
        )


async def forget_old_answers(database: Database, context: str) -> None:
    """Delete the answers kept for longer than two days."""
    await database.execute(
        f"DELETE FROM {context}_idempotency WHERE started_at < :before", {"before": now() - KEEP}
    )


async def _fingerprint() -> str:
    """Return a digest of method, path, fields and files; the CSRF token is not a parameter."""
    digest = hashlib.sha256(f"{request.method} {request.path}\n".encode())
    for name, value in sorted((await request.form).items(multi=True)):
        if name != "csrf_token":
            digest.update(json.dumps([name, value]).encode())
    for name, file in sorted((await request.files).items(multi=True), key=lambda item: item[0]):
        digest.update(json.dumps([name, file.filename]).encode() + file.read())
        file.seek(0)
    return digest.hexdigest()
