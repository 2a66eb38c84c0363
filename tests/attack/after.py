"""What must hold when the dust has settled, read from the database alone."""

import time
from typing import Any

import sqlalchemy as sa

from loadtest.evidence.invariants import NEVER, STUCK
from loadtest.evidence.ledger.audit import audit
from loadtest.evidence.ledger.database import read


def broken(url: str) -> list[str]:
    """Return what does not hold at this moment, a sentence each."""
    found = _rows(url, NEVER) + _rows(url, STUCK)
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
