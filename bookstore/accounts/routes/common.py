"""What the pages of accounts share."""

import secrets

from itsdangerous import BadData, URLSafeSerializer
from quart import Blueprint, Response, current_app, request

from bookstore.accounts.checks import Device
from bookstore.accounts.second_step import SecondStep
from bookstore.accounts.service import Accounts
from bookstore.accounts.throttle import TooManyTries
from bookstore.clock import DAY
from bookstore.contracts import Person
from bookstore.settings import Settings
from bookstore.web import addresses, i18n, urls
from bookstore.web.i18n import gettext as _
from bookstore.web.inbound import inbound
from bookstore.web.responses import see_other
from bookstore.web.sessions import (
    BASKET_COOKIE,
    cookie_name,
    session_token,
    set_basket_hint,
    set_person_hint,
    set_private_cookie,
    set_session_cookie,
    visitor_token,
)

blueprint = Blueprint("accounts", __name__)


_DEVICE = "device"  # the cookie of a browser with which somebody has signed in
_DEVICE_KEPT = 365 * DAY
_PEOPLE_OF_A_DEVICE = 5


def password_problem(error: Exception) -> tuple[str, int]:
    """Say why a current password was not taken, and with which status."""
    if isinstance(error, TooManyTries):
        return _("Too many attempts. Wait a few minutes and try again."), 429
    return _("This is not your current password."), 422


def device() -> Device | None:
    """Return the browser, when somebody has signed in with it before."""
    settings: Settings = current_app.extensions["bookstore.settings"]
    try:
        id_, person_ids = _signer().loads(
            inbound().cookies.get(cookie_name(settings, _DEVICE)) or ""
        )
    except BadData:
        return None
    return Device(str(id_), tuple(person_ids))


def _signer() -> URLSafeSerializer:
    settings: Settings = current_app.extensions["bookstore.settings"]
    return URLSafeSerializer(settings.required_secret_key(), salt="device")


def the_accounts() -> Accounts:
    """Return the accounts of the application that answers."""
    accounts: Accounts = current_app.extensions["bookstore.accounts"]
    return accounts


async def signed_in(person: Person, wanted: str | None, *, told: bool = False) -> Response:
    """Go on with a sign-in whose first step is done: to the second, or to the page wanted."""
    step: SecondStep = current_app.extensions["bookstore.second_step"]
    if await step.is_on(person.id):
        token = await step.begin(person)
        return see_other(urls.second_step(token, next=wanted))
    return await start_session(person, wanted, told=told)


async def start_session(person: Person, wanted: str | None, *, told: bool = False) -> Response:
    """Start a session and lead to the page that was wanted. Unless the owner was told of it by
    another mail, one says so when the account never signed in with this browser."""
    known = device() or Device(secrets.token_hex(12), ())
    token = await the_accounts().sign_in(
        person,
        user_agent=request.headers.get("User-Agent", ""),
        address=request.remote_addr or "",
        replaces=session_token(),
        language=i18n.language(),
        new_browser=not told and person.id not in known.person_ids,
    )
    response = see_other(addresses.safe_next(wanted, urls.home()))
    set_session_cookie(response, token)
    visitor = visitor_token()
    if visitor is not None:  # the basket from before is still theirs
        set_private_cookie(response, BASKET_COOKIE, visitor)
    set_person_hint(response, person.id)
    set_basket_hint(response, there=True)  # there may be one from another day; the badge looks
    people = [person.id, *(one for one in known.person_ids if one != person.id)]
    remembered = _signer().dumps([known.id, people[:_PEOPLE_OF_A_DEVICE]])
    set_private_cookie(response, _DEVICE, str(remembered), lifetime=_DEVICE_KEPT)
    return response
