"""From the basket to an order."""

from collections.abc import Sequence
from typing import Any

from itsdangerous import BadData, URLSafeSerializer
from quart import Response, current_app, request
from wtforms.fields.choices import SelectChoice

from bookstore.carriers import CARRIERS
from bookstore.data.queries import Queries
from bookstore.orders import terms
from bookstore.orders.basket_repository import Owner
from bookstore.orders.checkout import KeyReused, NotOrderable, TermsChanged
from bookstore.orders.domain import Address, Order, Review
from bookstore.orders.forms import CheckoutForm
from bookstore.orders.routes import texts
from bookstore.orders.routes.baskets import shown
from bookstore.orders.routes.common import (
    basket_owner,
    blueprint,
    the_orders,
    with_basket_cookies,
)
from bookstore.settings import Settings
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import money
from bookstore.web.idempotency import idempotent, keep_answer, request_key
from bookstore.web.responses import see_other
from bookstore.web.sessions import login_required, required_person
from bookstore.web.stale import shown_again
from bookstore.web.templating import page


@blueprint.get("/checkout")
@login_required
async def checkout() -> Response:
    """Ask for address and carrier, as they were last time; problems send back to the basket."""
    review = await the_orders().baskets.review(await basket_owner())
    if not review.ready:
        return see_other(urls.basket())
    person = await required_person()
    last = await the_orders().last_address(person.id)
    given = last._asdict() if last else {"name": person.name}
    chosen = request.args.get("carrier", "")
    if chosen in CARRIERS:
        given["carrier"] = chosen
    return _checkout_page(CheckoutForm(**given), review)


@blueprint.post("/checkout")
@login_required
@idempotent
@shown_again
async def place_order() -> Response:
    """Place the order that was seen and go on to pay, or say what has changed."""
    owner = await basket_owner()
    form = await CheckoutForm.from_request()
    if not form.validate():
        return _checkout_page(form, await the_orders().baskets.review(owner), status=422)
    answer: Response | None = None

    async def keep(queries: Queries, order: Order) -> None:
        nonlocal answer
        answer = with_basket_cookies(see_other(urls.pay(order.id)), owner, filled=False)
        await keep_answer(queries, answer)

    try:
        order = await the_orders().checkout.place(
            owner,
            key=await request_key(),
            address=Address(form["name"].data, form["address"].data, form["country"].data),
            carrier=form["carrier"].data,
            seen=await _seen(),
            before_commit=keep,
        )
    except NotOrderable as error:
        return await _not_orderable(owner, error.review)
    except TermsChanged:
        review = await the_orders().baskets.review(owner)
        if not review.ready:
            return await _not_orderable(owner, review)
        problem = _(
            "Your basket or a book in it has changed since this page was opened. "
            "Nothing was ordered. Please look through it and order again."
        )
        seen = await _seen()
        changes = texts.change_sentences(terms.changes(seen, review), review) if seen else []
        return _checkout_page(form, review, problem=problem, changes=changes, status=422)
    except KeyReused:
        review = await the_orders().baskets.review(owner)
        problem = _(
            "This form was sent before with another address or carrier. "
            "Nothing more was ordered. Please look through it and order again."
        )
        return _checkout_page(form, review, problem=problem, status=422)
    return answer or with_basket_cookies(see_other(urls.pay(order.id)), owner, filled=False)


async def _seen() -> dict[str, Any] | None:
    """Return what the page showed to whoever sent its form; None when it is not a page of ours."""
    try:
        seen: dict[str, Any] = _signer().loads((await request.form).get("seen", ""))
    except BadData:
        return None
    return seen


def _signer() -> URLSafeSerializer:
    settings: Settings = current_app.extensions["bookstore.settings"]
    return URLSafeSerializer(settings.required_secret_key(), salt="checkout")


async def _not_orderable(owner: Owner, review: Review) -> Response:
    """Show the basket, which is kept, with what is wrong with its lines."""
    problem = (
        _("Somebody was quicker, so nothing was ordered. Your basket is kept; please change it.")
        if review.lines
        else _("There is nothing in your basket to order.")
    )
    return await shown(owner, review, problem=problem, status=409)


def _checkout_page(
    form: CheckoutForm,
    review: Review,
    *,
    problem: str | None = None,
    changes: Sequence[str] = (),
    status: int = 200,
) -> Response:
    form["carrier"].choices = [
        SelectChoice(
            carrier.code,
            f"{carrier.name} · {texts.delivery_time(carrier)} · "
            f"{money(review.shipping(carrier), review.currency)}",
        )
        for carrier in CARRIERS.values()
    ]
    return page(
        "orders/checkout.html",
        fragment="totals",
        status=status,
        form=form,
        review=review,
        problem=problem,
        changes=changes,
        seen=_signer().dumps(terms.seen(review)),
        texts=texts,
        chosen=CARRIERS.get(form["carrier"].data) or CARRIERS["post"],
    )
