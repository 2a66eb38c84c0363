"""The seller's sales."""

from quart import Response

from bookstore.orders.domain import Reason
from bookstore.orders.forms import ShipForm
from bookstore.orders.parcels import TooLate
from bookstore.orders.routes import texts
from bookstore.orders.routes.common import before, blueprint, the_orders
from bookstore.orders.settlement import UnknownOrder
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.idempotency import idempotent
from bookstore.web.page_error import PageError, not_found
from bookstore.web.responses import see_other
from bookstore.web.sessions import login_required, required_person
from bookstore.web.templating import page


@blueprint.get("/sales")
@login_required
async def sales() -> Response:
    """Show what a seller has to send, has sent and has earned."""
    return await _sales_page(ShipForm())


@blueprint.post(f"/sales/<{urls.ID}:shipment_id>/ship")
@login_required
@idempotent
async def ship(shipment_id: int) -> Response:
    """Mark a parcel as sent, with the seller's tracking code or one of ours."""
    person = await required_person()
    form = await ShipForm.from_request()
    if not form.validate():
        form["tracking_code"].errors = [
            _("A tracking code has 8 to 24 letters and digits. Leave it empty to get one of ours.")
        ]
        return await _sales_page(form, refused=shipment_id, status=422)
    try:
        await the_orders().ship(shipment_id, person.id, form["tracking_code"].data or None)
    except UnknownOrder:
        raise not_found() from None
    except TooLate:
        raise PageError(
            409,
            _(
                "This parcel cannot be marked as shipped: it was shipped before, "
                "or its order is not paid for or was cancelled."
            ),
        ) from None
    return see_other(urls.sales())


@blueprint.post(f"/sales/<{urls.ID}:shipment_id>/cancel")
@login_required
@idempotent
async def cancel_sale(shipment_id: int) -> Response:
    """Call off a parcel that has not left, and refund its buyer."""
    person = await required_person()
    try:
        await the_orders().parcels.cancel(shipment_id, person_id=person.id, by=Reason.SELLER)
    except UnknownOrder:
        raise not_found() from None
    except TooLate:
        raise PageError(409, texts.too_late_for_parcel()) from None
    return see_other(urls.sales())


async def _sales_page(form: ShipForm, *, refused: int | None = None, status: int = 200) -> Response:
    person = await required_person()
    return page(
        "orders/sales.html",
        status=status,
        sales=await the_orders().sales(person.id, before()),
        before=before(),
        form=form,
        refused=refused,
        texts=texts,
    )
