"""The history: what a shop can do in between, though its end is well, is found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from loadtest.evidence.ledger.history import check_history, operations
from loadtest.evidence.ledger.kept_pages import STALE
from loadtest.evidence.ledger.model import Audit, BookRow, LineRow, OrderRow, State
from loadtest.evidence.ledger.terms import compare_terms

ANA = "ana@load.example.org"


def op(
    number: int, kind: str, begin: float, end: float | None, **about: Any
) -> list[dict[str, Any]]:
    """Return the entries of an operation; without an end its answer never came."""
    outcome = about.pop("outcome", "told")
    entry = {"kind": kind, "op": f"1-{number}", "by": ANA, **about}
    made = [{"t": begin, "what": "asked", **entry}]
    return made if end is None else [*made, {"t": end, "what": outcome, **entry}]


def look(number: int, begin: float, end: float, badge: str, order: int = 1) -> list[dict[str, Any]]:
    return op(number, "look", begin, end, order=order, badge=badge)


def row(number: int = 1, **changes: Any) -> OrderRow:
    usual = OrderRow(number, ANA, "k", "paid", None, 1250, 290, 5, 6, None, "succeeded", 1540)
    return usual._replace(**{"placed_at": 1000, **changes})


def state(*orders: OrderRow, lines: tuple[LineRow, ...] = (), total: int = 1, **book: Any) -> State:
    books = (BookRow(7, "Orlando", 0, total, 0, 0, "s@example.org")._replace(**book),)
    return State(orders, lines, books, (), (), frozenset({ANA}))


def found(kept: State, *entries: list[dict[str, Any]]) -> list[str]:
    made = Audit()
    flat = sorted((e for each in entries for e in each), key=lambda e: float(e["t"]))
    check_history(flat, kept, made)
    return [finding.what for finding in made.findings]


def test_operations_pair_what_was_asked_with_what_came() -> None:
    done = operations([*op(1, "order", 1, 2), *op(2, "order", 3, None)])
    assert [(one.begin, one.end, one.outcome) for one in done] == [
        (1, 2, "told"),
        (3, float("inf"), "unheard"),
    ]


def test_an_order_that_goes_forward_is_fine() -> None:
    steps = ("awaiting_payment", "processing", "paid", "shipped", "delivered")
    looks = [look(i, i, i + 0.5, badge) for i, badge in enumerate(steps)]
    assert found(state(), *looks) == []


def test_an_order_that_goes_back_is_named() -> None:
    looks = look(1, 1, 2, "paid"), look(2, 3, 4, "awaiting_payment")
    assert found(state(), *looks) == ["Order 1 was seen paid, and awaiting_payment after that."]


def test_who_looked_at_the_same_time_may_see_either() -> None:
    assert found(state(), look(1, 1, 4, "paid"), look(2, 3, 5, "awaiting_payment")) == []


@pytest.mark.parametrize(("first", "named"), [("paid", False), ("shipped", True)])
def test_what_was_sent_is_not_called_off(first: str, named: bool) -> None:
    assert bool(found(state(), look(1, 1, 2, first), look(2, 3, 4, "cancelled"))) is named


def order(number: int, begin: float, end: float | None, **more: Any) -> list[dict[str, Any]]:
    return op(number, "order", begin, end, **{"order": number, "lines": [[7, 1]], **more})


def test_more_copies_at_one_moment_than_there_are_is_named() -> None:
    one, two = order(1, 1, 2), order(2, 3, 4)
    assert found(state(total=2), one, two) == []
    assert found(state(total=1), one, two) == [
        "Book 7 “Orlando”: 2 copies confirmed at one moment, of 1."
    ]


def test_a_copy_that_was_given_back_may_be_sold_again() -> None:
    back = op(9, "cancel", 2.5, 2.8, order=1)
    assert found(state(total=1), order(1, 1, 2), back, order(2, 3, 4)) == []
    released = state(row(1, released_at=5000), total=1)
    assert found(released, order(1, 1, 2), order(2, 6, 7)) == []


def test_a_refusal_must_be_true() -> None:
    refused = order(2, 10, 11, outcome="refused", status=409)
    nobody = state(total=1)
    assert found(nobody, refused) == [f"{ANA} was refused [[7, 1]], and there were enough."]
    taken = state(row(1), lines=(LineRow(1, 7, 1250, 1, 3),), total=1)
    assert found(taken, refused) == []
    long_ago = state(row(1, released_at=5000), lines=(LineRow(1, 7, 1250, 1, 3),), total=1)
    assert len(found(long_ago, refused)) == 1


def terms(kept: State, *entries: dict[str, Any]) -> list[tuple[str, str]]:
    made = Audit()
    compare_terms(entries, kept, made)
    return [(finding.kind, finding.what) for finding in made.findings]


AGREED = {
    "what": "told", "kind": "order", "order": 1, "by": ANA, "name": "Ana", "carrier": "post",
    "address": "Calle Mayor 1\n28013 Madrid", "country": "ES", "total": 1540, "prices": {"7": 1250},
}  # fmt: skip
KEPT: dict[str, Any] = {
    "name": "Ana", "carrier": "post", "address": "Calle Mayor 1\r\n28013 Madrid", "country": "ES",
}  # fmt: skip
LINE = (LineRow(1, 7, 1250, 1, 3),)


def test_terms_that_are_kept_are_no_finding() -> None:
    assert terms(state(row(**KEPT), lines=LINE), AGREED) == []


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"name": "Eva"}, "terms"),
        ({"address": "Calle Menor 1"}, "terms"),
        ({"country": "FR"}, "terms"),
        ({"carrier": "swift"}, "terms"),
        ({"shipping": 500}, "money"),
    ],
)
def test_terms_that_are_not_kept_are_named(changes: dict[str, Any], kind: str) -> None:
    assert [k for k, _ in terms(state(row(**{**KEPT, **changes}), lines=LINE), AGREED)] == [kind]


def test_a_price_that_is_not_the_one_that_was_shown_is_named() -> None:
    dearer = (LineRow(1, 7, 1300, 1, 3),)
    assert terms(state(row(**KEPT), lines=dearer), AGREED) == [
        ("money", "Order 1: book 7 costs 1300, not 1250.")
    ]


def test_cancellations_on_both_sides() -> None:
    told = {"what": "told", "kind": "cancel", "order": 1, "by": ANA}
    assert terms(state(row()), told)[0] == ("lost", "Order 1 was called off, and is paid.")
    gone = state(row(state="cancelled", reason="buyer"))
    mine = {"what": "registered", "email": ANA}
    assert terms(gone, mine)[0][0] == "unasked"
    assert terms(gone, mine, told | {"what": "asked"}) == []


def test_a_book_is_as_its_seller_offered_it() -> None:
    told = {"what": "told", "kind": "book", "book": 7, "copies": 1, "price": 750, "cover": True}
    assert terms(state(price=750, cover="x.webp"), told) == []
    assert [k for k, _ in terms(state(total=2, price=800), told)] == ["terms", "money", "lost"]


def page(copies: int, begin: float) -> list[dict[str, Any]]:
    return [{"t": begin + 0.5, "what": "looked", "book": 7, "copies": copies, "begin": begin}]


BOUGHT = op(1, "order", 1, 2, order=1, lines=[[7, 1]])
LINE = (LineRow(1, 7, 1250, 1, 3),)
AGO = 100.0  # seconds after the order, when everybody knows of it


@pytest.mark.parametrize(
    ("copies", "begin", "named"),
    [
        (1, 2.0 + STALE - 0.5, ""),  # not known yet: a page may be so old
        (1, 2.0 + STALE + 0.5, "at most 0"),
        (0, AGO, ""),
        (3, AGO, "at most 0"),
    ],
)
def test_a_page_may_show_a_copy_that_was_sold_for_a_while(
    copies: int, begin: float, named: str
) -> None:
    seen = found(state(row(), lines=LINE), BOUGHT, page(copies, begin))
    assert [named in one for one in seen] == ([True] if named else [])


@pytest.mark.parametrize(
    ("away", "changed", "begin", "named"),
    [
        (range(3, 60, 4), None, 58.0, False),  # nobody could change anything since
        ((), None, 58.0, True),
        ((3, 55), None, 58.0, True),  # two who were unlucky are no outage
        (range(3, 60, 4), 30, 58.0, False),  # away again before all had heard
        (range(3, 30, 4), 30, 27.0 + STALE - 2.0, False),  # for a while after it as well
        (range(3, 30, 4), 30, 27.0 + STALE + 1.0, True),
    ],
)
def test_a_page_may_show_what_was_when_the_shop_went_away(
    away: Sequence[int], changed: int | None, begin: float, named: bool
) -> None:
    told = [[{"t": float(at), "what": "away"}] for at in away]
    other = [] if changed is None else op(2, "basket", changed - 0.5, changed)
    seen = found(state(row(), lines=LINE), BOUGHT, *told, other, page(1, begin))
    assert any("at most 0" in one for one in seen) is named


@pytest.mark.parametrize(
    ("order", "copies", "named"),
    [
        (row(), 1, ""),  # two copies, one of them sold
        (row(), 0, "at least 1"),
        (row(released_at=3000), 1, "at least 2"),  # given back long ago
        (row(released_at=int((AGO - STALE + 1) * 1000)), 1, ""),  # not known yet
        (row(placed_at=int((AGO + 1) * 1000)), 1, ""),  # clocks differ: it may have been before
    ],
)
def test_a_page_may_hide_a_copy_that_came_back_for_a_while(
    order: OrderRow, copies: int, named: str
) -> None:
    seen = found(state(order, lines=LINE, total=2), page(copies, AGO))
    assert [named in one for one in seen] == ([True] if named else [])


def test_what_was_given_back_later_is_not_held_against_a_page() -> None:
    kept = state(row(released_at=int(AGO * 1000) + 9000), lines=LINE)
    assert found(kept, BOUGHT, page(1, AGO)) == []


def test_a_book_is_named_once_and_all_pages_are_counted() -> None:
    made = Audit()
    check_history([*BOUGHT, *page(1, AGO), *page(1, AGO + 1)], state(row(), lines=LINE), made)
    assert [finding.kind for finding in made.findings] == ["stale"]
    assert made.history["pages of books"] == 2
