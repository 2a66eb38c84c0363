"""What was agreed on, apart from its being there: to whom, where, how, for how much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.evidence.ledger.model import Audit, BookRow, State

Entry = Mapping[str, Any]


def compare_terms(entries: Sequence[Entry], state: State, made: Audit) -> None:
    """Compare each confirmed order, cancellation and book with what was agreed on."""
    _orders(entries, state, made)
    _cancellations(entries, state, made)
    _books(entries, state, made)


def _orders(entries: Sequence[Entry], state: State, made: Audit) -> None:
    orders = {order.id: order for order in state.orders}
    prices = {(line.order_id, line.book_id): line.price for line in state.lines}
    for promise in entries:
        if promise["what"] != "told" or promise.get("kind") != "order" or "name" not in promise:
            continue
        order = orders.get(promise["order"])
        if order is None:
            continue  # named already
        name = f"Order {order.id}"
        for what, kept in (
            ("name", order.name), ("address", order.address),
            ("country", order.country), ("carrier", order.carrier),
        ):  # fmt: skip
            agreed = str(promise.get(what) or "")
            if agreed and agreed.split() != kept.split():
                made.add("terms", f"{name}: its {what} is “{kept}”, not “{agreed}”.")
        for book, price in (promise.get("prices") or {}).items():
            kept_price = prices.get((order.id, int(book)))
            if kept_price is not None and kept_price != price:
                made.add("money", f"{name}: book {book} costs {kept_price}, not {price}.")
        total = order.goods + order.shipping
        if promise.get("total") and promise["total"] != total:
            made.add(
                "money", f"{name} was agreed over {promise['total']} and is kept with {total}."
            )


def _cancellations(entries: Sequence[Entry], state: State, made: Audit) -> None:
    orders = {order.id: order for order in state.orders}
    asked = {e["order"] for e in entries if e.get("kind") == "cancel" and e["what"] == "asked"}
    told = {e["order"] for e in entries if e.get("kind") == "cancel" and e["what"] == "told"}
    ours = {e["email"] for e in entries if e["what"] == "registered"}
    for number in told:
        order = orders.get(number)
        if order is not None and order.state != "cancelled":
            made.add("lost", f"Order {number} was called off, and is {order.state}.")
    for order in state.orders:
        by_buyer = order.state == "cancelled" and order.reason == "buyer"
        if by_buyer and order.email in ours and order.id not in asked:
            made.add(
                "unasked", f"Order {order.id} was called off, and its buyer did not ask for it."
            )


def _books(entries: Sequence[Entry], state: State, made: Audit) -> None:
    books: dict[int, BookRow] = {book.id: book for book in state.books}
    for promise in entries:
        if promise["what"] != "told" or promise.get("kind") != "book":
            continue
        book = books.get(promise.get("book") or 0)
        if book is None:
            continue  # named already where it is missing
        name = f"Book {book.id} “{book.title}”"
        if promise.get("copies") and promise["copies"] != book.total:
            made.add("terms", f"{name}: {book.total} copies, not {promise['copies']}.")
        if promise.get("price") and book.price is not None and promise["price"] != book.price:
            made.add("money", f"{name}: its price is {book.price}, not {promise['price']}.")
        if promise.get("cover") and not book.cover:
            made.add("lost", f"{name}: its cover was taken and is not there.")
