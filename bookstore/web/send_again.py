"""What a form gets that is out of date, or whose sender is not signed in any more: its answer, if
it was sent before; else, where nothing harmless is to be done at once and the handler does not
show it again itself, a page that holds all that was typed and a button to send it again."""

from quart import Response, g, request

from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.idempotency import answer_given_before
from bookstore.web.inbound import inbound
from bookstore.web.page_error import PageError, SignedOut
from bookstore.web.responses import see_other
from bookstore.web.sessions import session_token
from bookstore.web.stale import Treatment, sentence, stale, treatment
from bookstore.web.templating import page

_NOT_CONTENTS = {"csrf_token", "idempotency_key"}
_NOT_SHOWN = ("password", "current", "card_number", "cvc")  # what no page may hold


async def answer_to_stale() -> Response | None:
    """Return the answer to a form that is out of date; None when its handler is to give it."""
    reason = stale()
    if reason is None:
        return None
    given = await answer_given_before()
    if given is not None:
        return given
    if treatment() in {Treatment.DONE, Treatment.SIGNS_IN} and session_token() is not None:
        g.stale = None
        return None
    if treatment() in {Treatment.SHOWN, Treatment.SIGNS_IN}:
        return None
    contents = await _contents()
    if _holds_secrets(contents):
        raise PageError(
            403,
            _(
                "This form is out of date, and no page may hold its secrets. "
                "Go back, reload the page and fill it in again."
            ),
        )
    return await _send_again_page(contents, sentence(reason))


async def answer_to_signed_out(error: SignedOut) -> Response:
    """Return the page that sends a form again once its sender has signed in."""
    contents = await _contents()
    sign_in = urls.login(next=error.wanted if error.wanted != "/" else None)
    if inbound().htmx or not contents or _holds_secrets(contents):
        return see_other(sign_in)
    said = _("You are not signed in any more, so nothing was done yet.")
    return await _send_again_page(contents, said, sign_in=sign_in)


async def _contents() -> list[tuple[str, str]]:
    """Return what was typed into the form at hand, or chosen on it."""
    return [
        (name, value)
        for name, value in (await request.form).items(multi=True)
        if name and name not in _NOT_CONTENTS
    ]


def _holds_secrets(contents: list[tuple[str, str]]) -> bool:
    return any(part in name for name, _value in contents for part in _NOT_SHOWN)


async def _send_again_page(
    contents: list[tuple[str, str]], said: str, *, sign_in: str | None = None
) -> Response:
    """Return a page that sends a form again, with a fresh token and a fresh key."""
    response = page(
        "send_again.html",
        status=422,
        action=request.full_path.rstrip("?"),
        contents=contents,
        picture=any(file.filename for file in (await request.files).values()),
        sentence=said,
        sign_in=sign_in,
    )
    if inbound().htmx:
        response.headers["HX-Retarget"] = "body"
        response.headers["HX-Reswap"] = "innerHTML"
    return response
