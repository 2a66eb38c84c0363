"""Paying, with cards of several kinds."""

from __future__ import annotations

from loadtest.people import checks
from loadtest.people.checks import accepted
from loadtest.people.operation import Operation
from loadtest.people.pages import Page
from loadtest.people.person import Person

GOOD = "4242 4242 4242 4242"
ASKS = "4000 0000 0000 3220"  # the bank asks first
HANGS = "4000 0000 0000 7734"  # the answer takes a while
DECLINED = ("4000 0000 0000 0002", "4000 0000 0000 9995", "4000 0000 0000 0069")
CARDS = (GOOD, ASKS, HANGS, DECLINED[0], DECLINED[1], DECLINED[2])
WEIGHTS = (75, 10, 5, 4, 3, 3)


def pay(person: Person, order: str, total: int) -> None:
    """Pay an order; with a card that is declined, and then with one that works."""
    card = person.random.choices(CARDS, WEIGHTS)[0]
    number = int(order.rsplit("/", 1)[1])
    answer = _send_card(person, order, number, total, card)
    if answer is not None and card in DECLINED and answer.status == 422:
        person.think()
        _send_card(person, order, number, total, GOOD)


def _send_card(
    person: Person, order: str, number: int, total: int, card: str
) -> Page | None:  # fmt: skip
    page = person.open(f"{order}/pay", "/orders/[id]/pay", checks.payment(number, total))
    form = page.form(f"{order}/pay")
    if form is None:  # the shop leads to the order where there is nothing to pay any more
        if not page.wrong and not page.badge():
            person.stumble(f"neither a form to pay nor the order on {order}/pay")
        return None
    operation = Operation("payment", person.email, order=number, card=card[-4:], total=total)
    details = {"card_number": card, "expiry": "12/34", "cvc": "123"}
    answer = person.send(form, "/orders/[id]/pay", accepted, details)
    if not answer.accepted:
        operation.end("refused" if answer.heard else "unheard", status=answer.status)
        return answer
    where = answer.location
    if where.startswith("/pay/3ds/"):
        bank = person.open(where, "/pay/3ds/[id]")
        approval = next((f for f in bank.forms() if f.fields.get("decision") == "approve"), None)
        if approval is None:
            if not bank.wrong:
                person.stumble("no way to approve a payment")
            return answer
        approved = person.send(approval, "/pay/3ds/[id]", accepted)
        if not approved.accepted:
            operation.end("refused" if approved.heard else "unheard", status=approved.status)
            return approved
        where = approved.location
    seen = person.open(where, "/orders/[id]", checks.own_order(number, person.name, total))
    if not seen.wrong and seen.badge():
        operation.end("told", badge=seen.badge())
    return answer
