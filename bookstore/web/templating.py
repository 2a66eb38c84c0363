"""Pages and fragments from one template, with Jinja's synchronous environment (Quart's own is
asynchronous and takes twice the time).

Templates are compiled once for each language. What then is the same on every page, such as texts
without variables and addresses without numbers, becomes part of the compiled template.
"""

import asyncio
import hashlib
import re
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, nodes
from jinja2.visitor import NodeTransformer
from markupsafe import Markup
from quart import Response, current_app, request

from bookstore.money import example as price_example
from bookstore.web import addresses, i18n, urls
from bookstore.web.csrf import csrf_token
from bookstore.web.idempotency import key_for_forms
from bookstore.web.responses import VARY, own_origin, wants_fragment
from bookstore.web.sessions import looks_signed_in

_PACKAGE = Path(__file__).parent.parent
STATIC_DIR = _PACKAGE / "static"
PREPARED = (
    "layout.html", "catalogue/front.html", "catalogue/index.html", "catalogue/_listing.html",
    "catalogue/book.html",
)  # fmt: skip
_NOTHING = Markup()
_VARIABLE = re.compile(r"%\((\w+)\)s")


def templates_dir() -> Path:
    """Return the templates: beside the package in a checkout, inside it when installed."""
    beside = _PACKAGE.parent / "templates"
    return beside if beside.is_dir() else _PACKAGE / "_templates"


class Templates(Environment):
    """The templates in one language."""

    def __init__(self, language: str) -> None:
        super().__init__(
            loader=FileSystemLoader(templates_dir()),
            autoescape=True,
            auto_reload=False,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n"],
        )
        translations = i18n.translations(language)
        self.translated: Callable[[str], str] = translations.gettext
        self.install_gettext_callables(  # type: ignore[attr-defined]
            translations.gettext, translations.ngettext, newstyle=True
        )
        self.filters.update(
            date=i18n.date,
            date_time=_element(i18n.date_time, "date-time"),
            time=_element(i18n.time, "time"),
            iso=i18n.iso,
            number=i18n.number,
            language_name=i18n.language_name,
            money=i18n.money,
            lang_of=_lang_of,
            book_address=urls.book,
            cover_address=urls.cover,
        )
        self.globals.update(
            urls=urls,
            money=i18n.money,
            price_example=lambda currency: price_example(currency, i18n.locale()),
            csrf_token=csrf_token,
            idempotency_key=key_for_forms,
            static=static_url,
            languages=i18n.LANGUAGES,
            language=i18n.language,
            lang_of=_lang_of,
            here=i18n.requested_address,
            with_language=addresses.with_language,
            looks_signed_in=looks_signed_in,
        )
        self._constant: dict[str, Callable[..., Any]] = {
            # Newstyle gettext fills in its variables with %, none here.
            "_": lambda text: Markup(translations.gettext(text)) % {},  # noqa: S704 - ours
            "static": static_url,
            "language": lambda: language,
        }
        self.globals["macros"] = self.get_template("macros.html").make_module()

    def compile(self, source: Any, *arguments: Any, **options: Any) -> Any:
        """Compile a template after working out what does not change."""
        if isinstance(source, str):
            name, filename = (*arguments, None, None)[:2]
            source = _Constants(self, self._constant).visit(self.parse(source, name, filename))
        return super().compile(source, *arguments, **options)


def _lang_of(code: str | None) -> Markup:
    """Return the attribute for words in a language other than the page's, where it is known."""
    return _lang(code) if code and code != "mul" and code != i18n.language() else _NOTHING


@lru_cache(maxsize=256)
def _lang(code: str) -> Markup:
    return Markup(' lang="{}"').format(code)


def _element(write: Callable[[int], str], style: str) -> Callable[[int], Markup]:
    """Return what writes a moment as an element that app.js turns into the reader's own time."""

    def element(moment: int) -> Markup:
        return Markup('<time datetime="{}" data-local="{}">{}</time>').format(
            i18n.iso(moment), style, write(moment)
        )

    return element


class _Constants(NodeTransformer):
    """Put the value of a call in its place where its arguments are written out, and the pieces of
    a translated text around its variables."""

    def __init__(self, environment: "Templates", constant: dict[str, Callable[..., Any]]) -> None:
        self._environment = environment
        self._constant = constant

    def visit_Output(self, node: nodes.Output) -> nodes.Node:
        self.generic_visit(node)
        node.nodes = [piece for child in node.nodes for piece in self._pieces(child)]
        return node

    def _pieces(self, node: nodes.Expr) -> list[nodes.Expr]:
        """Return `_("by %(name)s", name=x)` as its text and `x`, each written by itself."""
        if not (
            isinstance(node, nodes.Call)
            and isinstance(node.node, nodes.Name)
            and node.node.name == "_"
            and len(node.args) == 1
            and isinstance(node.args[0], nodes.Const)
            and not (node.dyn_args or node.dyn_kwargs)
        ):
            return [node]
        given = {pair.key: pair.value for pair in node.kwargs}
        pieces: list[nodes.Expr] = []
        text = self._environment.translated(node.args[0].value)
        for number, part in enumerate(_VARIABLE.split(text)):
            if number % 2:
                pieces.append(given[part])
            elif part:
                pieces.append(nodes.TemplateData(part.replace("%%", "%"), lineno=node.lineno))
        return pieces

    def visit_Call(self, node: nodes.Call) -> nodes.Node:
        self.generic_visit(node)
        function = self._function(node.node)
        if function is None or node.dyn_args or node.dyn_kwargs:
            return node
        try:
            values = [argument.as_const() for argument in node.args]
            named = {pair.key: pair.value.as_const() for pair in node.kwargs}
            value = function(*values, **named)
        except (nodes.Impossible, TypeError):
            return node
        return nodes.Const(value, lineno=node.lineno, environment=self._environment)

    def _function(self, callee: nodes.Node) -> Callable[..., Any] | None:
        if isinstance(callee, nodes.Name):
            return self._constant.get(callee.name)
        if isinstance(callee, nodes.Getattr) and isinstance(callee.node, nodes.Name):
            found: Callable[..., Any] | None = getattr(urls, callee.attr, None)
            return found if callee.node.name == "urls" else None
        return None


@cache
def make_environments() -> dict[str, Templates]:
    """Return the templates in every language, compiled once however many shops a process makes."""
    return {language: Templates(language) for language in i18n.LANGUAGES}


async def prepare(environments: dict[str, Templates]) -> None:
    """Compile what most readers see, one template after the other and beside the event loop, so
    that whoever comes first to a fresh replica need not wait for it."""
    for environment in environments.values():
        for name in PREPARED:
            await asyncio.to_thread(environment.get_template, name)


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


def render_fragment(template: str, *fragments: str, status: int = 200, **context: Any) -> Response:
    """Render one block of a template, or several one after the other."""
    loaded = _environment().get_template(template)
    scope = loaded.new_context(_with_defaults(context))
    html = "".join("".join(loaded.blocks[fragment](scope)) for fragment in fragments)
    return _response(html, status)


def macro(template: str, name: str, **context: Any) -> Callable[..., Markup]:
    """Return a macro of a template, in the language in use, as a function."""
    function: Callable[..., Markup] = getattr(
        _environment().get_template(template).make_module(context), name
    )
    return function


def _response(html: str, status: int) -> Response:
    response = Response(html, status=status, content_type="text/html; charset=utf-8")
    response.headers["Vary"] = VARY
    return response


def _with_defaults(context: dict[str, Any]) -> dict[str, Any]:
    return {
        "public_origin": own_origin(),
        "path": request.path,
        "search": "",
        **context,
    }


def _environment() -> Environment:
    environments: dict[str, Templates] = current_app.extensions["bookstore.templates"]
    return environments[i18n.language()]
