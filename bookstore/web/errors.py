"""Errors as pages: what is wrong and what to do, in the reader's language."""

import structlog
from quart import Quart, Response, current_app, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from bookstore.contracts import SiblingUnavailable
from bookstore.data.queries import DatabaseUnavailable
from bookstore.web.csrf import SAFE_METHODS
from bookstore.web.i18n import gettext as _
from bookstore.web.inbound import inbound
from bookstore.web.page_error import PageError, SignedOut, not_found
from bookstore.web.responses import see_other
from bookstore.web.send_again import answer_to_signed_out
from bookstore.web.templating import page

log = structlog.get_logger()


def install(app: Quart) -> None:
    """Answer every kind of error with a page."""
    app.register_error_handler(PageError, _on_page_error)
    app.register_error_handler(SignedOut, answer_to_signed_out)
    app.register_error_handler(DatabaseUnavailable, _on_database_unavailable)
    app.register_error_handler(SiblingUnavailable, _on_sibling_unavailable)
    app.register_error_handler(HTTPException, _on_http_exception)
    app.register_error_handler(Exception, _on_exception)


def error_page(status: int, text: str) -> Response:
    """Return the error page; htmx gets it whole and puts it in place of the page."""
    response = page("error.html", status=status, code=status, title=_title(status), text=text)
    response.headers["Cache-Control"] = "no-store"
    if inbound().htmx:
        response.headers["HX-Retarget"] = "body"
        response.headers["HX-Reswap"] = "innerHTML"
    return response


async def _on_page_error(error: PageError) -> Response:
    return error_page(error.status, error.text)


async def _on_database_unavailable(error: DatabaseUnavailable) -> Response:
    log.warning("database unavailable", reason=str(error))
    response = error_page(
        503,
        _(
            "Our database does not answer at the moment. Nothing of yours is lost; "
            "please try again in a few seconds."
        ),
    )
    response.headers["Retry-After"] = "2"
    return response


async def _on_sibling_unavailable(error: SiblingUnavailable) -> Response:
    texts = {
        "accounts": _(
            "We cannot see at the moment whether you are signed in. Browsing goes on; "
            "please try this again in a few seconds."
        ),
        "catalogue": _(
            "The catalogue does not answer at the moment. Your basket is kept; "
            "please try again in a few seconds."
        ),
        "orders": _(
            "The orders do not answer at the moment. Nothing was changed; "
            "please try again in a few seconds."
        ),
    }
    response = error_page(503, texts[error.sibling])
    response.headers["Retry-After"] = "2"
    return response


async def _on_http_exception(error: HTTPException) -> Response:
    if isinstance(error, MethodNotAllowed) and request.method in SAFE_METHODS:
        above = _page_above(request.path)
        if above is not None:
            return see_other(above)
    texts = {
        400: _("The request could not be understood."),
        404: not_found().text,
        405: _("This address does not take that kind of request."),
        413: _("That is too large. A cover may have up to 10 MB."),
    }
    status = error.code or 500
    response = error_page(status, texts.get(status, error.description or _title(status)))
    for name, value in error.get_headers():
        if name.lower() in {"allow", "retry-after"}:
            response.headers[name] = value
    return response


def _page_above(path: str) -> str | None:
    """Return the page that an address for forms alone belongs to: where a form was refused, its
    sender may reload that address, or follow it in the other language."""
    addresses = current_app.create_url_adapter(request)
    while addresses is not None and (path := path.rpartition("/")[0]):
        try:
            addresses.match(path, method="GET")
        except HTTPException:
            continue
        return path
    return None


async def _on_exception(error: Exception) -> Response:
    log.error("request failed", exc_info=error)
    return error_page(500, _("Something went wrong on our side. We have written it down."))


def _title(status: int) -> str:
    titles = {
        400: _("Bad request"),
        403: _("Not allowed"),
        404: _("Not found"),
        405: _("Method not allowed"),
        409: _("Already under way"),
        413: _("Too large"),
        429: _("Too many attempts"),
        500: _("Something went wrong"),
        503: _("Back in a moment"),
    }
    return titles.get(status, _("Error"))
