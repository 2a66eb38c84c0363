"""Ordering books and paying for them."""

from __future__ import annotations

import re

from loadtest.evidence import recorder
from loadtest.people.behaviours.account import sign_up
from loadtest.people.behaviours.browsing import choose
from loadtest.people.checks import ORDER, accepted
from loadtest.people.pages import Page, amount
from loadtest.people.person import Person

GOOD_CARD = {"card_number": "4242 4242 4242 4242", "expiry": "12/34", "cvc": "123"}


def buy(person: Person, book: Page | None = None) -> None:
    """Put a book into the basket, check out and pay."""
    if not sign_up(person):
        return
    book = book or choose(person)
    form = book.form("/basket") if book else None
    if book is None or form is None:  # sold out meanwhile: there is no button
        return
    added = person.send(form, "/basket", accepted)
    if added.status not in (204, 302, 303):
        return
    basket = person.open("/basket", "/basket")
    person.think()
    if not basket.links("/checkout"):
        _empty(person, basket)
        return
    order = check_out(person, _lines(basket))
    if order:
        person.think()
        pay(person, order)


def check_out(person: Person, lines: list[list[int]]) -> str:
    """Order what is in the basket; give the order's address, "" when it was refused.

    `lines` are the books and quantities in the basket.
    """
    page = person.open("/checkout", "/checkout")
    form = page.form("/checkout")
    if form is None:
        return ""
    key = form.fields.get("idempotency_key", "")
    recorder.write(
        "ledger", what="asked", kind="order", key=key, by=person.email, total=_total(page)
    )
    details = {"name": "Load Reader", "address": "Calle Mayor 1\n28013 Madrid"}
    answer = person.send(form, "/checkout", accepted, details)
    order = re.match(ORDER, answer.location)
    if order is None:
        outcome = "refused" if answer.heard else "unheard"
        recorder.write("ledger", what=outcome, kind="order", key=key, by=person.email)
        if answer.heard:
            _empty(person, person.open("/basket", "/basket"))
        return ""
    recorder.write(
        "ledger", what="told", kind="order", key=key, by=person.email, order=_number(order[0]),
        lines=lines,
    )  # fmt: skip
    return order[0]


def pay(person: Person, order: str) -> None:
    """Pay an order with a card that works."""
    page = person.open(f"{order}/pay", "/orders/[id]/pay")
    form = page.form(f"{order}/pay")
    if form is None:
        return
    number = _number(order)
    recorder.write("ledger", what="asked", kind="payment", order=number)
    answer = person.send(form, "/orders/[id]/pay", accepted, GOOD_CARD)
    if answer.status not in (302, 303):
        outcome = "refused" if answer.heard else "unheard"
        recorder.write("ledger", what=outcome, kind="payment", order=number)
        return
    seen = person.open(answer.location, "/orders/[id]")
    badge = (seen.texts("badge") or [""])[0]
    if badge:
        total = [text for text in seen.texts("total") if text]
        recorder.write(
            "ledger", what="told", kind="payment", order=number, badge=badge,
            total=amount(total[-1]) if total else 0,
        )  # fmt: skip


def watch(person: Person) -> None:
    """Look what became of an order."""
    if not person.email:
        return
    page = person.open("/orders", "/orders")
    if orders := page.links(ORDER):
        person.think()
        person.open(person.random.choice(orders), "/orders/[id]")


def _empty(person: Person, basket: Page) -> None:
    """Take everything out of a basket that cannot be ordered."""
    for form in basket.forms():
        if form.fields.get("quantity") == "0" and form.method == "post":
            person.send(form, "/basket/[id]", accepted)


def _lines(basket: Page) -> list[list[int]]:
    """Return the books and quantities in a basket, by the forms that change them."""
    return [
        [_number(form.action), int(form.fields["quantity"])]
        for form in basket.forms()
        if form.method == "post" and form.fields.get("quantity", "0") not in ("", "0")
    ]


def _total(page: Page) -> int:
    totals = page.texts("total")
    return amount(totals[-1]) if totals else 0


def _number(order: str) -> int:
    return int(order.rsplit("/", 1)[1])
