"""Read a shop's database, as far as the ledger asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from loadtest.evidence.ledger.model import (
    BookRow,
    LineRow,
    OrderRow,
    RefundRow,
    ShipmentRow,
    State,
)

CONTEXTS = ("accounts", "catalogue", "orders")


class LedgerError(Exception):
    """The comparison could not be made: one sentence."""


def check(urls: Mapping[str, str]) -> None:
    """Raise LedgerError where what is named is no database of a shop, or cannot be read."""
    tables = {"accounts": "people", "catalogue": "books", "orders": "orders"}
    for context, url in urls.items():
        with _one_sentence(), _rows(url) as connection:
            _all(connection, f"SELECT id FROM {tables[context]} LIMIT 1")


def read(urls: Mapping[str, str]) -> State:
    """Read the database; `urls` names one for each context."""
    with _one_sentence():
        with _rows(urls["accounts"]) as accounts:
            people: dict[int, str] = {
                row[0]: row[1] for row in _all(accounts, "SELECT id, email FROM people")
            }
        with _rows(urls["orders"]) as orders:
            state = State(
                _orders_of(orders, people),
                [LineRow(*r) for r in _all(orders, _LINES)],
                [],
                [ShipmentRow(*r) for r in _all(orders, _SHIPMENTS)],
                [RefundRow(r[0], r[1], bool(r[2]), r[3]) for r in _all(orders, _REFUNDS)],
                frozenset(people.values()),
            )
        with _rows(urls["catalogue"]) as catalogue:
            books = [
                BookRow(row[0], row[1], row[2], row[3], int(row[4]), int(row[5]),
                        people.get(row[6], ""), row[7], row[8])
                for row in _all(catalogue, _BOOKS)
            ]  # fmt: skip
    return State(state.orders, state.lines, books, state.shipments, state.refunds, state.people)


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).splitlines()[0]
        raise LedgerError(f"The shop's database cannot be read: {reason}") from None


def _orders_of(connection: sa.Connection, people: Mapping[int, str]) -> list[OrderRow]:
    return [OrderRow(row[0], people.get(row[1], ""), *row[2:]) for row in _all(connection, _ORDERS)]


def _rows(url: str) -> sa.Connection:
    """Connect; a URL as the shop has it is good enough."""
    made = sa.make_url(url)
    if made.get_backend_name() == "mysql":
        query = {key: value for key, value in made.query.items() if key == "charset"}
        made = made.set(drivername="mysql+pymysql", query=query)
    elif made.get_backend_name() == "sqlite":
        if not Path(made.database or "").is_file():  # it would be made
            raise LedgerError(f"There is no database {made.database}.")
    else:
        raise LedgerError(f"{made.drivername}:// is no database of the shop: mysql:// or sqlite://")
    return sa.create_engine(made, poolclass=sa.NullPool).connect()


def _all(connection: sa.Connection, statement: str) -> Sequence[Any]:
    return connection.execute(sa.text(statement)).all()


_ORDERS = (
    "SELECT o.id, o.buyer_id, o.checkout_key, o.state, o.reason, o.goods, o.shipping, o.paid_at,"
    " o.confirmed_at, o.released_at, i.state, i.amount, o.carrier, o.name, o.address, o.country,"
    " o.placed_at, o.cancelled_at"
    " FROM orders o LEFT JOIN payment_intents i ON i.order_id = o.id"
)
_LINES = "SELECT order_id, book_id, price, quantity, seller_id FROM order_lines"
_SHIPMENTS = "SELECT id, order_id, seller_id, goods, shipping, cancelled_at FROM shipments"
_REFUNDS = (
    "SELECT order_id, amount, done_at IS NOT NULL, NULL FROM refunds"
    " UNION ALL SELECT order_id, amount, done_at IS NOT NULL, shipment_id FROM parcel_refunds"
)
_BOOKS = (
    "SELECT b.id, b.title, b.stock, b.copies_total,"
    " COALESCE(SUM(CASE WHEN h.state = 'held' THEN h.quantity END), 0),"
    " COALESCE(SUM(CASE WHEN h.state = 'sold' THEN h.quantity END), 0), b.seller_id,"
    " b.price, b.cover"
    " FROM books b LEFT JOIN holds h ON h.book_id = b.id"
    " GROUP BY b.id, b.title, b.stock, b.copies_total, b.seller_id, b.price, b.cover"
)
