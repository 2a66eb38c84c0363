"""Forms that are out of date: opened days ago, opened before somebody signed in or out in another
tab, or sent before with other contents.

What becomes of one, the handler says: where it is harmless it is done (`done_anyway`), where the
handler shows the form again when something in it is wrong it does so now (`shown_again`), signing
in is either, by whether the browser keeps cookies (`signs_in`), and everywhere else a page asks
whether to send it again.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from quart import current_app, g, has_request_context, request

from bookstore.web.i18n import gettext as _


class Reason(StrEnum):
    """Why a form is out of date."""

    SESSION = "session"
    COOKIES = "cookies"
    AGE = "age"
    CONTENTS = "contents"


class Treatment(StrEnum):
    """What becomes of a form that is out of date."""

    DONE = "done"
    SHOWN = "shown"
    SIGNS_IN = "signs in"
    ASKED = "asked"


def done_anyway[H: Callable[..., Any]](handler: H) -> H:
    """Have a handler take forms that are out of date: what it does harms nobody."""
    return _treated(handler, Treatment.DONE)


def shown_again[H: Callable[..., Any]](handler: H) -> H:
    """Have a handler show forms that are out of date again: its ShopForm says that it is not valid
    and why."""
    return _treated(handler, Treatment.SHOWN)


def signs_in[H: Callable[..., Any]](handler: H) -> H:
    """Have a handler that starts a session take forms that are out of date, but show them again,
    as above, where no cookie came along: there the session might be of somebody else's choosing."""
    return _treated(handler, Treatment.SIGNS_IN)


def treatment() -> Treatment:
    """Return what becomes of a form for the request at hand that is out of date."""
    handler = current_app.view_functions.get(request.endpoint or "")
    found: Treatment = getattr(handler, "stale_form", Treatment.ASKED)
    return found


def set_stale(reason: Reason) -> None:
    """Note that the form which the request at hand brings is out of date."""
    g.stale = reason


def stale() -> Reason | None:
    """Return why the form that the request at hand brings is out of date, or None."""
    reason: Reason | None = getattr(g, "stale", None) if has_request_context() else None
    return reason


def sentence(reason: Reason) -> str:
    """Say why a form is out of date, and what to do."""
    return {
        Reason.SESSION: _(
            "You signed in or out since this form was opened, so nothing was done yet. "
            "Look through it and send it again."
        ),
        Reason.COOKIES: _(
            "Your browser brought no cookie of this shop along, so nothing was done yet. Send it "
            "again; if this comes back, allow cookies for this shop."
        ),
        Reason.AGE: _(
            "This form was opened long ago, so nothing was done yet. "
            "Look through it and send it again."
        ),
        Reason.CONTENTS: _(
            "This form was sent before with other contents, so nothing more was done. "
            "Look through it and send it again."
        ),
    }[reason]


def _treated[H: Callable[..., Any]](handler: H, treatment: Treatment) -> H:
    handler.stale_form = treatment  # type: ignore[attr-defined]  # decorators around it copy it
    return handler
