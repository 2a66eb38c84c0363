"""The basket's pages."""

from quart import Response, request

from bookstore.contracts import Quote
from bookstore.data.queries import Queries
from bookstore.orders.basket_repository import Owner
from bookstore.orders.baskets import NotForSale
from bookstore.orders.domain import MAX_QUANTITY, MAX_TITLES, BasketFull, Problem, Review
from bookstore.orders.forms import AddForm, QuantityForm
from bookstore.orders.routes.common import (
    basket_owner,
    blueprint,
    the_orders,
    with_basket_cookies,
)
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import ngettext
from bookstore.web.idempotency import idempotent, keep_answer
from bookstore.web.inbound import inbound
from bookstore.web.responses import see_other, toast, trigger, wants_fragment
from bookstore.web.sessions import set_basket_hint
from bookstore.web.stale import done_anyway
from bookstore.web.templating import page


@blueprint.get("/basket")
async def basket() -> Response:
    """Show what is in the basket at today's terms."""
    return await _basket_page()


@blueprint.get("/basket/badge")
async def badge() -> Response:
    """Send the number of copies for the header, nothing for none."""
    count = await the_orders().baskets.count(await basket_owner())
    response = Response(str(count) if count else "", content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    set_basket_hint(response, there=count > 0)
    return response


@blueprint.post("/basket")
@idempotent
@done_anyway
async def add() -> Response:
    """Put copies into the basket, or say why not."""
    form = await AddForm.from_request()
    if not form.validate():
        return await _refused(_quantity_sentence())
    owner = await basket_owner()
    answer = see_other(urls.basket())

    async def keep(queries: Queries, quote: Quote) -> None:
        nonlocal answer
        answer = see_other(urls.basket())
        if inbound().htmx:
            text = _("“%(title)s” is in your basket.", title=quote.title)
            answer = _changed(toast(Response("", status=204), text))
        with_basket_cookies(answer, owner, filled=True)
        await keep_answer(queries, answer, or_undo=True)

    try:
        await the_orders().baskets.add(
            owner, form["book_id"].data, form["quantity"].data, before_commit=keep
        )
    except (NotForSale, BasketFull) as error:
        return await _refused(_sentence(error))
    return answer


@blueprint.post(f"/basket/<{urls.ID}:book_id>")
@idempotent
@done_anyway
async def set_quantity(book_id: int) -> Response:
    """Set how many copies are wanted; 0 takes the book out."""
    form = await QuantityForm.from_request()
    if not form.validate():
        return await _refused(_quantity_sentence())
    owner = await basket_owner()
    try:
        if form["quantity"].data == 0:
            await the_orders().baskets.remove(owner, book_id)
        else:
            await the_orders().baskets.set_quantity(owner, book_id, form["quantity"].data)
    except (NotForSale, BasketFull) as error:
        return await _refused(_sentence(error))
    if not wants_fragment():
        return with_basket_cookies(see_other(urls.basket()), owner, filled=True)
    return with_basket_cookies(_changed(await _basket_page()), owner, filled=True)


async def _refused(sentence: str) -> Response:
    """Show the basket as it is with a sentence on why it was not changed; beside a book, where
    htmx asked from, the sentence alone."""
    if request.path == urls.basket() and inbound().htmx:
        response = toast(Response("", status=422), sentence)
        response.headers["HX-Reswap"] = "none"
        return response
    return await _basket_page(problem=sentence, status=422)


async def _basket_page(*, problem: str | None = None, status: int = 200) -> Response:
    owner = await basket_owner()
    review = await the_orders().baskets.review(owner)
    response = await shown(owner, review, problem=problem or _sent_before(), status=status)
    set_basket_hint(response, there=bool(review.lines))
    return response


async def shown(owner: Owner, review: Review, *, problem: str | None, status: int) -> Response:
    """Show a basket, and which orders of its owner wait to be paid."""
    return page(
        "orders/basket.html",
        fragment="basket",
        status=status,
        review=review,
        to_pay=await the_orders().to_pay(owner.person_id) if owner.person_id else [],
        problem=problem,
        sentences=sentences(review.lines),
        max_quantity=MAX_QUANTITY,
    )


def _sent_before() -> str | None:
    """Tell whoever sent a form once more, by going back to it, that it was not taken twice."""
    if request.args.get("gone", "").isdecimal():
        return _("What is still on sale of that order is in your basket; the rest was sold.")
    if request.args.get("sent") != "before":
        return None
    return _(
        "This form was sent before, so nothing was added again. "
        "Change the quantity here if you want more."
    )


def _changed(response: Response) -> Response:
    """Have the badge look, and whoever asks again without htmx see the basket."""
    response.headers["Content-Location"] = urls.basket()
    return trigger(response, "basket-changed")


def _quantity_sentence() -> str:
    return _("A quantity is a whole number from 1 to %(most)s. Your basket is unchanged.",
             most=MAX_QUANTITY)  # fmt: skip


def _sentence(error: NotForSale | BasketFull) -> str:
    if isinstance(error, NotForSale):
        return problem_sentence(error.problem, error.quote)
    return _(
        "A basket holds up to %(books)s different books and up to %(copies)s copies of each. "
        "Your basket is unchanged.",
        books=MAX_TITLES,
        copies=MAX_QUANTITY,
    )


def sentences(lines: object) -> dict[int, str]:
    """Return what is wrong with the lines that cannot be bought, by book id."""
    return {
        line.book_id: problem_sentence(line.problem, line.quote)
        for line in lines  # type: ignore[attr-defined]
        if line.problem is not None
    }


def problem_sentence(problem: Problem, quote: Quote | None) -> str:
    """Say why a book cannot be bought, and what to do."""
    title = quote.title if quote else ""
    left = quote.stock if quote else 0
    texts = {
        Problem.GONE: _("This book is not on sale any more."),
        Problem.SOLD_OUT: _("“%(title)s” is sold out.", title=title),
        Problem.TOO_FEW: ngettext(
            "Only %(num)s copy of “%(title)s” is left.",
            "Only %(num)s copies of “%(title)s” are left.",
            left,
            title=title,
        ),
        Problem.OWN: _("“%(title)s” is your own book; you cannot buy it.", title=title),
        Problem.CURRENCY: _("“%(title)s” is sold in another currency.", title=title),
    }
    return texts[problem]
