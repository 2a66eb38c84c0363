"""The basket's pages."""

from quart import Response, request

from bookstore.contracts import Quote
from bookstore.data.queries import Queries
from bookstore.orders.basket_repository import Owner
from bookstore.orders.baskets import NotForSale
from bookstore.orders.domain import MAX_QUANTITY, MAX_TITLES, BasketFull, Problem
from bookstore.orders.forms import AddForm, QuantityForm
from bookstore.orders.routes.common import (
    BASKET_COOKIE,
    basket_owner,
    basket_token,
    blueprint,
    the_orders,
)
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import ngettext
from bookstore.web.idempotency import idempotent, keep_answer
from bookstore.web.inbound import inbound
from bookstore.web.responses import see_other, toast, trigger, wants_fragment
from bookstore.web.sessions import forget_cookie, new_token, set_private_cookie, token_hash
from bookstore.web.templating import page


@blueprint.get("/basket")
async def basket() -> Response:
    return await _basket_page()


@blueprint.get("/basket/badge")
async def badge() -> Response:
    count = await the_orders().baskets.count(await basket_owner())
    response = Response(str(count) if count else "", content_type="text/html; charset=utf-8")
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.post("/basket")
@idempotent
async def add() -> Response:
    form = await AddForm.from_request()
    if not form.validate():
        return await _refused(_quantity_sentence())
    owner, token = await _owner_with_basket()
    answer = see_other(urls.basket())

    async def keep(queries: Queries, quote: Quote) -> None:
        nonlocal answer
        if inbound().htmx:
            text = _("“%(title)s” is in your basket.", title=quote.title)
            answer = _changed(toast(Response("", status=204), text))
        await keep_answer(queries, answer)

    try:
        await the_orders().baskets.add(
            owner, form["book_id"].data, form["quantity"].data, also=keep
        )
    except (NotForSale, BasketFull) as error:
        return await _refused(_sentence(error))
    return _with_cookie(answer, owner, token)


@blueprint.post(f"/basket/<{urls.ID}:book_id>")
@idempotent
async def set_quantity(book_id: int) -> Response:
    form = await QuantityForm.from_request()
    if not form.validate():
        return await _refused(_quantity_sentence())
    owner, token = await _owner_with_basket()
    try:
        if form["quantity"].data == 0:
            await the_orders().baskets.remove(owner, book_id)
        else:
            await the_orders().baskets.set_quantity(owner, book_id, form["quantity"].data)
    except (NotForSale, BasketFull) as error:
        return await _refused(_sentence(error))
    if not wants_fragment():
        return _with_cookie(see_other(urls.basket()), owner, token)
    return _with_cookie(_changed(await _basket_page()), owner, token)


async def _owner_with_basket() -> tuple[Owner, str | None]:
    """Return whose basket to change, and the token of a basket that a new visitor gets now."""
    owner = await basket_owner()
    if owner.person_id is not None or owner.token_hash is not None:
        return owner, None
    token = new_token(signed_in=False)
    return owner._replace(token_hash=token_hash(token)), token


def _with_cookie(response: Response, owner: Owner, token: str | None) -> Response:
    """Give a new visitor the cookie of the new basket; take it back from whoever has signed in,
    whose own basket holds everything now."""
    if token is not None:
        set_private_cookie(response, BASKET_COOKIE, token)
    elif owner.person_id is not None and basket_token() is not None:
        forget_cookie(response, BASKET_COOKIE)
    return response


async def _refused(sentence: str) -> Response:
    """Show the basket as it is with a sentence on why it was not changed; beside a book, where
    htmx asked from, the sentence alone."""
    if request.path == urls.basket() and inbound().htmx:
        response = toast(Response("", status=422), sentence)
        response.headers["HX-Reswap"] = "none"
        return response
    return await _basket_page(problem=sentence, status=422)


async def _basket_page(*, problem: str | None = None, status: int = 200) -> Response:
    review = await the_orders().baskets.review(await basket_owner())
    return page(
        "orders/basket.html",
        fragment="basket",
        status=status,
        review=review,
        problem=problem,
        sentences=sentences(review.lines),
        max_quantity=MAX_QUANTITY,
    )


def _changed(response: Response) -> Response:
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
