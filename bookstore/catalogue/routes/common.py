"""What the pages of the catalogue share."""

from quart import Blueprint, Response, current_app

from bookstore.catalogue.domain import CATEGORIES, GRADES, LARGEST_ID
from bookstore.catalogue.service import Catalogue
from bookstore.settings import Settings
from bookstore.web.i18n import gettext as _

blueprint = Blueprint("catalogue", __name__)
# Numbers that no database can hold are no ids of anything: 404.
ID = f"int(max={LARGEST_ID})"


def the_catalogue() -> Catalogue:
    catalogue: Catalogue = current_app.extensions["bookstore.catalogue"]
    return catalogue


def the_settings() -> Settings:
    settings: Settings = current_app.extensions["bookstore.settings"]
    return settings


def grade_names() -> dict[str, str]:
    """Return the names of the grades by code in the language of the request."""
    return {grade.code: _(grade.name) for grade in GRADES}


def grade_meanings() -> dict[str, str]:
    """Return what each grade promises, by code."""
    return {grade.code: _(grade.means) for grade in GRADES}


def category_names() -> dict[str, str]:
    """Return the names of the categories by code."""
    return {code: _(name) for code, name in CATEGORIES.items()}


def public(response: Response) -> Response:
    """Let browsers keep a page that looks the same to everybody, asking each time if it changed."""
    response.headers["Cache-Control"] = "private, no-cache"
    return response
