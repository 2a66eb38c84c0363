"""What search engines, feed readers and browsers ask for beside the pages."""

import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from quart import Response, current_app, request

from bookstore.catalogue import search
from bookstore.catalogue.domain import CATEGORIES
from bookstore.catalogue.routes.common import blueprint, the_catalogue, the_settings
from bookstore.web import i18n, urls
from bookstore.web.i18n import gettext as _
from bookstore.web.page_error import not_found
from bookstore.web.responses import own_origin
from bookstore.web.templating import static_url

_HOUR = "public, max-age=3600"
_PRIVATE = ("/account", "/basket", "/checkout", "/login", "/my/", "/orders", "/pay", "/sales")


@blueprint.get("/robots.txt")
async def robots() -> Response:
    """Tell crawlers which pages are nobody's but a reader's own."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _PRIVATE)]
    lines += ["Disallow: /*?*sort=", "Disallow: /*?*after=", ""]
    lines.append(f"Sitemap: {own_origin()}{urls.sitemap()}")
    return _answer("\n".join(lines) + "\n", "text/plain")


@blueprint.get("/sitemap.xml")
async def sitemap() -> Response:
    """List the parts of the sitemap: the categories, and books in bounded numbers."""
    books = await the_catalogue().sitemap_parts()
    parts: list[int | str] = ["categories", *books] if books else []
    entries = "".join(
        f"<sitemap><loc>{own_origin()}{urls.sitemap(part)}</loc></sitemap>" for part in parts
    )
    return _xml("sitemapindex", "http://www.sitemaps.org/schemas/sitemap/0.9", entries)


@blueprint.get(urls.sitemap("categories"))
async def sitemap_categories() -> Response:
    """List the pages of the categories."""
    entries = "".join(
        f"<url><loc>{own_origin()}{urls.books(category=code)}</loc></url>" for code in CATEGORIES
    )
    return _xml("urlset", "http://www.sitemaps.org/schemas/sitemap/0.9", entries)


@blueprint.get("/sitemap-<int(max=99999999):part>.xml")
async def sitemap_part(part: int) -> Response:
    """List the books of one part, with the moment of their last change."""
    books = await the_catalogue().sitemap_part(part)
    if not books:
        raise not_found()
    entries = "".join(
        f"<url><loc>{own_origin()}{urls.book(book.id)}</loc>"
        f"<lastmod>{i18n.iso(book.updated_at)}</lastmod></url>"
        for book in books
    )
    return _xml("urlset", "http://www.sitemaps.org/schemas/sitemap/0.9", entries)


@blueprint.get("/feed")
async def feed() -> Response:
    """Return the newest books of a search as an Atom feed; it takes the listing's query."""
    wish = search.parse(request.args, the_settings().currency)
    wish = wish._replace(sort="newest", after=None)
    found = await the_catalogue().search(wish)
    moments = await the_catalogue().changed_at([card.id for card in found.cards])
    here = own_origin() + urls.feed(**wish.address())
    listing = own_origin() + urls.books(**wish.address())
    title = _("Books for “%(text)s”", text=wish.text) if wish.text else _("Second-hand books")
    latest = max(moments.values(), default=0)
    entries = "".join(
        f"<entry><id>{own_origin()}{urls.book(card.id)}</id>"
        f"<title>{escape(f'{card.title}, {card.author}')}</title>"
        f'<link href="{own_origin()}{urls.book(card.id)}"/>'
        f"<updated>{i18n.iso(moments.get(card.id, 0))}</updated>"
        f"<summary>{escape(i18n.money(card.price, card.currency))}</summary></entry>"
        for card in found.cards
    )
    body = (
        f"<id>{escape(listing)}</id><title>{escape(f'{title} · BookStore')}</title>"
        f"<updated>{i18n.iso(latest)}</updated><author><name>BookStore</name></author>"
        f'<link rel="self" href={quoteattr(here)}/><link href={quoteattr(listing)}/>{entries}'
    )
    return _xml("feed", "http://www.w3.org/2005/Atom", body, kind="application/atom+xml")


@blueprint.get("/opensearch.xml")
async def opensearch() -> Response:
    """Describe the search to browsers that offer it in their address bar."""
    template = own_origin() + urls.home() + "?q={searchTerms}"
    body = (
        "<ShortName>BookStore</ShortName>"
        f"<Description>{escape(_('Search second-hand books'))}</Description>"
        "<InputEncoding>UTF-8</InputEncoding>"
        f'<Url type="text/html" template={quoteattr(template)}/>'
        f'<Image type="image/svg+xml">{own_origin()}{static_url("icon.svg")}</Image>'
    )
    return _xml("OpenSearchDescription", "http://a9.com/-/spec/opensearch/1.1/", body)


@blueprint.get("/site.webmanifest")
async def manifest() -> Response:
    """Describe the shop to phones that keep it among their programs."""
    icons = [
        {"src": static_url(f"icon-{size}.png"), "sizes": f"{size}x{size}", "type": "image/png"}
        for size in (192, 512)
    ]
    about = {
        "name": "BookStore",
        "short_name": "BookStore",
        "description": _("Second-hand books from reader to reader."),
        "start_url": urls.home(),
        "display": "browser",
        "background_color": "#fbf7ef",
        "theme_color": "#1f5c4a",
        "icons": icons,
    }
    return _answer(json.dumps(about), "application/manifest+json")


@blueprint.get(urls.speculation_rules())
async def speculation_rules() -> Response:
    """Return which pages a browser may fetch when the pointer rests on their links: those that are
    the same for everybody."""
    likely = [urls.books(), *(f"{path}*" for path in urls.FOR_EVERYBODY)]
    rules = {"prefetch": [{"where": {"href_matches": likely}, "eagerness": "moderate"}]}
    return _answer(json.dumps(rules), "application/speculationrules+json")


@blueprint.get("/favicon.ico")
async def favicon() -> Any:
    """Send the icon that browsers ask for without being told."""
    return await current_app.send_static_file("favicon.ico")


def _xml(root: str, namespace: str, body: str, *, kind: str = "application/xml") -> Response:
    text = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{namespace}">{body}</{root}>\n'
    return _answer(text, kind)


def _answer(text: str, kind: str) -> Response:
    response = Response(text, content_type=f"{kind}; charset=utf-8")
    response.headers["Cache-Control"] = _HOUR
    response.headers["Vary"] = "Accept-Language, Cookie"
    return response
