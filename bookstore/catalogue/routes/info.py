"""Help and the small print: templates/info/, which an operator fills in."""

from quart import Response

from bookstore.catalogue.routes.common import blueprint, public, the_settings
from bookstore.web.templating import page


@blueprint.get("/<any(help, privacy, terms, accessibility):name>")
async def info(name: str) -> Response:
    """Show a page of the operator's: help, privacy, terms or accessibility."""
    settings = the_settings()
    return public(
        page(
            f"info/{name}.html",
            operator=settings.operator,
            hold_minutes=settings.hold_minutes,
            by_mail=settings.smtp_url is not None,
        )
    )
