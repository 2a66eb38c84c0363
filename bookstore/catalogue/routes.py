"""The pages of the catalogue."""

from quart import Blueprint, Response

from bookstore.web.templating import page

blueprint = Blueprint("catalogue", __name__)


@blueprint.get("/")
async def index() -> Response:
    return page("catalogue/index.html")
