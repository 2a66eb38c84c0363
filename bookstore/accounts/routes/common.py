"""What the pages of accounts share."""

from quart import Blueprint, Response, current_app, request

from bookstore.accounts.second_step import SecondStep
from bookstore.accounts.service import Accounts
from bookstore.contracts import Person
from bookstore.web import i18n, urls
from bookstore.web.responses import see_other
from bookstore.web.sessions import (
    BASKET_COOKIE,
    session_token,
    set_basket_hint,
    set_private_cookie,
    set_session_cookie,
    visitor_token,
)

blueprint = Blueprint("accounts", __name__)


def the_accounts() -> Accounts:
    accounts: Accounts = current_app.extensions["bookstore.accounts"]
    return accounts


async def signed_in(person: Person, wanted: str | None) -> Response:
    """Go on with a sign-in whose first step is done: to the second, or to the page wanted."""
    step: SecondStep = current_app.extensions["bookstore.second_step"]
    if await step.is_on(person.id):
        token = await step.begin(person)
        return see_other(urls.second_step(token, next=wanted))
    return await start_session(person, wanted)


async def start_session(person: Person, wanted: str | None) -> Response:
    """Start a session and lead to the page that was wanted."""
    token = await the_accounts().sign_in(
        person,
        user_agent=request.headers.get("User-Agent", ""),
        address=request.remote_addr or "",
        replaces=session_token(),
        language=i18n.language(),
    )
    response = see_other(urls.safe_next(wanted, urls.home()))
    set_session_cookie(response, token)
    visitor = visitor_token()
    if visitor is not None:  # the basket from before is still theirs
        set_private_cookie(response, BASKET_COOKIE, visitor)
    set_basket_hint(response, there=True)  # there may be one from another day; the badge looks
    return response
