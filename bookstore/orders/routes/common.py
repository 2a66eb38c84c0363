"""What the pages of orders share."""

from quart import Blueprint, Response, current_app, request

from bookstore.orders.basket_repository import Owner
from bookstore.orders.service import Orders
from bookstore.settings import Settings
from bookstore.web.forms import row_id
from bookstore.web.inbound import inbound
from bookstore.web.sessions import (
    BASKET_COOKIE,
    current_person,
    forget_cookie,
    session_token,
    set_basket_hint,
    set_private_cookie,
    set_session_cookie,
    token_hash,
    token_in,
    visitor_token,
)

blueprint = Blueprint("orders", __name__)


def the_orders() -> Orders:
    """Return the orders of the application that answers."""
    orders: Orders = current_app.extensions["bookstore.orders"]
    return orders


async def basket_owner() -> Owner:
    """Return whose basket the request is about."""
    person = await current_person()
    token = visitor_token()
    return Owner(token_hash(token) if token else None, person.id if person else None)


def with_basket_cookies(response: Response, owner: Owner, *, filled: bool) -> Response:
    """Say whether there is anything in the basket. Let a visitor's token last as long again; take
    the one of the time before signing in back: the person's own basket holds everything now."""
    set_basket_hint(response, there=filled)
    own = token_in(inbound().cookies, the_settings(), BASKET_COOKIE)
    session = session_token()
    if owner.person_id is not None:
        if own is not None:
            forget_cookie(response, BASKET_COOKIE)
    elif own is not None:
        set_private_cookie(response, BASKET_COOKIE, own)
    elif session is not None:
        set_session_cookie(response, session)
    return response


def the_settings() -> Settings:
    """Return what the application that answers was started with."""
    settings: Settings = current_app.extensions["bookstore.settings"]
    return settings


def before() -> int | None:
    """Return the id at which a list goes on, when the address names one."""
    return row_id(request.args.get("before", ""))
