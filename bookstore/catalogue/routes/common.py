"""What the pages of the catalogue share."""

from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import NamedTuple

from markupsafe import Markup
from quart import Blueprint, Response, current_app

from bookstore.carriers import CHEAPEST
from bookstore.catalogue.domain import CATEGORIES, GRADES
from bookstore.catalogue.listing import Card
from bookstore.catalogue.service import Catalogue
from bookstore.contracts import ContactLink
from bookstore.settings import Settings
from bookstore.web import i18n, urls
from bookstore.web.i18n import gettext as _
from bookstore.web.sessions import required_person
from bookstore.web.templating import macro

blueprint = Blueprint("catalogue", __name__)


def the_catalogue() -> Catalogue:
    """Return the catalogue of the application that answers."""
    catalogue: Catalogue = current_app.extensions["bookstore.catalogue"]
    return catalogue


def the_settings() -> Settings:
    """Return what the application that answers was started with."""
    settings: Settings = current_app.extensions["bookstore.settings"]
    return settings


async def may_sell() -> bool:
    """Tell whether the person who is signed in has a confirmed address. A shop without a mail
    server has no way to ask, and lets everybody sell."""
    if the_settings().smtp_url is None:
        return True
    person = await required_person()
    contacts: ContactLink = current_app.extensions["bookstore.contacts"]
    contact = (await contacts.contacts([person.id])).get(person.id)
    return contact is not None and contact.confirmed


class ListingParts(NamedTuple):
    """Parts of the listing as functions."""

    cards: Callable[[Iterable[Card]], Markup]
    choices: Callable[..., Markup]


def listing_parts() -> ListingParts:
    """Return the parts of the listing in the language of the request."""
    return _listing_parts(i18n.language())


@cache
def _listing_parts(_language: str) -> ListingParts:
    template = "catalogue/_listing.html"
    context = {
        "grades": grade_names(),
        "categories": category_names(),
        "delivery": CHEAPEST,
    }
    return ListingParts(
        cards=macro(template, "cards", **context),
        choices=lru_cache(maxsize=128)(macro(template, "choices", **context)),
    )


def grade_names() -> dict[str, str]:
    """Return the names of the grades by code in the language of the request."""
    return _names(i18n.language())[0]


def grade_meanings() -> dict[str, str]:
    """Return what each grade promises, by code."""
    return _names(i18n.language())[1]


def category_names() -> dict[str, str]:
    """Return the names of the categories by code."""
    return _names(i18n.language())[2]


@cache
def _names(_language: str) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    return (
        {grade.code: _(grade.name) for grade in GRADES},
        {grade.code: _(grade.means) for grade in GRADES},
        {code: _(name) for code, name in CATEGORIES.items()},
    )


def public(response: Response) -> Response:
    """Let browsers keep a page that looks the same to everybody, asking each time if it changed."""
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Speculation-Rules"] = f'"{urls.speculation_rules()}"'
    return response
