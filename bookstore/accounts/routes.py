"""The pages of accounts."""

from quart import Blueprint, Response, current_app, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from bookstore.accounts.browsers import browser_and_system
from bookstore.accounts.forms import LoginForm, NameForm, PasswordForm, RegisterForm
from bookstore.accounts.service import Accounts, EmailTaken, TooManyFailures, WrongPassword
from bookstore.contracts import Person
from bookstore.web import urls
from bookstore.web.errors import not_found
from bookstore.web.i18n import gettext as _
from bookstore.web.idempotency import idempotent, request_key
from bookstore.web.responses import see_other
from bookstore.web.sessions import (
    current_person,
    forget_cookie,
    login_required,
    required_person,
    session_token,
    set_session_cookie,
    token_hash,
)
from bookstore.web.templating import page

blueprint = Blueprint("accounts", __name__)


def _accounts() -> Accounts:
    accounts: Accounts = current_app.extensions["bookstore.accounts"]
    return accounts


@blueprint.get("/register")
async def register_form() -> Response | AnyResponse:
    if await current_person() is not None:
        return redirect(urls.home())
    form = RegisterForm(next=request.args.get("next", ""))
    return page("accounts/register.html", form=form)


@blueprint.post("/register")
async def register() -> Response:
    form = await RegisterForm.from_request()
    if not form.validate():
        return page("accounts/register.html", form=form, status=422)
    try:
        person = await _accounts().register(
            email=form["email"].data,
            name=form["name"].data,
            password=form["password"].data,
            form_key=await request_key(),
        )
    except EmailTaken:
        form["email"].errors = [
            _("There is an account with this e-mail address already. Sign in instead.")
        ]
        return page("accounts/register.html", form=form, status=422)
    return await _signed_in(person, form["next"].data)


@blueprint.get("/login")
async def login_form() -> Response | AnyResponse:
    if await current_person() is not None:
        return redirect(urls.safe_next(request.args.get("next"), urls.home()))
    form = LoginForm(next=request.args.get("next", ""))
    return page("accounts/login.html", form=form, problem=None)


@blueprint.post("/login")
async def login() -> Response:
    form = await LoginForm.from_request()
    if not form.validate():
        return page("accounts/login.html", form=form, problem=None, status=422)
    try:
        person = await _accounts().check_password(
            email=form["email"].data,
            password=form["password"].data,
            address=request.remote_addr or "",
        )
    except WrongPassword:
        problem = _("E-mail and password do not fit. Check both and try again.")
        return page("accounts/login.html", form=form, problem=problem, status=422)
    except TooManyFailures:
        problem = _("Too many attempts. Wait a quarter of an hour and try again.")
        response = page("accounts/login.html", form=form, problem=problem, status=429)
        response.headers["Retry-After"] = "900"
        return response
    return await _signed_in(person, form["next"].data)


@blueprint.post("/logout")
async def logout() -> Response:
    token = session_token()
    if token is not None:
        await _accounts().sign_out(token)
    response = see_other(urls.home())
    forget_cookie(response, "session")
    return response


@blueprint.get("/account")
@login_required
async def account() -> Response:
    person = await required_person()
    return await _account_page(NameForm(name=person.name), PasswordForm())


@blueprint.post("/account")
@login_required
@idempotent
async def rename() -> Response:
    person = await required_person()
    form = await NameForm.from_request()
    if not form.validate():
        return await _account_page(form, PasswordForm(), status=422)
    await _accounts().rename(person, form["name"].data)
    return see_other(urls.account(done="name"))


@blueprint.post("/account/password")
@login_required
@idempotent
async def change_password() -> Response:
    person = await required_person()
    names = NameForm(name=person.name)
    form = await PasswordForm.from_request()
    if not form.validate():
        return await _account_page(names, form, status=422)
    try:
        await _accounts().change_password(
            person, current=form["current"].data, new=form["password"].data
        )
    except WrongPassword:
        form["current"].errors = [_("This is not your current password.")]
        return await _account_page(names, form, status=422)
    if form["end_others"].data:
        await _accounts().end_others(person, session_token() or "")
    return see_other(urls.account(done="password"))


@blueprint.post("/account/sessions")
@login_required
@idempotent
async def end_others() -> Response:
    await _accounts().end_others(await required_person(), session_token() or "")
    return see_other(urls.account(done="sessions"))


@blueprint.get("/people/<int:person_id>")
async def person(person_id: int) -> Response:
    profile = await _accounts().profile(person_id)
    if profile is None:
        raise not_found()
    return page("accounts/person.html", profile=profile)


async def _signed_in(person: Person, wanted: str | None) -> Response:
    token = await _accounts().sign_in(
        person,
        user_agent=request.headers.get("User-Agent", ""),
        address=request.remote_addr or "",
        replaces=session_token(),
    )
    response = see_other(urls.safe_next(wanted, urls.home()))
    set_session_cookie(response, token)
    return response


async def _account_page(names: NameForm, password: PasswordForm, *, status: int = 200) -> Response:
    person = await required_person()
    notices = {
        "name": _("Your name was changed."),
        "password": _("Your password was changed."),
        "sessions": _("Every other session was ended."),
    }
    return page(
        "accounts/account.html",
        status=status,
        person=person,
        names=names,
        password=password,
        sessions=await _accounts().sessions(person),
        browser_and_system=browser_and_system,
        this_session=token_hash(session_token() or ""),
        notice=notices.get(request.args.get("done", "")),
    )
