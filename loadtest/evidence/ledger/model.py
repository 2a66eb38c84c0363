"""The rows of a shop's database that the ledger asks for, and what comparing them finds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True)
class Finding:
    """One difference.

    `kind` is lost, duplicated, oversold, unasked, money, stock, terms or history.
    """

    kind: str
    what: str


class OrderRow(NamedTuple):
    """An order and its payment, as the database has them; amounts in minor units."""

    id: int
    email: str
    key: str
    state: str
    reason: str | None
    goods: int
    shipping: int
    paid_at: int | None
    confirmed_at: int | None
    released_at: int | None
    intent_state: str | None
    intent_amount: int | None
    carrier: str = ""
    name: str = ""
    address: str = ""
    country: str = ""
    placed_at: int = 0  # milliseconds, as all moments in the database
    cancelled_at: int | None = None


class LineRow(NamedTuple):
    """A book in an order."""

    order_id: int
    book_id: int
    price: int
    quantity: int
    seller_id: int


class BookRow(NamedTuple):
    """A book's copies: what is left, and what holds say."""

    id: int
    title: str
    stock: int
    total: int
    held: int
    sold: int
    seller_email: str
    price: int | None = None
    cover: str | None = None


class ShipmentRow(NamedTuple):
    """A parcel's share of the money."""

    id: int
    order_id: int
    seller_id: int
    goods: int
    shipping: int
    cancelled_at: int | None


class RefundRow(NamedTuple):
    """Money given back, or owed: for what is left of an order, or for one parcel of it, whose
    copies are back on sale once it is `done`."""

    order_id: int
    amount: int
    done: bool
    shipment_id: int | None = None


@dataclass(frozen=True)
class State:
    """What a shop's database says, as far as the ledger asks."""

    orders: Sequence[OrderRow]
    lines: Sequence[LineRow]
    books: Sequence[BookRow]
    shipments: Sequence[ShipmentRow]
    refunds: Sequence[RefundRow]
    people: frozenset[str]


@dataclass
class Audit:
    """The outcome: how much was compared, and what differs."""

    counts: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    history: dict[str, int] = field(default_factory=dict)  # how much of the history was judged

    def add(self, kind: str, what: str) -> None:
        """Note a difference."""
        self.findings.append(Finding(kind, what))

    @property
    def by_kind(self) -> Counter[str]:
        """Count the findings of each kind."""
        return Counter(finding.kind for finding in self.findings)
