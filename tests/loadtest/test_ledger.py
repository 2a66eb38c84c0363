"""The ledger: each way in which a shop can break a promise is found, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from loadtest.evidence.ledger.audit import audit
from loadtest.evidence.ledger.database import LedgerError, read
from loadtest.evidence.ledger.model import (
    BookRow,
    LineRow,
    OrderRow,
    RefundRow,
    ShipmentRow,
    State,
)
from tests.support.mariadb import DRIVERS, MariaDB, with_driver

SELLER = 3
ANA = "ana@load.example.org"


def entries(*more: dict[str, Any]) -> list[dict[str, Any]]:
    """A reader who ordered a book, paid for it, and heard so."""
    return [
        {"what": "registered", "email": ANA},
        {"what": "asked", "kind": "order", "key": "k1", "by": ANA, "total": 1540},
        {"what": "told", "kind": "order", "key": "k1", "by": ANA, "order": 1, "lines": [[7, 1]]},
        {"what": "asked", "kind": "payment", "order": 1},
        {"what": "told", "kind": "payment", "order": 1, "badge": "paid", "total": 1540},
        *more,
    ]


def order(**changes: Any) -> OrderRow:
    usual = OrderRow(1, ANA, "k1", "paid", None, 1250, 290, 5, 6, None, "succeeded", 1540)
    return usual._replace(**changes)


def book(**changes: Any) -> BookRow:
    return BookRow(7, "Orlando", 2, 3, 0, 1, "sela@example.org")._replace(**changes)


def state(
    *orders: OrderRow,
    books: tuple[BookRow, ...] = (),
    lines: tuple[LineRow, ...] = (LineRow(1, 7, 1250, 1, SELLER),),
    refunds: tuple[RefundRow, ...] = (),
    people: frozenset[str] = frozenset({ANA}),
    parcels: tuple[ShipmentRow, ...] = (),
) -> State:
    whole = tuple(ShipmentRow(o.id, o.id, SELLER, o.goods, o.shipping, None) for o in orders)
    return State(orders, lines, books or (book(),), parcels or whole, refunds, people)


def findings(kept: State, *more: dict[str, Any]) -> list[tuple[str, str]]:
    return [(f.kind, f.what) for f in audit(entries(*more), kept).findings]


def test_a_kept_promise_is_no_finding() -> None:
    made = audit(entries(), state(order()))
    assert made.findings == []
    assert made.counts["orders confirmed to buyers"] == 1
    assert made.counts["copies sold"] == 1


@pytest.mark.parametrize(
    ("kept", "kind", "words"),
    [
        (state(lines=(), books=(book(sold=0, stock=3),)), "lost", "does not exist"),
        (state(order(), order(id=2)), "duplicated", "exists 2 times: 1, 2"),
        (state(order(), lines=(LineRow(1, 7, 1250, 2, SELLER),)), "lost", "holds [[7, 2]]"),
        (state(order(paid_at=None, state="placed")), "lost", "shown as paid; it is placed"),
        (state(order(intent_state="processing")), "lost", "shown as paid"),
        (state(order(confirmed_at=None)), "lost", "its copies are not sold"),
        (state(order(), people=frozenset()), "lost", "was confirmed and does not exist"),
        (state(order(), books=(book(stock=3),)), "stock", "3 left + 0 held + 1 sold is not 3"),
        (
            state(order(), books=(book(stock=0, sold=4),)),
            "oversold",
            "4 copies sold and 0 held",
        ),
        (state(order(), books=(book(stock=1, sold=2),)), "stock", "2 sold, 1 in sold orders"),
        (state(order(goods=1300, intent_amount=1590)), "money", "its lines make 1250, not 1300"),
        (state(order(intent_amount=1)), "money", "1 to pay, not 1540"),
        (state(order(), refunds=(RefundRow(1, 99, True),)), "money", "99 goes back, not None"),
        (state(order(state="cancelled")), "money", "None goes back, not 1540"),
        (
            state(order(state="cancelled"), refunds=(RefundRow(1, 99, True),)),
            "money",
            "99 goes back, not 1540",
        ),
    ],
)
def test_a_broken_promise_is_found(kept: State, kind: str, words: str) -> None:
    assert any(kind == found and words in what for found, what in findings(kept))


def unasked(**changes: Any) -> OrderRow:
    usual = {"id": 2, "key": "k2", "state": "placed", "paid_at": None, "confirmed_at": None}
    return order(**(usual | {"intent_state": None, "intent_amount": None} | changes))


LINES = (LineRow(1, 7, 1250, 1, SELLER), LineRow(2, 7, 1250, 1, SELLER))
ASKED = {"what": "asked", "kind": "order", "key": "k2", "by": ANA}


def test_an_order_that_nobody_asked_for_is_found() -> None:
    assert findings(state(order(), unasked(), lines=LINES)) == [
        ("unasked", f"Order 2 of {ANA}: nobody asked for it.")
    ]


@pytest.mark.parametrize("outcome", [[], [ASKED | {"what": "unheard"}]])
def test_an_answer_that_never_came_explains_an_order(outcome: list[dict[str, Any]]) -> None:
    assert findings(state(order(), unasked(), lines=LINES), ASKED, *outcome) == []


def test_an_order_that_was_refused_must_not_exist() -> None:
    refused = ASKED | {"what": "refused"}
    assert findings(state(order(), unasked(), lines=LINES), ASKED, refused) == [
        ("unasked", f"Order 2 of {ANA} was refused, and exists.")
    ]
    given_up = unasked(state="cancelled", reason="sold_out")
    assert findings(state(order(), given_up, lines=LINES), ASKED, refused) == []


def test_orders_of_others_are_none_of_its_business() -> None:
    assert findings(state(order(), unasked(email="somebody@example.org"), lines=LINES)) == []


def test_a_paid_order_that_is_refunded_for_want_of_copies_is_fine() -> None:
    kept = state(
        order(state="cancelled", reason="sold_out", confirmed_at=None),
        books=(book(stock=3, sold=0),),
        refunds=(RefundRow(1, 1540, True),),
    )
    assert findings(kept) == []


# Two parcels, of which the second was called off: its money went back, its copy is on sale again.
TWO = order(goods=2000, shipping=580, intent_amount=2580)
PARCELS = (
    ShipmentRow(1, 1, SELLER, 1250, 290, None),
    ShipmentRow(2, 1, SELLER + 1, 750, 290, 9),
)
TWO_LINES = (LineRow(1, 7, 1250, 1, SELLER), LineRow(1, 8, 750, 1, SELLER + 1))
BACK = RefundRow(1, 1040, True, 2)
ALL_OFF = TWO._replace(state="cancelled", released_at=9)


@pytest.mark.parametrize(
    ("kept", "sold", "refunds", "kinds"),
    [
        (TWO, 0, (BACK,), set()),
        (TWO, 1, (BACK,), {"stock"}),  # the copy did not go back on sale
        (TWO, 1, (BACK._replace(done=False),), set()),  # it will
        (TWO, 0, (), {"money", "stock"}),
        (TWO, 0, (BACK._replace(amount=750),), {"money"}),
        (TWO, 0, (BACK, RefundRow(1, 2580, True)), {"money"}),  # twice
        (
            TWO._replace(state="cancelled", released_at=9),
            0,
            (BACK, RefundRow(1, 1540, True)),
            set(),
        ),
    ],
)
def test_a_parcel_that_was_called_off(
    kept: OrderRow, sold: int, refunds: tuple[RefundRow, ...], kinds: set[str]
) -> None:
    first = book(sold=0, stock=3) if kept.state == "cancelled" else book()
    second = book(id=8, sold=sold, stock=3 - sold)
    made = audit(
        [], state(kept, books=(first, second), lines=TWO_LINES, refunds=refunds, parcels=PARCELS)
    )
    assert {finding.kind for finding in made.findings} == kinds


def test_books_of_sellers() -> None:
    told = {"what": "told", "kind": "book", "by": ANA, "title": "Orlando", "copies": 3}
    other = book(id=8, seller_email=ANA, stock=3, sold=0)
    assert findings(state(order(), books=(book(), other)), told) == []
    assert findings(state(order()), told)[0][0] == "lost"
    twice = state(order(), books=(book(), other, other._replace(id=9)))
    assert findings(twice, told)[0][0] == "duplicated"


@pytest.mark.mariadb
@pytest.mark.parametrize("driver", DRIVERS)
def test_a_database_is_read_whatever_driver_its_url_names(
    mariadb: MariaDB, mariadb_url: str, driver: str
) -> None:
    mariadb.empty("shop")
    kept = read(
        dict.fromkeys(("accounts", "catalogue", "orders"), with_driver(mariadb_url, driver))
    )
    assert not kept.orders


@pytest.mark.parametrize(
    ("made", "words"),
    [(True, "cannot be read: no such table"), (False, r"There is no database .*none\.db")],
)
def test_a_database_that_cannot_be_read_is_a_sentence(
    made: bool, words: str, tmp_path: Path
) -> None:
    if made:
        (tmp_path / "none.db").touch()
    empty = dict.fromkeys(("accounts", "catalogue", "orders"), f"sqlite:///{tmp_path}/none.db")
    with pytest.raises(LedgerError, match=words):
        read(empty)
    with pytest.raises(LedgerError, match="no database of the shop"):
        read(dict.fromkeys(empty, "postgresql://x/y"))
