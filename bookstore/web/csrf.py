"""Requests that change something must come from our own pages: first the browser's word
(Sec-Fetch-Site, Origin), then a token bound to the visitor's cookie."""

import hashlib
import hmac
import secrets

from quart import current_app, request

from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.inbound import inbound
from bookstore.web.page_error import PageError
from bookstore.web.placeholders import CSRF_MARK, rendering_for_everybody
from bookstore.web.responses import own_origin
from bookstore.web.sessions import session_token, token_for_forms

SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}
# Signed by other means than a cookie, so that no browser can be made to send them.
EXEMPT = (urls.payment_webhook(), "/internal/", urls.unsubscribe(""))


def csrf_token() -> str:
    """Return the token for the forms of the page being rendered."""
    if rendering_for_everybody():
        return CSRF_MARK
    return token_of(_key(), token_for_forms())


async def check_request() -> None:
    """Refuse a changing request that did not come from one of this visitor's own pages."""
    if request.method in SAFE_METHODS or request.path.startswith(EXEMPT):
        return
    headers = inbound().headers
    site = headers.get("sec-fetch-site")
    if site is not None and site not in {"same-origin", "none"}:
        raise PageError(403, _("This request came from another website, so nothing was changed."))
    origin = headers.get("origin")
    if origin is not None and origin != own_origin():
        raise PageError(403, _("This request came from another website, so nothing was changed."))
    given = request.headers.get("X-CSRF-Token") or (await request.form).get("csrf_token", "")
    bound = session_token()
    if bound is None or not _fits(given, bound):
        raise PageError(
            403,
            _(
                "This form is out of date: you signed in or out since it was opened, or cookies "
                "are switched off. Go back, reload the page and send it again."
            ),
        )


def token_of(key: bytes, session: str) -> str:
    """Return a token bound to a session's cookie. It differs each time, so that compressing a
    page gives nothing of it away."""
    salt = secrets.token_hex(4)
    return salt + hmac.new(key, f"{salt}{session}".encode(), hashlib.sha256).hexdigest()


def _fits(given: str, session: str) -> bool:
    expected = hmac.new(_key(), f"{given[:8]}{session}".encode(), hashlib.sha256).hexdigest()
    return hmac.compare_digest(given[8:].encode(), expected.encode())


def _key() -> bytes:
    key: bytes = current_app.extensions["bookstore.csrf_key"]
    return key
