"""Creating an account."""

from __future__ import annotations

from loadtest.evidence import recorder
from loadtest.people import identity
from loadtest.people.checks import accepted
from loadtest.people.person import Person


def sign_up(person: Person) -> bool:
    """Create an account, once; tell whether there is one."""
    if person.email:
        return True
    page = person.open("/register", "/register")
    form = page.form("/register")
    if form is None:
        return False
    details = identity.account(type(person).__name__, person.random)
    answer = person.send(form, "/register", accepted, details)
    if answer.status not in (302, 303):
        return False
    person.email = details["email"]
    recorder.write("ledger", what="registered", email=person.email)
    person.think()
    return True
