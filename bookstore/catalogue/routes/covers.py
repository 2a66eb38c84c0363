"""Covers as files: named by their content, so that browsers keep them for good."""

from quart import Response, request

from bookstore.catalogue import covers
from bookstore.catalogue.routes.common import blueprint, the_settings
from bookstore.catalogue.storage import StorageUnavailable, on_storage
from bookstore.web.i18n import gettext as _
from bookstore.web.page_error import PageError, not_found


@blueprint.get("/covers/<name>")
async def cover(name: str) -> Response:
    """Send a picture, which never changes under its name."""
    if not covers.NAME.fullmatch(name):
        raise not_found()
    path = covers.folder(the_settings().media_dir) / name
    try:
        content = await on_storage(path.read_bytes)
    except FileNotFoundError as error:
        raise not_found() from error
    except StorageUnavailable as error:
        raise PageError(503, _("This picture cannot be read at the moment.")) from error
    response = Response(content, mimetype="image/webp")
    response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    response.set_etag(name)
    await response.make_conditional(request, accept_ranges=True, complete_length=len(content))
    return response
