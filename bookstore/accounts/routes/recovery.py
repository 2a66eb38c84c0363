"""The pages behind "Forgot your password?" and behind the links that come by mail.

Opening a link changes nothing, since mail scanners open links too: the page has a button.
"""

from quart import Response, request

from bookstore.accounts import recovery
from bookstore.accounts.forms import ForgotForm, NewPasswordForm
from bookstore.accounts.links import Link, Purpose
from bookstore.accounts.recovery import LinkEnded
from bookstore.accounts.routes.common import blueprint, signed_in, the_accounts
from bookstore.accounts.service import EmailTaken
from bookstore.web import i18n, urls
from bookstore.web.forms import ShopForm
from bookstore.web.i18n import gettext as _
from bookstore.web.idempotency import idempotent
from bookstore.web.responses import see_other
from bookstore.web.stale import signs_in
from bookstore.web.templating import page


@blueprint.get("/login/forgot")
async def forgot_form() -> Response:
    """Ask for the address of an account whose password is forgotten."""
    return _forgot_page(ForgotForm())


@blueprint.post("/login/forgot")
async def forgot() -> Response:
    """Mail a link if there is such an account; the answer is the same if there is none."""
    form = await ForgotForm.from_request()
    if not form.validate():
        return _forgot_page(form, status=422)
    if the_accounts().outbox.is_open:
        await recovery.ask_to_reset(
            the_accounts(), form["email"].data, i18n.language(), request.remote_addr or ""
        )
    return see_other(urls.forgot_password(sent=1))


@blueprint.get("/account/links/<token>")
async def open_link(token: str) -> Response:
    """Show what a mailed link does; nothing happens before a press."""
    try:
        link = await recovery.working_link(the_accounts(), token)
    except LinkEnded:
        return _ended_page()
    return _link_page(token, link, NewPasswordForm())


@blueprint.post("/account/links/<token>")
@idempotent
@signs_in
async def use_link(token: str) -> Response:
    """Do once what a mailed link is for: confirm, change the address or set a password."""
    accounts = the_accounts()
    try:
        link = await recovery.working_link(accounts, token)
        kind = NewPasswordForm if link.purpose == Purpose.RESET else ShopForm
        form = await kind.from_request()
        if not form.validate():
            return _link_page(token, link, form, status=422)
        if link.purpose == Purpose.CONFIRM:
            await recovery.confirm(accounts, token)
            return see_other(urls.account(done="confirmed"))
        if link.purpose != Purpose.RESET:
            _person, changed = await recovery.agree_to_change(accounts, token)
            return page("accounts/link_used.html", changed=changed, address=link.address)
        person = await recovery.reset(accounts, token, form["password"].data)
    except LinkEnded:
        return _ended_page()
    except EmailTaken:
        return _ended_page(
            _("Somebody has an account with this address meanwhile, so nothing was changed.")
        )
    return await signed_in(person, urls.account(done="reset"), told=True)


def _forgot_page(form: ForgotForm, *, status: int = 200) -> Response:
    return page(
        "accounts/forgot.html",
        form=form,
        status=status,
        sent="sent" in request.args,
        by_mail=the_accounts().outbox.is_open,
    )


def _link_page(token: str, link: Link, form: ShopForm, *, status: int = 200) -> Response:
    return page(
        "accounts/link.html",
        token=token,
        purpose=link.purpose.value,
        address=link.address,
        form=form,
        status=status,
    )


def _ended_page(reason: str | None = None) -> Response:
    return page("accounts/link_ended.html", reason=reason, status=410)
