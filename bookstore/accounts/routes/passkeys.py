"""Passkeys: add and remove them on the account page, sign in with one."""

from quart import Response, current_app, request

from bookstore.accounts.browsers import browser_and_system
from bookstore.accounts.passkeys import Passkeys, Refused
from bookstore.accounts.routes.common import blueprint, start_session
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.page_error import PageError
from bookstore.web.responses import own_origin, see_other
from bookstore.web.security import Event, note
from bookstore.web.sessions import login_required, required_person
from bookstore.web.stale import done_anyway
from bookstore.web.templating import page


def the_passkeys() -> Passkeys:
    """Return the passkeys of the application that answers."""
    passkeys: Passkeys = current_app.extensions["bookstore.passkeys"]
    return passkeys


@blueprint.get("/account/passkeys")
@login_required
async def passkeys() -> Response:
    """List a person's passkeys, with what the browser needs to make another."""
    person = await required_person()
    return page(
        "accounts/passkeys.html",
        passkeys=await the_passkeys().of(person),
        options=await the_passkeys().options_to_add(person, own_origin()),
    )


@blueprint.post("/account/passkeys")
@login_required
async def add_passkey() -> Response:
    """Keep a passkey that the browser made, named after browser and system."""
    person = await required_person()
    browser, system = browser_and_system(request.headers.get("User-Agent", ""))
    name = " · ".join(filter(None, (system, browser))) or _("Passkey")
    try:
        await the_passkeys().add(person, await _answer(), own_origin(), name)
    except Refused as refusal:
        raise _page_error(refusal) from refusal
    note(Event.PASSKEYS_CHANGED, person=person.id, added=True)
    return see_other(urls.account_passkeys())


@blueprint.post("/account/passkeys/<int(max=9223372036854775807):passkey_id>/remove")
@login_required
async def remove_passkey(passkey_id: int) -> Response:
    """Forget one of a person's own passkeys; an unknown one changes nothing."""
    person = await required_person()
    if await the_passkeys().remove(person, passkey_id):
        note(Event.PASSKEYS_CHANGED, person=person.id, added=False)
    return see_other(urls.account_passkeys())


@blueprint.post("/login/passkey")
@done_anyway
async def sign_in_with_passkey() -> Response:
    """Start a session for whoever holds the key to an account."""
    try:
        person = await the_passkeys().sign_in(await _answer(), own_origin())
    except Refused as refusal:
        raise _page_error(refusal) from refusal
    return await start_session(person, (await request.form).get("next"))


async def _answer() -> str:
    return str((await request.form).get("credential", ""))[:20_000]


def _page_error(refusal: Refused) -> PageError:
    note(Event.PASSKEY_REFUSED, reason=str(refusal)[:200])
    return PageError(
        422,
        _("The passkey was not accepted. Go back, reload the page and try again."),
    )
