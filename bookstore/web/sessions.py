"""Who is asking. The cookie holds a random token; accounts alone knows whose it is.

A visitor who has not signed in gets a token as well as soon as a form needs one, so that every
form is bound to a browser. No row stands behind it until somebody signs in.
"""

import functools
import hashlib
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from quart import Response, current_app, g, request

from bookstore.clock import DAY, SECOND
from bookstore.contracts import Person, SessionLink, SiblingUnavailable
from bookstore.data.queries import DatabaseUnavailable
from bookstore.settings import Settings
from bookstore.web import addresses, urls
from bookstore.web.inbound import inbound
from bookstore.web.page_error import SignedOut
from bookstore.web.responses import see_other

IDLE = 7 * DAY
ABSOLUTE = 30 * DAY
BASKET_COOKIE = "basket"
HINT_COOKIE = "has_basket"
PERSON_COOKIE = "person"
TOKEN = re.compile(r"[vs][A-Za-z0-9_-]{43}")


def cookie_name(settings: Settings, name: str = "session") -> str:
    """Return the name of a cookie: bound to the host when the shop is served over HTTPS."""
    return f"__Host-{name}" if settings.https else name


def new_token(*, signed_in: bool) -> str:
    """Return a fresh token. Its first letter tells pages, not the server, which header to show."""
    return ("s" if signed_in else "v") + secrets.token_urlsafe(32)


def token_hash(token: str) -> str:
    """Return what the database keeps of a token."""
    return hashlib.sha256(token.encode()).hexdigest()


def token_in(cookies: Mapping[str, str], settings: Settings, name: str = "session") -> str | None:
    """Return the token in a cookie, if it has the shape of one."""
    token = cookies.get(cookie_name(settings, name), "")
    return token if TOKEN.fullmatch(token) else None


def session_token() -> str | None:
    """Return the session's token that the request brought."""
    return token_in(inbound().cookies, _settings())


def visitor_token() -> str | None:
    """Return the token that this browser's basket belongs to: the one that its first form brought,
    which a cookie of its own keeps once somebody has signed in."""
    session = session_token()
    visitor = session if session is not None and session.startswith("v") else None
    given: str | None = getattr(g, "new_visitor_token", None)
    return token_in(inbound().cookies, _settings(), BASKET_COOKIE) or visitor or given


def looks_signed_in() -> bool:
    """Tell from the cookie's shape alone which header to show. It proves nothing."""
    return (session_token() or "v").startswith("s")


def token_for_forms() -> str:
    """Return the token that this page's forms are bound to, giving a new visitor one."""
    token = session_token() or getattr(g, "new_visitor_token", None)
    if token is None:
        token = g.new_visitor_token = new_token(signed_in=False)
    return token


def set_session_cookie(response: Response, token: str) -> None:
    """Give the browser a session: Secure and bound to the host over HTTPS, never for scripts."""
    set_private_cookie(response, "session", token)


def set_private_cookie(
    response: Response, name: str, token: str, *, lifetime: int = ABSOLUTE
) -> None:
    """Set a cookie that only this server reads, by default for as long as a session may last."""
    response.headers.add("Set-Cookie", _private_cookie(_settings(), name, token, lifetime))


def session_cookie(settings: Settings, token: str) -> str:
    """Return the Set-Cookie value that gives a browser its session."""
    return _private_cookie(settings, "session", token)


def _private_cookie(settings: Settings, name: str, token: str, lifetime: int = ABSOLUTE) -> str:
    """Return the Set-Cookie value of a token. Written out here, since it goes with every page that
    a new visitor gets; a token has no character that a cookie must quote."""
    secure = "Secure; " if settings.https else ""
    return (
        f"{cookie_name(settings, name)}={token}; Max-Age={lifetime // SECOND};"
        f" {secure}HttpOnly; Path=/; SameSite=Lax"
    )


def set_basket_hint(response: Response, *, there: bool) -> None:
    """Tell the page's script whether to ask for the basket's badge: in a cookie that it can read,
    and that says no more than that."""
    name = cookie_name(_settings(), HINT_COOKIE)
    if (inbound().cookies.get(name) == "1") is there:
        return
    response.set_cookie(
        name,
        "1" if there else "",
        max_age=ABSOLUTE // SECOND if there else 0,
        path="/",
        secure=_settings().https,
        samesite="Lax",
    )


def set_person_hint(response: Response, person_id: int) -> None:
    """Tell the page cache whose pages it is not to answer itself. It proves nothing."""
    set_private_cookie(response, PERSON_COOKIE, str(person_id))


def forget_cookie(response: Response, name: str) -> None:
    """Take a cookie back."""
    response.delete_cookie(
        cookie_name(_settings(), name),
        path="/",
        secure=_settings().https,
        httponly=True,
        samesite="Lax",
    )


async def current_person() -> Person | None:
    """Return who is signed in; asked once a request. Requests that change something ask afresh."""
    if not hasattr(g, "person"):
        token = session_token()
        g.person = None
        if token is not None and token.startswith("s"):
            link: SessionLink = current_app.extensions["bookstore.sessions"]
            g.person = await link.person_of(token, fresh=request.method not in {"GET", "HEAD"})
    person: Person | None = g.person
    return person


async def is_person(person_id: int) -> bool:
    """Tell whether it is this person who asks, for a page that is served without knowing too: only
    whose cookie says so is looked up, and nobody is known while accounts is away."""
    if inbound().cookies.get(cookie_name(_settings(), PERSON_COOKIE)) != str(person_id):
        return False
    try:
        person = await current_person()
    except (SiblingUnavailable, DatabaseUnavailable):
        return False
    return person is not None and person.id == person_id


async def required_person() -> Person:
    """Return who is signed in, inside a handler that `login_required` guards."""
    person = await current_person()
    if person is None:
        raise LookupError("nobody is signed in here")
    return person


def login_required[**P](
    handler: Callable[P, Awaitable[Any]],
) -> Callable[P, Awaitable[Any]]:
    """Send whoever has not signed in to the sign-in page, and back here afterwards."""

    @functools.wraps(handler)
    async def guarded(*args: P.args, **kwargs: P.kwargs) -> Any:
        if await current_person() is not None:
            return await handler(*args, **kwargs)
        if request.method == "GET" and not inbound().htmx:
            wanted = request.full_path.rstrip("?")
        else:  # come back to the page that was open, not to a form's target
            headers = inbound().headers
            wanted = addresses.path_of(headers.get("hx-current-url") or headers.get("referer"))
            if request.method == "POST":
                raise SignedOut(wanted)
        return see_other(urls.login(next=wanted if wanted != "/" else None))

    return guarded


def _settings() -> Settings:
    settings: Settings = current_app.extensions["bookstore.settings"]
    return settings
