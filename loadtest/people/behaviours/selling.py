"""Putting books up for sale, and sending off what was sold."""

from __future__ import annotations

import re

from loadtest.people.behaviours.account import confirm_address, sign_up
from loadtest.people.checks import accepted
from loadtest.people.identity import cover, word
from loadtest.people.operation import Operation
from loadtest.people.person import Person


def sell(person: Person) -> None:
    """Put a book up for sale, with a picture of its cover."""
    if not sign_up(person):
        return
    page = person.open("/sell", "/sell")
    if page.form("/account/confirm"):  # only who can be reached may sell
        if not confirm_address(person):
            return
        page = person.open("/sell", "/sell")
    form = person.form(page, "/sell")
    if form is None:
        return
    person.think(1, 3)
    title = f"{word(person.random)} and {word(person.random)}"
    copies = person.random.randint(1, 4)
    fields = {
        "title": title, "author": f"{word(person.random)} {word(person.random)}",
        "price": "7.50", "copies": str(copies), "description": "Read once, kept dry.",
    }  # fmt: skip
    fields = {k: v for k, v in fields.items() if k in form.fields}
    fields |= {
        name: person.random.choice([value for value in values if value])
        for name, values in form.choices.items()
        if not form.fields.get(name) and any(values)
    }
    files = {name: ("cover.jpg", cover(person.random), "image/jpeg") for name in form.files[:1]}
    operation = Operation(
        "book", person.email, key=form.fields.get("idempotency_key", ""), title=title,
        copies=copies, price=750, cover=bool(files),
    )  # fmt: skip
    answer = person.send(form, "/sell", accepted, fields, files)
    book = re.search(r"/books/(\d+)", answer.location)
    if operation.end_by(answer, book=int(book[1]) if book else None):
        person.open(answer.location, "/my/books")


def sales(person: Person) -> None:
    """Look at what was sold, and send a parcel off."""
    if not person.email:
        return
    page = person.open("/sales", "/sales")
    form = page.form(r"/sales/\d+/ship")
    if form:
        person.think()
        operation = Operation("ship", person.email, shipment=int(form.action.split("/")[2]))
        operation.end_by(person.send(form, "/sales/[id]/ship", accepted))
