"""The listing and the book page: the same for everybody who looks."""

import re
from collections.abc import Mapping
from typing import Any

from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup
from quart import Response, request
from werkzeug.datastructures import MultiDict

from bookstore import money
from bookstore.carriers import CHEAPEST
from bookstore.catalogue import covers, search, titles
from bookstore.catalogue.changes import LEARNED, LISTINGS, book_tag, isbn_tag
from bookstore.catalogue.domain import CATEGORIES
from bookstore.catalogue.listing import COUNTED
from bookstore.catalogue.repository import Book
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
from bookstore.web.page_error import PageError, not_found
from bookstore.web.placeholders import cacheable, rendering_for_everybody
from bookstore.web.responses import own_origin, wants_fragment
from bookstore.web.sessions import is_person
from bookstore.web.templating import page, render_fragment

TEMPLATE = "catalogue/index.html"
_SEEN = 12  # books looked at that are shown again


@blueprint.get("/")
async def front() -> Response:
    """Greet whoever comes without a wish; with one, in the address, show the listing."""
    if wants_fragment() or set(request.args) - {"lang"}:
        return await books()
    shelves = await the_catalogue().shelves(i18n.language())
    context: dict[str, Any] = {
        "shelves": shelves,
        "parts": listing_parts(),
        "categories": category_names(),
    }
    return cacheable(public(page("catalogue/front.html", **context)), LISTINGS)


@blueprint.get(urls.seen_books())
async def seen() -> Response:
    """Return the cards of the books that the browser says its reader has looked at."""
    said = request.args.getlist("id")[:_SEEN]
    numbers = [int(text) for text in said if re.fullmatch("[0-9]{1,18}", text)]
    cards = await the_catalogue().cards(numbers)
    return public(page("catalogue/_seen.html", cards=cards, parts=listing_parts()))


@blueprint.get(urls.books())
async def books() -> Response:
    """Show the whole list, narrowed by the query."""
    return await _listing(request.args)


@blueprint.get("/categories/<code>")
async def category(code: str) -> Response:
    """Show the list of one category, narrowed further by the query."""
    if code not in CATEGORIES:
        raise not_found()
    return await _listing(MultiDict([*request.args.items(multi=True), ("category", code)]))


@blueprint.get("/authors/<name>")
async def author(name: str) -> Response:
    """Show the list of one author's books, narrowed further by the query."""
    return await _listing(MultiDict([("author", name), *request.args.items(multi=True)]))


async def _listing(arguments: MultiDict[str, str]) -> Response:
    wish = search.parse(arguments, the_settings().currency, mark=money.decimal_mark(i18n.locale()))
    said = arguments.to_dict()
    found = await the_catalogue().search(wish)
    typed = wish.text
    if found.meant is not None:
        wish = wish._replace(text=found.meant)
    asked = wish.address(after=None)
    after = found.after
    context: dict[str, Any] = {
        "alone": wants_fragment(),
        "search": typed,
        "meant": found.meant,
        "did_you_mean": found.instead,
        "instead": "" if found.meant is None else _instead(wish._replace(text=typed)),
        "wish": wish,
        "asked": asked,
        "typed_min": _typed(wish.price_min, wish.currency) or said.get("min", "")[:20],
        "typed_max": _typed(wish.price_max, wish.currency) or said.get("max", "")[:20],
        "price_problem": _price_problem(wish, said),
        "cards": found.cards,
        "matches": found.matches,
        "counted": COUNTED,
        "next_page": urls.books(**{**asked, "after": after.address()}) if after else None,
        "parts": listing_parts(),
        "book_languages": tuple(code for code in found.languages if code not in wish.languages)
        + wish.languages,
        "categories": category_names(),
        "canonical": urls.books(**{**asked, "q": typed}),
        "seller_name": found.seller_name,
    }
    # What found nothing may find something as soon as the words of new books are learned.
    tags = [LISTINGS] if found.cards or not wish.text else [LISTINGS, LEARNED]
    if not wants_fragment():
        return cacheable(public(page(TEMPLATE, **context)), *tags)
    if wish.after is not None:
        block = "cards"
    elif set(request.args) == {"seller"}:
        block = "shelf"
    else:
        block = "listing"
    beside = ["beside"] if block == "listing" else []  # title and language link follow
    response = public(render_fragment(TEMPLATE, block, *beside, **context))
    if block == "listing":  # the address without the fields that were left empty
        response.headers["HX-Push-Url"] = context["canonical"]
    return cacheable(response, *tags)


@blueprint.get(urls.suggestions())
async def suggestions() -> Response:
    """Offer what somebody who is typing may mean, as options of the search field."""
    found = await the_catalogue().suggestions(request.args.get("q", "")[: search.MAX_TEXT])
    return public(page("catalogue/_suggestions.html", found=found))


@blueprint.get(f"/books/<{urls.ID}:book_id>")
async def book(book_id: int) -> Response:
    """Show a book, the other offers of it, and who sells it."""
    offers = await the_catalogue().book(book_id)
    if offers is None:
        raise PageError(
            404, _("This book is no longer on sale: it was withdrawn, or it was never here.")
        )
    found, details, others = offers
    title, series, number = titles.parted(found.title, details.series, details.series_number)
    found = found._replace(title=title)
    response = public(
        page(
            "catalogue/book.html",
            book=found,
            own=not rendering_for_everybody() and await is_person(found.seller_id),
            details=details,
            series=series,
            series_number=number,
            delivery=CHEAPEST,
            large_cover=covers.large(found.cover) if found.cover else None,
            linked_data=_linked_data(found),
            year=i18n.year(found.year),
            others=others,
            grades=grade_names(),
            meanings=grade_meanings(),
            categories=category_names(),
        )
    )
    same = [isbn_tag(found.isbn13)] if found.isbn13 else []
    return cacheable(response, book_tag(found.id), *same, owner=found.seller_id)


@blueprint.get(f"/books/<{urls.ID}:book_id>/similar")
async def similar(book_id: int) -> Response:
    """Return the shelf of similar books, which a book's page asks for when a reader gets there."""
    cards = await the_catalogue().similar(book_id)
    response = public(page("catalogue/_seen.html", cards=cards, parts=listing_parts()))
    return cacheable(response, LISTINGS)


def _linked_data(book: Book) -> Markup:
    """Return what search engines read of a book (schema.org's Book and Offer) as JSON."""
    here = own_origin() + urls.book(book.id)
    used = "NewCondition" if book.condition == "new" else "UsedCondition"
    stock = "InStock" if book.stock else "SoldOut"
    about: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "Book",
        "name": book.title,
        "author": book.author,
        "url": here,
        "offers": {
            "@type": "Offer",
            "url": here,
            "price": money.plain(book.price, book.currency),
            "priceCurrency": book.currency,
            "itemCondition": f"https://schema.org/{used}",
            "availability": f"https://schema.org/{stock}",
            "seller": {"@type": "Person", "name": book.seller_name},
        },
    }
    if book.isbn13:
        about["isbn"] = book.isbn13
    if book.language:
        about["inLanguage"] = book.language
    if book.cover:
        about["image"] = own_origin() + urls.cover(covers.large(book.cover))
    return htmlsafe_json_dumps(about)


def _price_problem(wish: search.Search, said: Mapping[str, str]) -> str:
    """Return what is wrong with the prices that were typed, or nothing."""
    low, high = wish.price_min, wish.price_max
    for name, amount in (("min", low), ("max", high)):
        if amount is None and said.get(name, "").strip():
            example = money.example(wish.currency, i18n.locale())
            return _("Write prices as numbers, such as %(example)s.", example=example)
    if low is not None and high is not None and low > high:
        return _("The lowest price is above the highest.")
    return ""


def _instead(wish: search.Search) -> str:
    """Return the address of what was typed, without guessing what was meant."""
    return urls.books(**wish._replace(exact=True).address())


def _typed(amount: int | None, currency: str) -> str:
    """Write an amount as it stands in a field of the form."""
    return "" if amount is None else money.typed(amount, currency, i18n.locale())
