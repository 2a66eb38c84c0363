"""Create an account, sign in and out, and what anybody may see of a person."""

from quart import Response, redirect, request
from werkzeug.wrappers import Response as AnyResponse

from bookstore.accounts.checks import WrongPassword
from bookstore.accounts.forms import LoginForm, RegisterForm
from bookstore.accounts.passkeys import offered
from bookstore.accounts.routes.common import blueprint, device, signed_in, the_accounts
from bookstore.accounts.routes.passkeys import the_passkeys
from bookstore.accounts.service import EmailTaken
from bookstore.accounts.throttle import TooManyTries
from bookstore.web import addresses, i18n, urls
from bookstore.web.forms import ShopForm
from bookstore.web.i18n import gettext as _
from bookstore.web.idempotency import request_key
from bookstore.web.page_error import not_found
from bookstore.web.responses import own_origin, see_other
from bookstore.web.sessions import (
    PERSON_COOKIE,
    current_person,
    forget_cookie,
    session_token,
)
from bookstore.web.stale import done_anyway, signs_in
from bookstore.web.templating import page


@blueprint.get("/register")
async def register_form() -> Response | AnyResponse:
    """Show an empty registration; who is signed in goes home."""
    if await current_person() is not None:
        return redirect(urls.home())
    form = RegisterForm(next=request.args.get("next", ""))
    return page("accounts/register.html", form=form)


@blueprint.post("/register")
@signs_in
async def register() -> Response:
    """Create an account and sign in, or show what is wrong with it."""
    form = await RegisterForm.from_request()
    if not form.validate():
        return page("accounts/register.html", form=form, status=422)
    try:
        person = await the_accounts().register(
            email=form["email"].data,
            name=form["name"].data,
            password=form["password"].data,
            form_key=await request_key(),
            language=i18n.language(),
            address=request.remote_addr or "",
        )
    except TooManyTries as error:
        form["email"].errors = [_("Too many attempts. Wait a few minutes and try again.")]
        response = page("accounts/register.html", form=form, status=429)
        response.headers["Retry-After"] = str(error.seconds)
        return response
    except EmailTaken:
        form["email"].errors = [
            _("There is an account with this e-mail address already. Sign in instead.")
        ]
        return page("accounts/register.html", form=form, status=422)
    return await signed_in(person, form["next"].data, told=True)


@blueprint.get("/login")
async def login_form() -> Response | AnyResponse:
    """Ask for address and password; who is signed in goes on at once."""
    if await current_person() is not None:
        return redirect(addresses.safe_next(request.args.get("next"), urls.home()))
    form = LoginForm(next=request.args.get("next", ""))
    return _login_page(form)


@blueprint.post("/login")
@signs_in
async def login() -> Response:
    """Start a session, ask for the second step, or say what is wrong."""
    form = await LoginForm.from_request()
    if not form.validate():
        return _login_page(form, status=422)
    try:
        person = await the_accounts().checks.sign_in(
            email=form["email"].data,
            password=form["password"].data,
            address=request.remote_addr or "",
            device=device(),
        )
    except WrongPassword:
        problem = _("E-mail and password do not fit. Check both and try again.")
        return _login_page(form, problem, status=422)
    except TooManyTries as error:
        problem = _("Too many attempts. Wait a few minutes and try again.")
        response = _login_page(form, problem, status=429)
        response.headers["Retry-After"] = str(error.seconds)
        return response
    return await signed_in(person, form["next"].data)


def _login_page(form: ShopForm, problem: str | None = None, *, status: int = 200) -> Response:
    here = own_origin()
    return page(
        "accounts/login.html",
        form=form,
        problem=problem,
        passkey_options=the_passkeys().options_to_sign_in(here) if offered(here) else "",
        status=status,
    )


@blueprint.post("/logout")
@done_anyway
async def logout() -> Response:
    """End the session and have the browser forget what it kept of it."""
    token = session_token()
    if token is not None:
        await the_accounts().sign_out(token)
    response = see_other(urls.home())
    forget_cookie(response, "session")
    forget_cookie(response, PERSON_COOKIE)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return response


@blueprint.get(f"/people/<{urls.ID}:person_id>")
async def person(person_id: int) -> Response:
    """Show what everybody may see of a person."""
    profile = await the_accounts().profile(person_id)
    if profile is None:
        raise not_found()
    return page("accounts/person.html", profile=profile)
