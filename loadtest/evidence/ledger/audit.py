"""Compare what the shop promised with what its database holds. Any difference is a finding."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loadtest.evidence.ledger.database import read
from loadtest.evidence.ledger.history import check_history
from loadtest.evidence.ledger.model import Audit, OrderRow, ShipmentRow, State
from loadtest.evidence.ledger.terms import compare_terms

Entry = Mapping[str, Any]
PAID_BADGES = ("paid", "shipped", "delivered", "returned")


def audit(entries: Iterable[Entry], state: State) -> Audit:
    """Compare the clients' ledger with the database."""
    entries = list(entries)
    made = Audit()
    for person in _of(entries, "registered"):
        if person["email"] not in state.people:
            made.add("lost", f"The account {person['email']} was confirmed and does not exist.")
    _orders(entries, state, made)
    _payments(entries, state, made)
    _copies(state, made)
    _money(state, made)
    _offers(entries, state, made)
    compare_terms(entries, state, made)
    check_history(entries, state, made)
    ours = {e["email"] for e in _of(entries, "registered")}
    made.counts = {
        "accounts": len(ours),
        "orders confirmed to buyers": len(_of(entries, "told", "order")),
        "payments confirmed to buyers": len(_of(entries, "told", "payment")),
        "books confirmed to sellers": len(_of(entries, "told", "book")),
        "answers that never came": len(_of(entries, "unheard")),
        "orders in the database": len(state.orders),
        "books in the database": len(state.books),
        "copies sold": sum(book.sold for book in state.books),
    }
    return made


def _orders(entries: Sequence[Entry], state: State, made: Audit) -> None:
    """Every order that was promised exists once, as asked; none exists that nobody asked for."""
    by_key: dict[tuple[str, str], list[OrderRow]] = defaultdict(list)
    for order in state.orders:
        by_key[order.email, order.key].append(order)
    lines: dict[int, list[list[int]]] = defaultdict(list)
    for line in state.lines:
        lines[line.order_id].append([line.book_id, line.quantity])
    told = {}
    for promise in _of(entries, "told", "order"):
        number, name = promise["order"], f"Order {promise['order']} of {promise['by']}"
        told[promise["by"], promise["key"]] = number
        found = by_key[promise["by"], promise["key"]]
        if not found:
            made.add("lost", f"{name} was confirmed and does not exist.")
        elif len(found) > 1:
            ids = ", ".join(str(order.id) for order in found)
            made.add("duplicated", f"{name} exists {len(found)} times: {ids}.")
        elif found[0].id != number:
            made.add("lost", f"{name} was confirmed; under its key there is order {found[0].id}.")
        elif sorted(lines[number]) != sorted(promise.get("lines") or lines[number]):
            made.add("lost", f"{name} was for {promise['lines']} and holds {lines[number]}.")
    asked = {(e["by"], e["key"]) for e in _of(entries, "asked", "order")}
    refused = {(e["by"], e["key"]) for e in _of(entries, "refused", "order")}
    ours = {e["email"] for e in _of(entries, "registered")}
    for key, found in by_key.items():
        if key[0] not in ours or key in told:
            continue
        for order in found:
            if order.reason in ("abandoned", "sold_out") or order.state == "placing":
                continue  # a checkout that was refused, or never came to its end
            if key not in asked:
                made.add("unasked", f"Order {order.id} of {order.email}: nobody asked for it.")
            elif key in refused:
                made.add("unasked", f"Order {order.id} of {order.email} was refused, and exists.")
            # Otherwise the answer never came, or the run ended before it: that explains it.


def _payments(entries: Sequence[Entry], state: State, made: Audit) -> None:
    """Every payment that was promised was made once, over the amount that was shown."""
    orders = {order.id: order for order in state.orders}
    refunded = Counter(refund.order_id for refund in state.refunds)
    for promise in _of(entries, "told", "payment"):
        if promise["badge"] not in PAID_BADGES:
            continue
        order = orders.get(promise["order"])
        name = f"Order {promise['order']}"
        if order is None:
            made.add("lost", f"{name} was shown as paid and does not exist.")
        elif order.paid_at is None or order.intent_state != "succeeded":
            made.add("lost", f"{name} was shown as paid; it is {order.state}, unpaid.")
        elif order.confirmed_at is None and not refunded[order.id]:
            made.add("lost", f"{name} is paid, its copies are not sold, and nothing was refunded.")
        elif promise["total"] and promise["total"] != order.goods + order.shipping:
            shown, kept = promise["total"], order.goods + order.shipping
            made.add("money", f"{name} was shown with {shown} and is kept with {kept}.")
    asked = {e["order"] for e in _of(entries, "asked", "payment")}
    ours = {e["email"] for e in _of(entries, "registered")}
    for order in state.orders:
        if order.paid_at is not None and order.email in ours and order.id not in asked:
            made.add("unasked", f"Order {order.id} was paid, and nobody paid it.")


def _copies(state: State, made: Audit) -> None:
    """Of every book, copies at first = stock + held + sold, and what is sold was ordered."""
    ordered: Counter[int] = Counter()
    sold_orders = {o.id for o in state.orders if o.confirmed_at and o.released_at is None}
    back = {refund.shipment_id for refund in state.refunds if refund.done}
    returned = {(one.order_id, one.seller_id) for one in state.shipments if one.id in back}
    for line in state.lines:
        if line.order_id in sold_orders and (line.order_id, line.seller_id) not in returned:
            ordered[line.book_id] += line.quantity
    for book in state.books:
        name = f"Book {book.id} “{book.title}”"
        if book.stock < 0 or book.sold + book.held > book.total:
            taken = f"{book.sold} copies sold and {book.held} held of {book.total}"
            made.add("oversold", f"{name}: {taken}.")
        if book.stock + book.held + book.sold != book.total:
            made.add(
                "stock",
                f"{name}: {book.stock} left + {book.held} held + {book.sold} sold "
                f"is not {book.total}.",
            )
        if book.sold != ordered[book.id]:
            made.add("stock", f"{name}: {book.sold} sold, {ordered[book.id]} in sold orders.")


def _money(state: State, made: Audit) -> None:
    """Check that an order's amounts add up: lines, parcels, payment and refund."""
    goods: Counter[int] = Counter()
    for line in state.lines:
        goods[line.order_id] += line.price * line.quantity
    parcels: dict[int, list[ShipmentRow]] = defaultdict(list)
    for shipment in state.shipments:
        parcels[shipment.order_id].append(shipment)
    for order in state.orders:
        name, total = f"Order {order.id}", order.goods + order.shipping
        if goods[order.id] != order.goods:
            made.add("money", f"{name}: its lines make {goods[order.id]}, not {order.goods}.")
        if order.intent_amount is not None and order.intent_amount != total:
            made.add("money", f"{name}: {order.intent_amount} to pay, not {total}.")
        mine = parcels[order.id]
        if mine and sum(p.goods + p.shipping for p in mine) != total:
            made.add("money", f"{name}: its parcels do not add up to {total}.")
    _refunds(state, made)


def _refunds(state: State, made: Audit) -> None:
    """Check that a parcel called off gives its own money back, and a cancelled order the rest."""
    owed = {refund.shipment_id: refund.amount for refund in state.refunds if refund.shipment_id}
    for parcel in state.shipments:
        due = parcel.goods + parcel.shipping if parcel.cancelled_at else None
        if owed.get(parcel.id) != due:
            name = f"Order {parcel.order_id}, parcel {parcel.id}"
            made.add("money", f"{name}: {owed.get(parcel.id)} goes back, not {due}.")
    whole = {refund.order_id: refund.amount for refund in state.refunds if not refund.shipment_id}
    parcels: Counter[int] = Counter()
    for refund in state.refunds:
        if refund.shipment_id:
            parcels[refund.order_id] += refund.amount
    for order in state.orders:
        rest = order.goods + order.shipping - parcels[order.id]
        paid = order.intent_state == "succeeded"
        due = rest if paid and order.state == "cancelled" else None
        if whole.get(order.id) != due:
            made.add("money", f"Order {order.id}: {whole.get(order.id)} goes back, not {due}.")


def _offers(entries: Sequence[Entry], state: State, made: Audit) -> None:
    """Every book that a seller was told of exists once."""
    have = Counter((book.seller_email, book.title) for book in state.books)
    told = Counter((e["by"], e["title"]) for e in _of(entries, "told", "book"))
    unheard = Counter((e["by"], e["title"]) for e in _of(entries, "unheard", "book"))
    for (email, title), count in told.items():
        found = have[email, title]
        if found < count:
            made.add("lost", f"“{title}” of {email} was published and does not exist.")
        elif found > count + unheard[email, title]:
            made.add("duplicated", f"“{title}” of {email} exists {found} times.")


def _of(entries: Iterable[Entry], what: str, kind: str = "") -> list[Entry]:
    return [e for e in entries if e["what"] == what and (not kind or e.get("kind") == kind)]


def compare(entries: Iterable[Entry], urls: Mapping[str, str], patience: float = 30) -> Audit:
    """Compare until nothing differs, at most `patience` seconds.

    The shop finishes some things in the background, such as selling what a payment has just paid
    for: a difference that goes away by itself was no difference.
    """
    entries = list(entries)
    deadline = time.monotonic() + patience
    while True:
        made = audit(entries, read(urls))
        if not made.findings or time.monotonic() > deadline:
            return made
        time.sleep(2)
