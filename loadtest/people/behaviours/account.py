"""Creating an account, signing out and in again."""

from __future__ import annotations

import re

from loadtest.evidence import recorder
from loadtest.people import identity
from loadtest.people.checks import accepted, own_account, whole
from loadtest.people.pages import Page
from loadtest.people.person import Person


def sign_up(person: Person) -> bool:
    """Create an account, once; tell whether there is one."""
    if person.email:
        return True
    page = person.open("/register", "/register")
    form = person.form(page, "/register")
    if form is None:
        return False
    details = identity.account(type(person).__name__, person.random)
    answer = person.send(form, "/register", accepted, details)
    if not answer.accepted:
        return False
    person.email, person.name = details["email"], details["name"]
    person.password = details["password"]
    recorder.write("ledger", what="registered", email=person.email, name=person.name)
    person.think()
    return True


def sign_in_again(person: Person) -> None:
    """Sign out, and in again: the account, the basket and the orders are still there."""
    if not person.email:
        return
    page = person.open("/account", "/account", own_account(person.email))
    form = person.form(page, "/logout")
    if form is None or not person.send(form, "/logout", accepted).accepted:
        return
    person.think()
    page = person.open("/login", "/login")
    form = person.form(page, "/login")
    details = {"email": person.email, "password": person.password}
    answer = person.send(form, "/login", may_wait, details) if form else None
    if answer is None or not answer.accepted:
        person.leave()  # asked to wait, or not heard: somebody else from now on
        return
    person.open("/account", "/account", own_account(person.email))


def confirm_address(person: Person) -> bool:
    """Open the link that came by mail, where the shop shows its mails; tell whether it worked.

    A shop that sends them elsewhere shows none: who lives there alone cannot confirm anything.
    """
    page = person.open("/mailbox", "/mailbox", unless_absent)
    mail = re.search(rf'href="(/mailbox/[^"]+)">[^<]*</a><br><small>[^<]*{person.email}', page.text)
    if page.status != 200 or mail is None:  # none yet, or too many others since
        return False
    letter = person.open(mail[1], "/mailbox/[name]")
    link = re.search(r"/account/links/[\w.-]+", letter.text)
    if link is None:
        return False
    page = person.open(link[0], "/account/links/[token]")
    form = person.form(page, r"/account/links/[\w.-]+")
    return form is not None and person.send(form, "/account/links/[token]", accepted).accepted


def unless_absent(page: Page) -> str:
    """Expect a whole page, or none of that name."""
    return "" if page.status == 404 else whole(page)


def may_wait(page: Page) -> str:
    """Expect that a sign-in was taken, or put off because there are too many."""
    return "" if page.status == 429 else accepted(page)
