"""Paying: the card, the bank's question, and the gateway's webhooks."""

from datetime import UTC, datetime

from quart import Response, request

from bookstore.data.queries import Queries
from bookstore.orders.forms import PaymentForm
from bookstore.orders.payments import TEST_CARDS, BadWebhook, Intent, IntentState, NotPayable
from bookstore.orders.progress import PaymentView
from bookstore.orders.routes import texts
from bookstore.orders.routes.common import blueprint, the_orders
from bookstore.orders.settlement import UnknownOrder
from bookstore.web import urls
from bookstore.web.idempotency import idempotent, keep_answer
from bookstore.web.page_error import not_found
from bookstore.web.responses import see_other
from bookstore.web.security import Event, note
from bookstore.web.sessions import login_required, required_person
from bookstore.web.stale import shown_again
from bookstore.web.templating import page

_LARGEST_WEBHOOK = 64 * 1024


@blueprint.get(f"/orders/<{urls.ID}:order_id>/pay")
@login_required
async def payment_form(order_id: int) -> Response:
    """Ask for a card; an order that needs none shows itself."""
    view = await _view(order_id)
    if not view.payable:
        return see_other(urls.order(order_id))
    today = datetime.fromtimestamp(view.now / 1000, UTC)
    form = PaymentForm(expiry=f"12/{(today.year + 4) % 100:02}", cvc="123")
    return _payment_page(view, form)


@blueprint.post(f"/orders/<{urls.ID}:order_id>/pay")
@login_required
@idempotent
@shown_again
async def pay(order_id: int) -> Response:
    """Try a card, and show the order, the bank's question or the refusal."""
    person = await required_person()
    orders = the_orders()
    form = await PaymentForm.from_request()
    today = datetime.fromtimestamp(orders.clock() / 1000, UTC)
    form.month_now = today.year * 12 + today.month
    if not form.validate() or form.card is None:
        view = await _view(order_id)
        if not view.payable:
            return see_other(urls.order(order_id))
        return _payment_page(view, form, status=422)
    answer = see_other(urls.order(order_id))

    async def keep(queries: Queries, intent: Intent) -> None:
        nonlocal answer
        if intent.state == IntentState.REQUIRES_ACTION:
            answer = see_other(urls.three_d_secure(intent.id))
        if intent.state != IntentState.REQUIRES_PAYMENT_METHOD:
            await keep_answer(queries, answer)

    try:
        intent = await orders.payments.pay(order_id, person.id, form.card, before_commit=keep)
    except UnknownOrder:
        raise not_found() from None
    except NotPayable:
        return see_other(urls.order(order_id))
    if intent.state == IntentState.REQUIRES_PAYMENT_METHOD:
        return _payment_page(await _view(order_id), form, status=422)
    return answer


@blueprint.get("/pay/3ds/<intent_id>")
@login_required
async def three_d_secure(intent_id: str) -> Response:
    """Show the simulated bank's question."""
    view = await _view(intent_id=intent_id)
    if view.intent.state != IntentState.REQUIRES_ACTION or not view.payable:
        return see_other(urls.order(view.order.id))
    return page("orders/three_d_secure.html", view=view)


@blueprint.post("/pay/3ds/<intent_id>")
@login_required
@idempotent
async def answer_three_d_secure(intent_id: str) -> Response:
    """Give the simulated bank's answer, and show what came of it."""
    view = await _view(intent_id=intent_id)
    approved = (await request.form).get("decision") == "approve"
    person = await required_person()
    try:
        intent = await the_orders().payments.answer(intent_id, person.id, approved=approved)
    except NotPayable:
        return see_other(urls.order(view.order.id))
    if intent.state == IntentState.SUCCEEDED:
        return see_other(urls.order(view.order.id))
    return see_other(urls.pay(view.order.id))


@blueprint.post(urls.payment_webhook())
async def webhook() -> Response:
    """Take a message of the payment gateway: 200 when it is genuine, seen before or not."""
    if (request.content_length or 0) > _LARGEST_WEBHOOK:
        return _plain(413, "A payment event is smaller than that.")
    body = bytes(await request.get_data(as_text=False))  # type: ignore[arg-type]  # never text
    if len(body) > _LARGEST_WEBHOOK:
        return _plain(413, "A payment event is smaller than that.")
    try:
        await the_orders().payments.receive(body, request.headers.get("Stripe-Signature", ""))
    except BadWebhook as error:
        note(Event.WEBHOOK_REFUSED, reason=str(error))
        return _plain(400, str(error))
    return _plain(200, "received")


def _plain(status: int, text: str) -> Response:
    return Response(f"{text}\n", status=status, content_type="text/plain; charset=utf-8")


def _payment_page(view: PaymentView, form: PaymentForm, *, status: int = 200) -> Response:
    # A number that was typed in is never sent back, in case it was a real card's.
    form["card_number"].data = None
    form["card_number"].raw_data = None
    return page(
        "orders/pay.html",
        status=status,
        view=view,
        form=form,
        decline=texts.decline_sentence(view.intent),
        texts=texts,
        cards=TEST_CARDS,
    )


async def _view(order_id: int | None = None, *, intent_id: str | None = None) -> PaymentView:
    person = await required_person()
    try:
        return await the_orders().payment(person.id, order_id=order_id, intent_id=intent_id)
    except UnknownOrder:
        raise not_found() from None
