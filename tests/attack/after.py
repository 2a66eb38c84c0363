"""What must hold when the dust has settled, read from the database alone."""

import time
from typing import Any

import sqlalchemy as sa

from loadtest.evidence.ledger.audit import audit
from loadtest.evidence.ledger.database import read

# Each statement finds rows that must not be there.
_NEVER = {
    "fewer than no copies": "SELECT id FROM books WHERE stock < 0",
    "on sale without copies, or not on sale with them": (
        "SELECT id FROM books WHERE on_sale <> (listed = 1 AND stock > 0)"
    ),
    "a parcel sent of an order that is not paid for": (
        "SELECT s.id FROM shipments s JOIN orders o ON o.id = s.order_id"
        " WHERE s.shipped_at IS NOT NULL AND (o.state <> 'paid' OR o.confirmed_at IS NULL)"
    ),
    "a parcel sent and called off": (
        "SELECT id FROM shipments WHERE shipped_at IS NOT NULL AND cancelled_at IS NOT NULL"
    ),
    "paid without money": (
        "SELECT o.id FROM orders o JOIN payment_intents p ON p.order_id = o.id"
        " WHERE o.paid_at IS NOT NULL AND p.state <> 'succeeded'"
    ),
    "money that nobody knows of": (
        "SELECT o.id FROM orders o JOIN payment_intents p ON p.order_id = o.id"
        " LEFT JOIN refunds r ON r.order_id = o.id"
        " WHERE p.state = 'succeeded' AND o.state <> 'paid' AND r.order_id IS NULL"
    ),
    "a buyer's own book": (
        "SELECT l.order_id FROM order_lines l JOIN orders o ON o.id = l.order_id"
        " WHERE l.seller_id = o.buyer_id"
    ),
    "a basket with an odd quantity": (
        "SELECT basket_id FROM basket_items WHERE quantity < 1 OR quantity > 20"
    ),
    "one form, two orders": (
        "SELECT MIN(id) FROM orders GROUP BY buyer_id, checkout_key HAVING COUNT(*) > 1"
    ),
    "a line without its copies": (
        "SELECT l.order_id FROM order_lines l JOIN orders o ON o.id = l.order_id"
        " LEFT JOIN holds h ON h.reference = o.reference AND h.book_id = l.book_id"
        " WHERE o.confirmed_at IS NOT NULL AND (h.quantity IS NULL OR h.quantity <> l.quantity)"
    ),
}
# Each finds rows that something should have finished by now.
_STUCK = {
    "an order that is neither placed nor given up": "SELECT id FROM orders WHERE state = 'placing'",
    "an order whose time to pay is long over": (
        "SELECT id FROM orders WHERE state = 'placed' AND expires_at < {now} - 15000"
    ),
    "a sale that is not confirmed": (
        "SELECT id FROM orders WHERE state = 'paid' AND confirmed_at IS NULL"
    ),
    "copies that were not given back": (
        "SELECT id FROM orders WHERE state = 'cancelled' AND released_at IS NULL"
    ),
    "a refund that is owed": "SELECT order_id FROM refunds WHERE done_at IS NULL",
    "a parcel's refund that is owed": ("SELECT order_id FROM parcel_refunds WHERE done_at IS NULL"),
    "a payment that its bank forgot": (
        "SELECT order_id FROM payment_intents WHERE state = 'processing'"
        " AND settles_at < {now} - 15000"
    ),
    "copies held for nobody": (
        "SELECT h.book_id FROM holds h LEFT JOIN orders o ON o.reference = h.reference"
        " WHERE h.state = 'held' AND (o.id IS NULL OR o.state NOT IN ('placing', 'placed'))"
    ),
}


def broken(url: str) -> list[str]:
    """Return what does not hold at this moment, a sentence each."""
    found = _rows(url, _NEVER) + _rows(url, _STUCK)
    state = read(dict.fromkeys(("accounts", "catalogue", "orders"), url))
    return found + [finding.what for finding in audit([], state).findings]


def settle(url: str, patience: float = 100) -> list[str]:
    """Wait until everything holds and nothing is left to finish; return what still does not."""
    deadline = time.monotonic() + patience
    while (found := broken(url)) and time.monotonic() < deadline:
        time.sleep(1)
    return found


def counts(url: str) -> dict[str, int]:
    """Return how many rows of each sort there are: an attack that did nothing proves nothing."""
    wanted = {
        "books": "SELECT COUNT(*) FROM books",
        "orders": "SELECT COUNT(*) FROM orders",
        "paid": "SELECT COUNT(*) FROM orders WHERE paid_at IS NOT NULL",
        "shipped": "SELECT COUNT(*) FROM shipments WHERE shipped_at IS NOT NULL",
        "refunds": "SELECT COUNT(*) FROM refunds",
        "parcels called off": "SELECT COUNT(*) FROM parcel_refunds",
    }
    with _connected(url) as connection:
        return {name: int(connection.scalar(sa.text(sql)) or 0) for name, sql in wanted.items()}


def _rows(url: str, statements: dict[str, str]) -> list[str]:
    now = time.time_ns() // 1_000_000
    found = []
    with _connected(url) as connection:
        for name, sql in statements.items():
            rows: Any = connection.execute(sa.text(sql.format(now=now))).all()
            if rows:
                found.append(f"{name}: {[row[0] for row in rows[:5]]}")
    return found


def _connected(url: str) -> sa.Connection:
    made = sa.make_url(url).set(drivername="mysql+pymysql")
    return sa.create_engine(made, poolclass=sa.NullPool).connect()
