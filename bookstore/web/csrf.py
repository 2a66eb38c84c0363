"""Requests that change something must come from our own pages: first the browser's word
(Sec-Fetch-Site, Origin), then a token bound to the visitor's cookie.

A token that does not fit is one of two things. Where the browser says that the request comes from
a page of ours, the form is out of date (stale.py); otherwise the request is refused.
"""

import hashlib
import hmac
import secrets
import time

from quart import current_app, request

from bookstore.clock import DAY, SECOND
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.inbound import inbound
from bookstore.web.page_error import PageError
from bookstore.web.placeholders import CSRF_MARK, rendering_for_everybody
from bookstore.web.responses import own_origin
from bookstore.web.security import Event, note
from bookstore.web.sessions import session_token, token_for_forms
from bookstore.web.stale import Reason, set_stale

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# Signed by other means than a cookie, so that no browser can be made to send them.
EXEMPT = (urls.payment_webhook(), "/internal/", urls.unsubscribe(""))
# A form is good for so long, which is less than its answer is kept: sending it twice within that
# time does nothing twice.
LIFETIME = 2 * DAY // SECOND
_HEX = 8  # digits of a token's moment, and of its salt


def csrf_token() -> str:
    """Return the token for the forms of the page being rendered."""
    if rendering_for_everybody():
        return CSRF_MARK
    return token_of(_key(), token_for_forms())


async def check_request() -> None:
    """Refuse a changing request that did not come from one of this visitor's own pages, or note
    that its form is out of date."""
    if request.method in SAFE_METHODS or request.path.startswith(EXEMPT):
        return
    headers = inbound().headers
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site not in {None, "same-origin", "none"} or origin not in {None, own_origin()}:
        note(Event.FORM_REFUSED, reason="another website")
        raise PageError(403, _("This request came from another website, so nothing was changed."))
    given = request.headers.get("X-CSRF-Token") or (await request.form).get("csrf_token", "")
    bound = session_token()
    if bound is not None and _fits(given, bound):
        if _age(given) > LIFETIME:
            set_stale(Reason.AGE)
    elif site == "same-origin" or origin is not None:
        set_stale(Reason.COOKIES if bound is None else Reason.SESSION)
    else:
        note(Event.FORM_REFUSED, reason="no token of this session")
        raise PageError(
            403,
            _(
                "This form is out of date: you signed in or out since it was opened, or cookies "
                "are switched off. Go back, reload the page and send it again."
            ),
        )


def token_of(key: bytes, session: str, moment: int | None = None) -> str:
    """Return a token bound to a session's cookie, made now unless a moment (in seconds) is given.
    It differs each time, so that compressing a page gives nothing of it away."""
    seconds = int(time.time()) if moment is None else moment
    head = f"{seconds:0{_HEX}x}{secrets.token_hex(_HEX // 2)}"
    return head + _digest(key, head, session)


def _fits(given: str, session: str) -> bool:
    head, digest = given[: 2 * _HEX], given[2 * _HEX :]
    return hmac.compare_digest(digest.encode(), _digest(_key(), head, session).encode())


def _age(token: str) -> float:
    """Return how old a token is that fits, in seconds."""
    return time.time() - int(token[:_HEX], 16)


def _digest(key: bytes, head: str, session: str) -> str:
    return hmac.new(key, f"{head}{session}".encode(), hashlib.sha256).hexdigest()


def _key() -> bytes:
    key: bytes = current_app.extensions["bookstore.csrf_key"]
    return key
