"""Check the whole history of a run, and not its end alone.

Each operation has an invocation and a completion with their moments. Two rules of the model that
the shop promises are checked here (docs/decisions/0018): the state of an order never goes back,
seen from whoever looks later; and the copies of a book are a bounded counter. That pages of books
are not too old is checked in `kept_pages.py`; that a basket is a map of what was put into it,
people check themselves whenever they open it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.evidence.ledger.kept_pages import APART, check_kept_pages, for_good
from loadtest.evidence.ledger.model import Audit, OrderRow, State

Entry = Mapping[str, Any]
# How far an order has come. Nothing seen later may be less, and what was sent is not called off.
RANKS = {
    "awaiting_payment": 0, "processing": 1, "paid": 2, "shipped": 3, "delivered": 4, "returned": 4,
    "cancelled": 5, "refunded": 6,
}  # fmt: skip
SENT = ("shipped", "delivered", "returned")


@dataclass(frozen=True)
class Operation:
    """What somebody asked for, from when, until when (infinity: the answer never came)."""

    kind: str
    begin: float
    end: float
    outcome: str  # told, refused, unheard
    about: Entry


def operations(entries: Iterable[Entry]) -> list[Operation]:
    """Pair invocations with their completions."""
    asked: dict[str, Entry] = {}
    made = []
    for entry in entries:
        number = entry.get("op")
        if number is None:
            continue
        if entry["what"] == "asked":
            asked[number] = entry
            continue
        begun = asked.pop(number, None)
        if begun is not None:
            end = float("inf") if entry["what"] == "unheard" else float(entry["t"])
            made.append(Operation(entry["kind"], float(begun["t"]), end, entry["what"], entry))
    made += [
        Operation(begun["kind"], float(begun["t"]), float("inf"), "unheard", begun)
        for begun in asked.values()
    ]
    return made


def check_history(entries: Sequence[Entry], state: State, made: Audit) -> None:
    """Check orders as registers that only go forward, and books as bounded counters."""
    done = operations(entries)
    _states(done, made)
    _counters(done, state, made)
    _refusals(done, state, made)
    told = [op for op in done if op.outcome == "told"]
    orders = [
        (op.about["order"], op.end, op.about.get("lines") or ())
        for op in told
        if op.kind == "order"
    ]
    confirmed = for_good(orders, state, _called_off(state).keys())
    looks = [op.about["order"] for op in told if op.about.get("badge") in RANKS]
    made.history = {
        "operations": len(done),
        "answered with yes": len(told),
        "refused": sum(op.outcome == "refused" for op in done),
        "never answered": sum(op.outcome == "unheard" for op in done),
        "looks at orders": len(looks),
        "orders looked at": len(set(looks)),
        "books with confirmed copies": len({book for _, _, of in orders for book, _ in of}),
        "pages of books": check_kept_pages(entries, confirmed, state, made),
    }


def _states(done: Sequence[Operation], made: Audit) -> None:
    """Name an order that went back: whoever began to look after another had seen more saw less."""
    looks: dict[int, list[Operation]] = defaultdict(list)
    for operation in done:
        if operation.outcome == "told" and operation.about.get("badge") in RANKS:
            looks[operation.about["order"]].append(operation)
    for order, seen in looks.items():
        for later in seen:
            state = later.about["badge"]
            before = [one.about["badge"] for one in seen if one.end < later.begin]
            most = max(before, key=RANKS.__getitem__, default=state)
            if RANKS[most] > RANKS[state]:
                made.add("history", f"Order {order} was seen {most}, and {state} after that.")
            elif state in ("cancelled", "refunded") and any(one in SENT for one in before):
                made.add("history", f"Order {order} was called off after it had been sent.")


def _counters(done: Sequence[Operation], state: State, made: Audit) -> None:
    """Name a book of which more copies were confirmed at one moment than there are."""
    orders = {order.id: order for order in state.orders}
    given_back = {
        op.about["order"]: op.begin
        for op in done
        if op.kind == "cancel" and op.outcome != "refused"
    }
    called_off = _called_off(state)
    changes: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for op in done:
        if op.kind != "order" or op.outcome != "told":
            continue
        order = orders.get(op.about["order"])
        whole = min(
            given_back.get(op.about["order"], float("inf")),
            order.released_at / 1000 - APART if order and order.released_at else float("inf"),
        )
        for book, copies in op.about.get("lines") or ():
            until = min(whole, called_off.get((op.about["order"], book), float("inf")))
            if until > op.end:
                changes[book] += [(op.end, copies), (until, -copies)]
    totals = {book.id: book for book in state.books}
    for number, steps in changes.items():
        book = totals.get(number)
        taken = 0
        for _, change in sorted(steps):
            taken += change
            if book is not None and taken > book.total:
                made.add(
                    "oversold",
                    f"Book {number} “{book.title}”: {taken} copies confirmed at one moment, "
                    f"of {book.total}.",
                )
                break


def _called_off(state: State) -> dict[tuple[int, int], float]:
    """Return from when a book of an order may be sold again, since its parcel was called off."""
    parcels = {
        (parcel.order_id, parcel.seller_id): parcel.cancelled_at / 1000 - APART
        for parcel in state.shipments
        if parcel.cancelled_at
    }
    return {
        (line.order_id, line.book_id): parcels[line.order_id, line.seller_id]
        for line in state.lines
        if (line.order_id, line.seller_id) in parcels
    }


def _refusals(done: Sequence[Operation], state: State, made: Audit) -> None:
    """Name an order that was refused for want of copies although there must have been enough."""
    orders = {order.id: order for order in state.orders}
    lines: dict[int, list[tuple[OrderRow, int]]] = defaultdict(list)
    for line in state.lines:
        if line.order_id in orders:
            lines[line.book_id].append((orders[line.order_id], line.quantity))
    totals = {book.id: book.total for book in state.books}
    for op in done:
        if op.kind != "order" or op.outcome != "refused" or op.about.get("status") != 409:
            continue
        wanted = op.about.get("lines")
        if not wanted or any(book not in totals for book, _ in wanted):
            continue  # not known, or withdrawn meanwhile
        begin, end = (op.begin - APART) * 1000, (op.end + APART) * 1000
        short = False
        for book, copies in wanted:
            taken = sum(
                quantity
                for order, quantity in lines[book]
                if order.placed_at <= end
                and (order.released_at is None or order.released_at >= begin)
            )
            short = short or taken + copies > totals[book]
        if not short:
            made.add("history", f"{op.about['by']} was refused {wanted}, and there were enough.")
