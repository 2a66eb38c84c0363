"""The buyer's orders."""

from typing import Any

from quart import Response

from bookstore.carriers import CARRIERS
from bookstore.orders.domain import Reason
from bookstore.orders.parcels import TooLate
from bookstore.orders.progress import OrderView, Status
from bookstore.orders.routes import texts
from bookstore.orders.routes.common import (
    basket_owner,
    before,
    blueprint,
    the_orders,
    with_basket_cookies,
)
from bookstore.orders.settlement import UnknownOrder
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.idempotency import idempotent
from bookstore.web.page_error import PageError, not_found
from bookstore.web.responses import see_other
from bookstore.web.sessions import login_required, required_person
from bookstore.web.templating import page, render_fragment


@blueprint.get("/orders")
@login_required
async def orders() -> Response:
    """List a buyer's orders, newest first."""
    person = await required_person()
    views, older = await the_orders().history(person.id, before())
    return page("orders/orders.html", views=views, before=before(), older=older, texts=texts)


@blueprint.get(f"/orders/<{urls.ID}:order_id>")
@login_required
async def order(order_id: int) -> Response:
    """Show one order with its parcels."""
    return page("orders/order.html", **await _context(order_id))


@blueprint.get(f"/orders/<{urls.ID}:order_id>/receipt")
@login_required
async def receipt(order_id: int) -> Response:
    """Show what was paid for, on a page that is printed on one sheet."""
    context = await _context(order_id)
    if context["view"].order.paid_at is None:
        return see_other(urls.order(order_id))
    return page("orders/receipt.html", **context)


@blueprint.get(f"/orders/<{urls.ID}:order_id>/timeline")
@login_required
async def timeline(order_id: int) -> Response:
    """Send the part of an order's page that looks again by itself."""
    return render_fragment("orders/order.html", "timeline", **await _context(order_id))


@blueprint.post(f"/orders/<{urls.ID}:order_id>/cancel")
@login_required
@idempotent
async def cancel(order_id: int) -> Response:
    """Call an order off while no parcel has left, and refund it."""
    person = await required_person()
    try:
        await the_orders().cancel(order_id, person.id)
    except UnknownOrder:
        raise not_found() from None
    except TooLate:
        raise PageError(
            409,
            _(
                "This order cannot be cancelled any more: it was cancelled before, "
                "or a parcel has left already."
            ),
        ) from None
    return see_other(urls.order(order_id))


@blueprint.post(f"/orders/<{urls.ID}:order_id>/again")
@login_required
@idempotent
async def again(order_id: int) -> Response:
    """Put the books of an order whose time to pay went by into the basket, as far as they are
    still on sale."""
    view = (await _context(order_id))["view"]
    owner = await basket_owner()
    wanted = [(line.book_id, line.quantity) for parcel in view.parcels for line in parcel.lines]
    missing = await the_orders().baskets.put_back(owner, dict(wanted)) if view.expired else 0
    answer = see_other(urls.basket(gone=missing or None))
    return with_basket_cookies(answer, owner, filled=True)


@blueprint.post(f"/orders/<{urls.ID}:order_id>/parcels/<{urls.ID}:shipment_id>/cancel")
@login_required
@idempotent
async def cancel_parcel(order_id: int, shipment_id: int) -> Response:
    """Call off one parcel that has not left, and refund it."""
    person = await required_person()
    try:
        await the_orders().parcels.cancel(
            shipment_id, person_id=person.id, by=Reason.BUYER, of_order=order_id
        )
    except UnknownOrder:
        raise not_found() from None
    except TooLate:
        raise PageError(409, texts.too_late_for_parcel()) from None
    return see_other(urls.order(order_id))


async def _context(order_id: int) -> dict[str, Any]:
    person = await required_person()
    try:
        view = await the_orders().order(order_id, person.id)
    except UnknownOrder:
        raise not_found() from None
    return {
        "view": view,
        "texts": texts,
        "carrier": CARRIERS[view.order.carrier],
        "country": texts.country_name(view.order.country),
        "seconds": _seconds_between_looks(view),
    }


def _seconds_between_looks(view: OrderView) -> int:
    """Return how often an open page looks for news: often while a payment or quick simulated days
    may bring some at any moment, seldom while a parcel travels for real days."""
    waiting = view.status in {Status.AWAITING_PAYMENT, Status.PROCESSING, Status.CANCELLED}
    return 3 if waiting or the_orders().settings.shipping_speed > 100 else 30
