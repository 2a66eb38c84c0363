"""What the pages of orders share."""

from quart import Blueprint, current_app, request

from bookstore.orders.basket_repository import Owner
from bookstore.orders.service import Orders
from bookstore.settings import Settings
from bookstore.web.forms import row_id
from bookstore.web.inbound import inbound
from bookstore.web.sessions import current_person, token_hash, token_in

blueprint = Blueprint("orders", __name__)
BASKET_COOKIE = "basket"


def the_orders() -> Orders:
    orders: Orders = current_app.extensions["bookstore.orders"]
    return orders


def basket_token() -> str | None:
    """Return the token of the browser's basket, if the request brought one."""
    settings: Settings = current_app.extensions["bookstore.settings"]
    return token_in(inbound().cookies, settings, BASKET_COOKIE)


async def basket_owner() -> Owner:
    """Return whose basket the request is about."""
    person = await current_person()
    token = basket_token()
    return Owner(token_hash(token) if token else None, person.id if person else None)


def before() -> int | None:
    """Return the id at which a list goes on, when the address names one."""
    return row_id(request.args.get("before", ""))
