"""Publish, change and withdraw: what only a book's seller may do."""

import asyncio
from contextlib import suppress

import structlog
from quart import Response
from werkzeug.datastructures import FileStorage

from bookstore.catalogue import covers, isbn
from bookstore.catalogue.domain import NotACover
from bookstore.catalogue.forms import BookForm, EditForm, edit_form_of
from bookstore.catalogue.repository import Book
from bookstore.catalogue.routes.common import (
    blueprint,
    grade_meanings,
    grade_names,
    may_sell,
    the_catalogue,
    the_settings,
)
from bookstore.catalogue.service import StockChanged
from bookstore.catalogue.storage import StorageUnavailable, on_storage
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.idempotency import idempotent, request_key
from bookstore.web.page_error import not_found
from bookstore.web.responses import see_other, wants_fragment
from bookstore.web.sessions import login_required, required_person
from bookstore.web.stale import done_anyway, shown_again
from bookstore.web.templating import page

log = structlog.get_logger()

# Two pictures at once: each may take some hundred megabytes for a moment.
_painting = asyncio.Semaphore(2)


@blueprint.get("/sell")
@login_required
async def sell() -> Response:
    """Show an empty offer; an address that waits to be confirmed comes first."""
    if not await may_sell():
        return page("catalogue/confirm_first.html", person=await required_person())
    form = BookForm(currency=the_settings().currency)
    return _sell_page(form)


@blueprint.post("/sell")
@login_required
@idempotent
@shown_again
async def publish() -> Response:
    """Put a book on sale, or show what is wrong with the offer."""
    person = await required_person()
    if not await may_sell():
        return page("catalogue/confirm_first.html", person=person, status=403)
    form = await BookForm.from_request(currency=the_settings().currency)
    assert isinstance(form, BookForm)
    valid = form.validate()
    try:
        cover = await _cover_of(form)
    except StorageUnavailable:
        return _sell_page(form, status=503)
    if not valid or form.errors:
        return _sell_page(form, status=422)
    book_id = await the_catalogue().publish(
        person, form.terms(), form["copies"].data, cover, await request_key()
    )
    return see_other(urls.book(book_id))


@blueprint.post("/sell/look-up")
@login_required
@done_anyway
async def look_up() -> Response:
    """Fill the form in from what the catalogue knows of its ISBN. Only a cover is stored, and only
    when the whole page is rendered anew: a browser forgets the file that was chosen on it."""
    form = await BookForm.from_request(currency=the_settings().currency)
    assert isinstance(form, BookForm)
    if not wants_fragment():
        with suppress(StorageUnavailable):  # the form says so
            await _cover_of(form)
    number = isbn.isbn13_of(form["isbn"].data or "")
    if number is None:
        form["isbn"].errors = [
            _("This is no ISBN: a digit seems to be wrong. Check it, or leave the field empty.")
        ]
        return _sell_page(form, status=422, fragment="facts")
    known = await the_catalogue().known(number)
    if known is None:
        note = _("We do not know this ISBN yet. Please fill in the rest.")
    else:
        form.fill_in(known)
        note = _("Filled in from what we know of this ISBN. Check that it is your edition.")
    return _sell_page(form, note=note, fragment="facts")


@blueprint.get(f"/my/books/<{urls.ID}:book_id>")
@login_required
async def my_book(book_id: int) -> Response:
    """Show one of the seller's own books, to be changed."""
    book = await _own(book_id)
    return _edit_page(book, edit_form_of(book))


@blueprint.post(f"/my/books/<{urls.ID}:book_id>")
@login_required
@idempotent
@shown_again
async def change(book_id: int) -> Response:
    """Change a book, unless it was changed elsewhere since the form was shown."""
    book = await _own(book_id)
    form = await EditForm.from_request(currency=book.currency)
    assert isinstance(form, EditForm)
    valid = form.validate()
    try:
        uploaded = await _cover_of(form)
    except StorageUnavailable:
        return _edit_page(book, form, status=503)
    if not valid or form.errors:
        return _edit_page(book, form, status=422)
    try:
        await the_catalogue().change(
            await required_person(),
            book,
            form.terms(),
            copies=form["copies"].data,
            seen=form.seen(),
            cover=uploaded or (None if form["remove_cover"].data else book.cover),
        )
    except StockChanged as changed:
        form["copies"].errors = [
            _(
                "The copies left changed to %(left)s while you were editing, through a sale or a "
                "cancelled order. Check the number and save again.",
                left=changed.left,
            )
        ]
        form["stock_seen"].data = str(changed.left)
        return _edit_page(book, form, status=422)
    return see_other(urls.my_books(done="saved"))


@blueprint.post(f"/my/books/<{urls.ID}:book_id>/withdraw")
@login_required
@idempotent
async def withdraw(book_id: int) -> Response:
    """Take a book off sale; what is in checkouts stays theirs."""
    await the_catalogue().set_listed(await _own(book_id), False)
    return see_other(urls.my_books(done="withdrawn"))


@blueprint.post(f"/my/books/<{urls.ID}:book_id>/offer")
@login_required
@idempotent
async def offer_again(book_id: int) -> Response:
    """Put a withdrawn book back on sale."""
    await the_catalogue().set_listed(await _own(book_id), True)
    return see_other(urls.my_books(done="offered"))


async def _own(book_id: int) -> Book:
    book = await the_catalogue().own_book(await required_person(), book_id)
    if book is None:
        raise not_found()
    return book


async def _cover_of(form: BookForm) -> str | None:
    """Keep the cover that came with a form and return its name; write into the form why not. A
    form refused for other reasons remembers the cover, so that it need not be sent again. Raise
    StorageUnavailable, the form saying so, when the cover may be fine and cannot be kept now."""
    file = form.uploaded()
    remembered = form["kept_cover"].data or ""
    if file is None and not remembered:
        return None
    try:
        name = await _kept(file) if file is not None else await _remembered(remembered)
    except NotACover as refused:
        reasons = {
            "bytes": _("The picture is larger than 10 MB. Make it smaller and choose it again."),
            "pixels": _("The picture has more than 25 megapixels. Make it smaller and try again."),
            "tiny": _("The picture is too small to be seen. Take one of 40 pixels or more a side."),
            "kind": _("This is no picture we can read. Choose a JPEG, PNG or WebP file."),
            "code": _("The file holds more than a picture. Save it anew as JPEG or PNG."),
            "name": _("The file has a name we do not take. Rename it and choose it again."),
        }
        form["cover"].errors = [reasons[refused.reason]]
        name = None
    except StorageUnavailable as error:
        log.warning("storage unavailable", reason=str(error))
        form["cover"].errors = [
            _(
                "We cannot keep pictures at the moment. Send the form again in a minute, or "
                "without a picture: you can add it later."
            )
        ]
        raise
    form["kept_cover"].data = name or ""
    return name


async def _remembered(name: str) -> str | None:
    known = await on_storage(covers.exists, name, the_settings().media_dir)
    return name if known else None


async def _kept(file: FileStorage) -> str:
    covers.check_name(file.filename or "")
    content = file.read(covers.MAX_BYTES + 1)
    async with _painting:
        sizes = await asyncio.to_thread(covers.encoded, content)
    return await on_storage(covers.store, sizes, the_settings().media_dir)


def _sell_page(
    form: BookForm, *, status: int = 200, note: str | None = None, fragment: str | None = None
) -> Response:
    return page(
        "catalogue/sell.html",
        fragment=fragment,
        status=status,
        form=form,
        note=note,
        grades=grade_names(),
        meanings=grade_meanings(),
        currency=the_settings().currency,
    )


def _edit_page(book: Book, form: EditForm, *, status: int = 200) -> Response:
    return page(
        "catalogue/my_book.html",
        status=status,
        book=book,
        form=form,
        note=None,
        grades=grade_names(),
        meanings=grade_meanings(),
        currency=book.currency,
    )
