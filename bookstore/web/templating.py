"""Pages and fragments from one template, with Jinja's synchronous environment (Quart's own is
asynchronous and takes twice the time)."""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from quart import Response, current_app, request

from bookstore.settings import Settings
from bookstore.web import i18n, urls
from bookstore.web.csrf import csrf_token
from bookstore.web.idempotency import key_for_forms
from bookstore.web.responses import VARY, wants_fragment
from bookstore.web.sessions import looks_signed_in

_PACKAGE = Path(__file__).parent.parent
STATIC_DIR = _PACKAGE / "static"


def templates_dir() -> Path:
    """Return the templates: beside the package in a checkout, inside it when installed."""
    beside = _PACKAGE.parent / "templates"
    return beside if beside.is_dir() else _PACKAGE / "_templates"


def make_environment() -> Environment:
    """Return the environment of every template."""
    environment = Environment(
        loader=FileSystemLoader(templates_dir()),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        lambda message: i18n._translations(i18n.language()).gettext(message),
        lambda one, many, n: i18n._translations(i18n.language()).ngettext(one, many, n),
        newstyle=True,
    )
    environment.filters.update(
        date=i18n.date,
        date_time=i18n.date_time,
        time=i18n.time,
        iso=i18n.iso,
        number=i18n.number,
        language_name=i18n.language_name,
    )
    environment.globals.update(
        urls=urls,
        money=i18n.money,
        csrf_token=csrf_token,
        idempotency_key=key_for_forms,
        static=static_url,
        languages=i18n.LANGUAGES,
        language=i18n.language,
        here=i18n.requested_address,
        looks_signed_in=looks_signed_in,
    )
    environment.globals["macros"] = environment.get_template("macros.html").make_module()
    return environment


@cache
def static_url(name: str) -> str:
    """Return the address of a static file with a fingerprint, so that browsers keep it for good."""
    content = (STATIC_DIR / name).read_bytes()
    return f"{urls.static(name)}?v={hashlib.sha256(content).hexdigest()[:12]}"


def page(
    template: str, *, fragment: str | None = None, status: int = 200, **context: Any
) -> Response:
    """Render a page, or only its block `fragment` when htmx asks for a part of the page.

    Top-level `set` and `import` of the template are not seen by a fragment.
    """
    if fragment is not None and wants_fragment():
        return render_fragment(template, fragment, status=status, **context)
    return _response(_environment().get_template(template).render(_with_defaults(context)), status)


def render_fragment(template: str, fragment: str, *, status: int = 200, **context: Any) -> Response:
    """Render one block of a template."""
    loaded = _environment().get_template(template)
    scope = loaded.new_context(_with_defaults(context))
    return _response("".join(loaded.blocks[fragment](scope)), status)


def _response(html: str, status: int) -> Response:
    response = Response(html, status=status, content_type="text/html; charset=utf-8")
    response.headers["Vary"] = VARY
    return response


def _with_defaults(context: dict[str, Any]) -> dict[str, Any]:
    return {
        "replica": current_app.extensions["bookstore.settings"].replica,
        "public_origin": origin(),
        "path": request.path,
        "search": "",
        **context,
    }


def origin() -> str:
    """Return how readers reach the shop: as set, or as this very request did."""
    settings: Settings = current_app.extensions["bookstore.settings"]
    return settings.public_origin or f"{request.scheme}://{request.host}"


def _environment() -> Environment:
    environment: Environment = current_app.extensions["bookstore.templates"]
    return environment
