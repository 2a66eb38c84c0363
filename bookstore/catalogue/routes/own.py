"""My books: looked through, changed many at once, taken along as a file."""

import csv
import io
import re
from collections.abc import AsyncIterator

from quart import Response, request
from werkzeug.datastructures import MultiDict

from bookstore.catalogue import own_books
from bookstore.catalogue.own_books import PAGE, SORTS, STATES, Wish
from bookstore.catalogue.routes.common import blueprint, grade_names, the_catalogue
from bookstore.catalogue.service import Catalogue
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import ngettext
from bookstore.web.idempotency import idempotent
from bookstore.web.responses import see_other
from bookstore.web.sessions import login_required, required_person
from bookstore.web.templating import page


@blueprint.get("/my/books")
@login_required
async def my_books() -> Response:
    """List what a seller offers or has withdrawn, narrowed by the query."""
    return await _page(_wish(request.args))


@blueprint.post(urls.change_many_books())
@login_required
@idempotent
async def change_many() -> Response:
    """Change the chosen books, or all that the filters match, at once."""
    form = await request.form
    wish = _wish(form)
    action = form.get("action", "")
    percent = _percent(form.get("percent", "")) if action == "percent" else 0.0
    chosen = [int(text) for text in form.getlist("book") if re.fullmatch(r"[0-9]{1,18}", text)]
    if action not in own_books.ACTIONS or not (chosen or form.get("all")):
        return await _page(wish, problem=_("Choose books first, and what to do with them."))
    if percent is None:
        problem = _("Write by how many percent the prices are to change, from -90 to 400.")
        return await _page(wish, problem=problem)
    count = await the_catalogue().change_many(
        await required_person(), wish if form.get("all") else chosen, action, percent
    )
    return see_other(urls.my_books(**wish.address(), done="many", count=count))


@blueprint.get(urls.export_books())
@login_required
async def export_books() -> Response:
    """Send all that a seller has on sale, as a file that an import reads."""
    person = await required_person()
    response = Response(
        _exported(the_catalogue(), person.id), content_type="text/csv; charset=utf-8"
    )
    response.headers["Content-Disposition"] = 'attachment; filename="my-books.csv"'
    response.headers["Cache-Control"] = "no-store"
    return response


async def _exported(catalogue: Catalogue, seller_id: int) -> AsyncIterator[bytes]:
    yield "\ufeff".encode()
    async for cells in own_books.exported(catalogue.database, seller_id):
        out = io.StringIO()
        csv.writer(out).writerow(cells)
        yield out.getvalue().encode()


def _wish(given: MultiDict[str, str]) -> Wish:
    number = given.get("page", "")
    return Wish(
        text=" ".join(given.get("q", "").split())[:100],
        state=given.get("state", "") if given.get("state", "") in STATES else "",
        sort=given.get("sort", "") if given.get("sort", "") in SORTS else "newest",
        page=int(number) if re.fullmatch(r"[1-9][0-9]{0,5}", number) else 1,
    )


def _percent(text: str) -> float | None:
    """Return a percentage as people write it; None for what is none or would make no sense."""
    plain = text.strip().replace("−", "-").replace(",", ".").removesuffix("%").strip()
    if not re.fullmatch(r"[+-]?[0-9]{1,3}(\.[0-9]{1,2})?", plain) or not float(plain):
        return None
    return float(plain) if -90 <= float(plain) <= 400 else None


async def _page(wish: Wish, problem: str | None = None) -> Response:
    books, count = await the_catalogue().own_books(await required_person(), wish)
    given = request.args.get("count", "")
    changed = int(given) if re.fullmatch(r"[0-9]{1,9}", given) else 0
    many = count > own_books.COUNTED
    pages = max(1, -(-min(count, own_books.COUNTED) // PAGE))
    back = wish.page - 1 if books else min(wish.page - 1, pages)
    return page(
        "catalogue/my_books.html",
        status=422 if problem else 200,
        books=books[:PAGE],
        count=count,
        wish=wish,
        counted=own_books.COUNTED if many else None,
        pages=f"{pages}+" if many else pages,
        newer=urls.my_books(**wish.address(page=back)) if back else None,
        older=urls.my_books(**wish.address(page=wish.page + 1)) if len(books) > PAGE else None,
        states={
            "on-sale": _("On sale"),
            "sold-out": _("Sold out"),
            "withdrawn": _("Withdrawn"),
        },
        sorts={
            "newest": _("Newest"),
            "title": _("Title"),
            "price-up": _("Price: low to high"),
            "price-down": _("Price: high to low"),
        },
        grades=grade_names(),
        problem=problem,
        notice={
            "saved": _("Your changes are saved."),
            "withdrawn": _("The book is withdrawn. Nobody but you sees it now."),
            "offered": _("The book is on sale again."),
            "many": ngettext("%(num)s book changed.", "%(num)s books changed.", changed),
        }.get(request.args.get("done", "")),
    )
