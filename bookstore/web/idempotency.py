"""A request sent twice takes effect once: the answer is kept under the form's key and given
again. A double click, a retrying proxy and an answer that got lost all end well.

Only answers that succeeded are kept; a form that was refused can be corrected and sent again.
"""

import functools
import hashlib
import json
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from quart import Response, current_app, g, make_response, request

from bookstore.data.database import Database
from bookstore.data.queries import DatabaseUnavailable, Queries
from bookstore.web.i18n import gettext as _
from bookstore.web.inbound import inbound
from bookstore.web.kept_answers import KeptAnswers, OtherContents, Superseded, fitting, under_way
from bookstore.web.page_error import PageError
from bookstore.web.placeholders import KEY_MARK, rendering_for_everybody
from bookstore.web.sessions import current_person, token_hash, visitor_token
from bookstore.web.stale import Reason, Treatment, set_stale, stale, treatment


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
        if stale() is not None:  # it is but shown again
            return await handler(*args, **kwargs)
        answers = await _answers()
        try:
            kept = await answers.claim()
        except OtherContents:
            if treatment() is Treatment.SHOWN:
                set_stale(Reason.CONTENTS)
                return await handler(*args, **kwargs)
            if treatment() is not Treatment.DONE:
                raise PageError(
                    422,
                    _(
                        "This form was sent before with other contents, so nothing was changed. "
                        "Reload the page and send it again."
                    ),
                ) from None
            kept = await answers.for_these_contents().claim()
        if kept is not None:
            return _fitting(kept)
        g.answers, g.kept = answers, None
        with answers.renewed():
            return await _worked(answers, functools.partial(handler, *args, **kwargs))

    guarded.keeps_answers = True  # type: ignore[attr-defined]  # read by answer_given_before
    return guarded


async def _worked(answers: KeptAnswers, handler: Callable[[], Awaitable[Any]]) -> Response:
    """Do the work of a request, and keep its answer unless that was done along with it."""
    try:
        response = await make_response(await handler())
    except Superseded:
        kept = await answers.find()
        if kept is None:
            raise under_way() from None
        return _fitting(kept)
    except BaseException:
        with suppress(DatabaseUnavailable):  # then the key is free again once abandoned
            await answers.forget()
        raise
    assert isinstance(response, Response)
    if _is_kept(response):
        return response
    if response.status_code >= 400:
        await answers.forget()
    else:
        await answers.keep(answers.database, response)
    return response


async def keep_answer(queries: Queries, response: Response, *, or_undo: bool = False) -> None:
    """Keep the answer to the request at hand in the transaction that does its work, which saves a
    round trip. The handler returns this very answer once the transaction is through. Work that
    must not be done twice is undone (`or_undo`: Superseded is raised) when somebody took the
    request over meanwhile."""
    answers: KeptAnswers = g.answers
    if not or_undo:
        await answers.queue(queries, response)
    elif not await answers.keep(queries, response):
        raise Superseded
    g.kept = response, queries


async def answer_given_before() -> Response | None:
    """Return the answer to a form that was sent before, however old it is by now."""
    handler = current_app.view_functions.get(request.endpoint or "")
    if not getattr(handler, "keeps_answers", False):
        return None
    for scope in await _scopes():
        with suppress(OtherContents):
            kept = await (await _answers(scope)).find()
            if kept is not None:
                return _fitting(kept)
    return None


def _is_kept(response: Response) -> bool:
    """Tell whether an answer was kept with its work, and not undone with it."""
    return g.kept is not None and g.kept[0] is response and g.kept[1].committed


def _fitting(kept: Response) -> Response:
    return fitting(kept, htmx=inbound().htmx, path=request.path)


async def _answers(scope: str | None = None) -> KeptAnswers:
    """Return the answers under the key of the request at hand."""
    key = await request_key()
    if not key:
        raise PageError(
            400, _("The form lacks its idempotency key. Reload the page and send it again.")
        )
    if len(key) > 255:
        raise PageError(400, _("An idempotency key has at most 255 characters."))
    context = request.blueprint or ""
    database: Database = current_app.extensions["bookstore.databases"][context]
    return KeptAnswers(
        database,
        current_app.extensions["bookstore.clock"],
        context,
        scope=scope or (await _scopes())[0],
        key=key,
        fingerprint=await _fingerprint(),
    )


async def _scopes() -> list[str]:
    """Return whose answers those of the request at hand are: a person's, in whichever browser, or
    a browser's. A form may have been sent before its browser's reader signed in."""
    person = await current_person()
    visitor = token_hash(visitor_token() or "")
    return [visitor] if person is None else [token_hash(f"person {person.id}"), visitor]


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
