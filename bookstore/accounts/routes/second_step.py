"""The second step of signing in: asking for its code, switching it on and off."""

from urllib.parse import urlencode

from quart import Response, current_app, request

from bookstore.accounts.checks import WrongPassword
from bookstore.accounts.forms import CodeForm, DeleteForm
from bookstore.accounts.routes.common import blueprint, password_problem, start_session
from bookstore.accounts.second_step import SecondStep, WrongCode
from bookstore.accounts.throttle import TooManyTries
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.responses import see_other
from bookstore.web.sessions import login_required, required_person
from bookstore.web.stale import shown_again, signs_in
from bookstore.web.templating import page


@blueprint.get("/login/code/<token>")
async def code_form(token: str) -> Response:
    """Ask for the code that completes a sign-in."""
    if await _step().waiting(token) is None:
        return see_other(urls.login())
    return _code_page(token, CodeForm())


@blueprint.post("/login/code/<token>")
@signs_in
async def check_code(token: str) -> Response:
    """Start the session if the code fits."""
    link = await _step().waiting(token)
    if link is None:
        return see_other(urls.login())
    form = await CodeForm.from_request()
    if not form.validate():
        return _code_page(token, form, status=422)
    try:
        person = await _step().finish(link, form["code"].data)
    except WrongCode:
        form["code"].errors = [_("This code does not fit. Type the one that the app shows now.")]
        return _code_page(token, form, status=422)
    except TooManyTries:
        form["code"].errors = [_("Too many wrong codes. Wait an hour and sign in again.")]
        return _code_page(token, form, status=429)
    return await start_session(person, request.args.get("next"))


@blueprint.get("/account/second-step")
@login_required
async def second_step() -> Response:
    """Show how to set up the second step, or that it is on."""
    return await _set_up_page(CodeForm())


@blueprint.post("/account/second-step")
@login_required
@shown_again
async def switch_on() -> Response:
    """Require codes from now on, and show the recovery codes this once."""
    form = await CodeForm.from_request()
    if not form.validate():
        return await _set_up_page(form, status=422)
    try:
        codes = await _step().switch_on(await required_person(), form["code"].data)
    except WrongCode:
        form["code"].errors = [_("This code does not fit. Type the one that the app shows now.")]
        return await _set_up_page(form, status=422)
    except TooManyTries:
        form["code"].errors = [_("Too many wrong codes. Wait an hour and try again.")]
        return await _set_up_page(form, status=429)
    return page("accounts/recovery_codes.html", codes=codes)


@blueprint.post("/account/second-step/off")
@login_required
@shown_again
async def switch_off() -> Response:
    """Require codes no longer, given the current password."""
    form = await DeleteForm.from_request()
    if not form.validate():
        return await _set_up_page(CodeForm(), off=form, status=422)
    try:
        await _step().switch_off(await required_person(), form["current"].data)
    except (WrongPassword, TooManyTries) as error:
        problem, status = password_problem(error)
        form["current"].errors = [problem]
        return await _set_up_page(CodeForm(), off=form, status=status)
    return see_other(urls.account(done="second_step_off"))


def _step() -> SecondStep:
    step: SecondStep = current_app.extensions["bookstore.second_step"]
    return step


def _code_page(token: str, form: CodeForm, *, status: int = 200) -> Response:
    wanted = request.args.get("next")
    query = "?" + urlencode({"next": wanted}) if wanted else ""
    return page(
        "accounts/code.html", form=form, action=urls.second_step(token) + query, status=status
    )


async def _set_up_page(
    form: CodeForm, *, off: DeleteForm | None = None, status: int = 200
) -> Response:
    import segno  # a replica at rest draws no picture

    person = await required_person()
    is_on = await _step().is_on(person.id)
    setup = None if is_on else await _step().set_up(person)
    return page(
        "accounts/second_step.html",
        form=form,
        off=off or DeleteForm(),
        is_on=is_on,
        secret=setup.secret if setup else "",
        picture=segno.make(setup.address, error="m").svg_data_uri(scale=5) if setup else "",
        status=status,
    )
