"""The basket, ordering and cancelling."""

from __future__ import annotations

import re

from loadtest.people import checks
from loadtest.people.behaviours.account import sign_up
from loadtest.people.behaviours.browsing import choose
from loadtest.people.behaviours.paying import pay
from loadtest.people.checks import ORDER, accepted
from loadtest.people.operation import Operation
from loadtest.people.pages import Form, Page
from loadtest.people.person import Person

CANCELS = 0.08  # share of orders that somebody thinks better of


def buy(person: Person, book: Page | None = None) -> None:
    """Put a book into the basket, check out and pay; sometimes call the order off."""
    if not sign_up(person):
        return
    book = book or choose(person)
    if book is None or book.wrong or book.texts("gone"):  # sold out: there is no button
        return
    form = person.form(book, "/basket")
    if form is None or not add(person, form):
        return
    basket = look_into_basket(person)
    person.think()
    if basket.wrong:
        return
    if not basket.links("/checkout"):
        empty(person, basket)
        return
    order, total = check_out(person)
    if not order:
        return
    person.think()
    if person.random.random() < CANCELS:
        cancel(person, order, total)
        return
    pay(person, order, total)
    if person.random.random() < CANCELS:
        cancel(person, order, total)


def add(person: Person, form: Form) -> bool:
    """Put a book into the basket; tell whether the shop took it."""
    number, quantity = int(form.fields["book_id"]), int(form.fields.get("quantity", "1"))
    operation = Operation("basket", person.email, book=number, copies=quantity)
    answer = person.send(form, "/basket", accepted)
    taken = operation.end_by(answer)
    if taken and person.basket is not None:
        person.basket[number] = person.basket.get(number, 0) + quantity
    elif not answer.heard:
        person.basket = None
    if "basket-changed" in answer.headers.get("hx-trigger", ""):
        count = None if person.basket is None else sum(person.basket.values())
        person.load("/basket/badge", checks.badge(count))
    return taken


def look_into_basket(person: Person) -> Page:
    """Open the basket: it holds what was put into it."""
    page = person.open("/basket", "/basket", checks.basket(person.basket, person.prices))
    if not page.wrong and page.status == 200:
        person.basket = {number: row.quantity or 0 for number, row in page.basket().items()}
    return page


def check_out(person: Person) -> tuple[str, int]:
    """Order what is in the basket; return the order's address and sum, "" when it was refused."""
    page = person.open("/checkout", "/checkout")
    form = page.form("/checkout")
    if form is None:
        if not page.wrong and not page.basket():  # the basket with what is wrong, or a form
            person.stumble("neither a checkout nor a basket on /checkout")
        return "", 0
    carriers = form.choices.get("carrier") or ["post"]
    countries = [code for code in form.choices.get("country", ()) if code] or ["ES"]
    details = {
        "name": person.name,
        "address": f"Calle Mayor {person.random.randint(1, 99)}\n28013 Madrid",
        "carrier": form.fields.get("carrier", carriers[0]),
        "country": form.fields.get("country") or person.random.choice(countries),
    }
    lines = None if person.basket is None else sorted([b, n] for b, n in person.basket.items())
    operation = Operation(
        "order", person.email, key=form.fields.get("idempotency_key", ""), total=page.total(),
        lines=lines,
        prices={str(b): p for b, p in person.prices.items() if b in (person.basket or ())},
        **details,
    )  # fmt: skip
    answer = person.send(form, "/checkout", accepted, details)
    order = re.match(ORDER, answer.location)
    if order is None:
        # Who is sent back to the basket was refused as well.
        outcome = "refused" if answer.heard else "unheard"
        operation.end(outcome, status=answer.status)  # type: ignore[arg-type]
        person.basket = None
        if answer.heard:
            empty(person, look_into_basket(person))
        return "", 0
    operation.end("told", order=number(order[0]))
    person.basket = {}
    person.orders.add(order[0])
    return order[0], page.total()


def cancel(person: Person, order: str, total: int) -> None:
    """Call an order off, as long as that is offered."""
    check = checks.own_order(number(order), person.name, total)
    page = person.open(order, "/orders/[id]", check)
    form = page.form(f"{order}/cancel")
    if form is None:
        return  # paid and on its way, or given up by the shop
    person.think()
    operation = Operation("cancel", person.email, order=number(order))
    if operation.end_by(person.send(form, "/orders/[id]/cancel", accepted)):
        seen = person.open(order, "/orders/[id]", check)
        if not seen.wrong and seen.badge():
            Operation("look", person.email, order=number(order)).end("told", badge=seen.badge())


def watch(person: Person) -> None:
    """Look what became of an order."""
    if not person.email:
        return
    page = person.open("/orders", "/orders", checks.own_orders(person.orders))
    known = [link for link in page.links(ORDER) if link in person.orders]
    if known:
        person.think()
        order = person.random.choice(known)
        operation = Operation("look", person.email, order=number(order))
        seen = person.open(order, "/orders/[id]", checks.own_order(number(order), person.name, 0))
        if not seen.wrong and seen.badge():
            operation.end("told", badge=seen.badge())


def empty(person: Person, basket: Page) -> None:
    """Take everything out of a basket that cannot be ordered."""
    for form in basket.forms():
        if form.fields.get("quantity") == "0" and form.method == "post":
            book = number(form.action)
            operation = Operation("basket", person.email, book=book, copies=0)
            taken = operation.end_by(person.send(form, "/basket/[id]", accepted))
            if taken and person.basket is not None:
                person.basket.pop(book, None)
            elif not taken:
                person.basket = None


def number(order: str) -> int:
    """Return the number at the end of an address."""
    return int(order.rsplit("/", 1)[1])
