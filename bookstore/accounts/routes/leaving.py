"""Take one's data along, and delete the account."""

from quart import Response, current_app

from bookstore.accounts import leaving
from bookstore.accounts.checks import WrongPassword
from bookstore.accounts.forms import DeleteForm
from bookstore.accounts.routes.common import blueprint, password_problem, the_accounts
from bookstore.accounts.throttle import TooManyTries
from bookstore.web import urls
from bookstore.web.i18n import gettext as _
from bookstore.web.responses import see_other
from bookstore.web.security import Event, note
from bookstore.web.sessions import (
    PERSON_COOKIE,
    forget_cookie,
    login_required,
    required_person,
)
from bookstore.web.stale import shown_again
from bookstore.web.templating import page


@blueprint.get("/account/data")
@login_required
async def data() -> Response:
    """Send a zip of all that is kept of a person."""
    person = await required_person()
    with await leaving.archive(the_accounts(), _links(), person) as archive:
        response = Response(archive.read(), content_type="application/zip")
    note(Event.DATA_TAKEN, person=person.id)
    response.headers["Content-Disposition"] = 'attachment; filename="bookstore-data.zip"'
    response.headers["Cache-Control"] = "no-store"
    return response


@blueprint.get("/account/delete")
@login_required
async def delete_form() -> Response:
    """Say what deletion means, and ask for the password."""
    return page("accounts/delete.html", form=DeleteForm(), unsettled=[])


@blueprint.post("/account/delete")
@login_required
@shown_again
async def delete() -> Response:
    """Delete the account, or say what has to be settled first."""
    form = await DeleteForm.from_request()
    if not form.validate():
        return page("accounts/delete.html", form=form, unsettled=[], status=422)
    person = await required_person()
    try:
        await leaving.delete(the_accounts(), _links(), person, form["current"].data)
    except (WrongPassword, TooManyTries) as error:
        problem, status = password_problem(error)
        form["current"].errors = [problem]
        return page("accounts/delete.html", form=form, unsettled=[], status=status)
    except leaving.Unsettled as unsettled:
        names = _what_to_settle()
        found = [names[kind] for kind in unsettled.kinds]
        return page("accounts/delete.html", form=form, unsettled=found, status=409)
    response = see_other(urls.home())
    forget_cookie(response, "session")
    forget_cookie(response, PERSON_COOKIE)
    return response


def _what_to_settle() -> dict[str, tuple[str, str]]:
    """Return a sentence and where to go for each thing that stands in the way."""
    orders, sales, books = urls.orders(), urls.sales(), urls.my_books()
    return {
        "order_open": (_("An order of yours waits for its payment: pay or cancel it."), orders),
        "order_on_its_way": (_("A parcel is still on its way to you."), orders),
        "refund_owed": (_("A refund is still on its way to you."), orders),
        "parcel_to_send": (_("You have sold books that you have not shipped yet."), sales),
        "parcel_on_its_way": (_("A parcel of yours is still on its way to its buyer."), sales),
        "copies_held": (_("Somebody is buying a book of yours right now."), books),
    }


def _links() -> leaving.Links:
    links: leaving.Links = current_app.extensions["bookstore.personal"]
    return links
