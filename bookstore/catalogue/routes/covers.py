"""Covers as files: named by their content, so that browsers keep them for good."""

from quart import Response, send_from_directory
from werkzeug.exceptions import NotFound

from bookstore.catalogue import covers
from bookstore.catalogue.routes.common import blueprint, the_settings
from bookstore.web.errors import not_found


@blueprint.get("/covers/<name>")
async def cover(name: str) -> Response:
    if not covers.NAME.fullmatch(name):
        raise not_found()
    try:
        response = await send_from_directory(
            covers.folder(the_settings().media_dir), name, mimetype="image/webp"
        )
    except NotFound as error:
        raise not_found() from error
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    return response
