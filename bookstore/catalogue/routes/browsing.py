"""The listing and the book page: the same for everybody who looks."""

from typing import Any

from quart import Response, request

from bookstore import money
from bookstore.catalogue import covers, search
from bookstore.catalogue.changes import LISTINGS, book_tag, isbn_tag
from bookstore.catalogue.listing import COUNTED
from bookstore.catalogue.routes.common import (
    blueprint,
    category_names,
    grade_meanings,
    grade_names,
    listing_parts,
    public,
    the_catalogue,
    the_settings,
)
from bookstore.web import i18n, urls
from bookstore.web.i18n import gettext as _
from bookstore.web.page_error import PageError
from bookstore.web.placeholders import cacheable
from bookstore.web.responses import wants_fragment
from bookstore.web.templating import page, render_fragment

TEMPLATE = "catalogue/index.html"


@blueprint.get("/")
async def index() -> Response:
    wish = search.parse(
        request.args, the_settings().currency, mark=money.decimal_mark(i18n.locale())
    )
    found = await the_catalogue().search(wish)
    asked = {**wish.address(), "after": None}
    after = found.after
    context: dict[str, Any] = {
        "search": wish.text,
        "wish": wish,
        "asked": asked,
        "typed_min": _typed(wish.price_min, wish.currency),
        "typed_max": _typed(wish.price_max, wish.currency),
        "cards": found.cards,
        "matches": found.matches,
        "counted": COUNTED,
        "next_page": urls.home(**{**asked, "after": after.address()}) if after else None,
        "parts": listing_parts(),
        "book_languages": tuple(code for code in found.languages if code not in wish.languages)
        + wish.languages,
        "categories": category_names(),
        "canonical": urls.home(**asked),
        "seller_name": found.seller_name,
    }
    if not wants_fragment():
        return cacheable(public(page(TEMPLATE, **context)), LISTINGS)
    if wish.after is not None:
        block = "cards"
    elif set(request.args) == {"seller"}:
        block = "shelf"
    else:
        block = "listing"
    response = public(render_fragment(TEMPLATE, block, **context))
    if block == "listing":  # the address without the fields that were left empty
        response.headers["HX-Push-Url"] = context["canonical"]
    return cacheable(response, LISTINGS)


@blueprint.get(f"/books/<{urls.ID}:book_id>")
async def book(book_id: int) -> Response:
    offers = await the_catalogue().book(book_id)
    if offers is None:
        raise PageError(
            404, _("This book is no longer on sale: it was withdrawn, or it was never here.")
        )
    found, others = offers
    response = public(
        page(
            "catalogue/book.html",
            book=found,
            large_cover=covers.large(found.cover) if found.cover else None,
            amount=money.plain(found.price, found.currency),
            year=i18n.year(found.year),
            others=others,
            grades=grade_names(),
            meanings=grade_meanings(),
            categories=category_names(),
        )
    )
    same = [isbn_tag(found.isbn13)] if found.isbn13 else []
    return cacheable(response, book_tag(found.id), *same)


def _typed(amount: int | None, currency: str) -> str:
    """Write an amount as it stands in a field of the form."""
    return "" if amount is None else money.typed(amount, currency, i18n.locale())
