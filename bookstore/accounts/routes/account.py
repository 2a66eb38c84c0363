"""The page of one's own account: name, address, password, mails, sessions."""

from quart import Response, current_app, request

from bookstore.accounts import recovery
from bookstore.accounts.browsers import browser_and_system
from bookstore.accounts.checks import WrongPassword
from bookstore.accounts.forms import EmailForm, MailsForm, NameForm, PasswordForm
from bookstore.accounts.passkeys import offered
from bookstore.accounts.routes.common import blueprint, password_problem, the_accounts
from bookstore.accounts.throttle import TooManyTries
from bookstore.mail.kinds import TOPICS
from bookstore.mail.sweep import read_unsubscribe_token
from bookstore.web import i18n, urls
from bookstore.web.i18n import gettext as _
from bookstore.web.idempotency import idempotent
from bookstore.web.page_error import not_found
from bookstore.web.responses import own_origin, see_other
from bookstore.web.sessions import (
    login_required,
    required_person,
    session_token,
    token_hash,
)
from bookstore.web.stale import shown_again
from bookstore.web.templating import page


@blueprint.get("/account")
@login_required
async def account() -> Response:
    """Show a person's own data, mails and sessions."""
    return await account_page()


@blueprint.post("/account")
@login_required
@idempotent
@shown_again
async def rename() -> Response:
    """Change the name that others see."""
    person = await required_person()
    form = await NameForm.from_request()
    if not form.validate():
        return await account_page(names=form, status=422)
    await the_accounts().rename(person, form["name"].data)
    return see_other(urls.account(done="name"))


@blueprint.post("/account/password")
@login_required
@idempotent
@shown_again
async def change_password() -> Response:
    """Replace the password, given the current one, and end other sessions if asked to."""
    person = await required_person()
    form = await PasswordForm.from_request()
    if not form.validate():
        return await account_page(password=form, status=422)
    try:
        await the_accounts().change_password(
            person, current=form["current"].data, new=form["password"].data
        )
    except (WrongPassword, TooManyTries) as error:
        problem, status = password_problem(error)
        form["current"].errors = [problem]
        return await account_page(password=form, status=status)
    if form["end_others"].data:
        await the_accounts().end_others(person, session_token() or "")
    return see_other(urls.account(done="password"))


@blueprint.post("/account/sessions")
@login_required
@idempotent
async def end_others() -> Response:
    """Sign out everywhere but in this browser."""
    await the_accounts().end_others(await required_person(), session_token() or "")
    return see_other(urls.account(done="sessions"))


@blueprint.post("/account/confirm")
@login_required
@idempotent
async def send_confirmation() -> Response:
    """Mail another link that confirms the address."""
    await recovery.ask_to_confirm(the_accounts(), await required_person(), i18n.language())
    return see_other(urls.account(done="confirmation"))


@blueprint.post("/account/email")
@login_required
@idempotent
@shown_again
async def change_email() -> Response:
    """Mail both addresses, given the current password; the change waits for their answer."""
    person = await required_person()
    form = await EmailForm.from_request()
    if not form.validate():
        return await account_page(email=form, status=422)
    try:
        await recovery.ask_to_change(
            the_accounts(),
            person,
            form["email"].data.strip(),
            form["current"].data,
            i18n.language(),
        )
    except (WrongPassword, TooManyTries) as error:
        problem, status = password_problem(error)
        form["current"].errors = [problem]
        return await account_page(email=form, status=status)
    return see_other(urls.account(done="email"))


@blueprint.post("/account/mails")
@login_required
@idempotent
async def choose_mails() -> Response:
    """Keep which topics a person wants mail about."""
    person = await required_person()
    form = await MailsForm.from_request()
    await the_accounts().mute(person.id, [topic for topic in TOPICS if not form[topic].data])
    return see_other(urls.account(done="mails"))


@blueprint.get("/account/unsubscribe/<token>")
async def unsubscribe_form(token: str) -> Response:
    """Ask before a link from a mail stops its topic, since programs open links too."""
    _person_and_topic(token)
    return page("accounts/unsubscribe.html", token=token, done=False)


@blueprint.post("/account/unsubscribe/<token>")
async def unsubscribe(token: str) -> Response:
    """Stop a topic, by the button of the page or by a mail program's own."""
    person_id, topic = _person_and_topic(token)
    contact = (await the_accounts().contacts([person_id])).get(person_id)
    if contact is not None:
        await the_accounts().mute(person_id, sorted({*contact.muted, topic}))
    return page("accounts/unsubscribe.html", token=token, done=True)


def _person_and_topic(token: str) -> tuple[int, str]:
    found = read_unsubscribe_token(current_app.extensions["bookstore.mail_key"], token)
    if found is None:
        raise not_found()
    return found


async def account_page(
    *,
    names: NameForm | None = None,
    email: EmailForm | None = None,
    password: PasswordForm | None = None,
    status: int = 200,
) -> Response:
    """Render the page, with a form that was refused in its place."""
    person = await required_person()
    accounts = the_accounts()
    contact = (await accounts.contacts([person.id]))[person.id]
    notices = {
        "name": _("Your name was changed."),
        "password": _("Your password was changed."),
        "sessions": _("Every other session was ended."),
        "confirmation": _("A mail with a link is on its way to you."),
        "email": _("Two mails are on their way, to the old and the new address. Confirm in both."),
        "mails": _("Your choice is saved."),
        "confirmed": _("Your address is confirmed."),
        "second_step_off": _("The second step is switched off."),
        "reset": _("Your new password is set, and every other session was ended."),
    }
    return page(
        "accounts/account.html",
        status=status,
        person=person,
        contact=contact,
        by_mail=accounts.outbox.is_open,
        passkeys=offered(own_origin()),
        names=names or NameForm(name=person.name),
        email=email or EmailForm(),
        password=password or PasswordForm(),
        mails=MailsForm(data={topic: topic not in contact.muted for topic in TOPICS}),
        sessions=await accounts.sessions(person),
        browser_and_system=browser_and_system,
        this_session=token_hash(session_token() or ""),
        notice=notices.get(request.args.get("done", "")),
    )
