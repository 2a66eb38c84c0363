"""The rules of baskets, checkout, orders and shipments."""

from typing import Any

import pytest

from bookstore.carriers import CARRIERS
from bookstore.contracts import Quote
from bookstore.orders import domain, terms
from bookstore.orders.domain import (
    MAX_QUANTITY,
    MAX_TITLES,
    BasketFull,
    Order,
    Problem,
    Shipment,
)

BUYER, SELLER, OTHER_SELLER = 1, 2, 3
QUOTE = Quote(10, "Orlando", "Virginia Woolf", "Good", 1250, "EUR", SELLER, "Sela", None, 3, True)
ORDER = Order(
    1, BUYER, "", "ref", "placed", None, "EUR", 1000, 290, "post", "Ana", "C/ Mayor 1", "ES",
    placed_at=100, expires_at=200, paid_at=None, confirmed_at=None, cancelled_at=None,
    released_at=None,
)  # fmt: skip
SHIPMENT = Shipment(1, 1, SELLER, "Sela", 1000, 290, None, None)


def review(*items: tuple[int, Quote], buyer: int | None = BUYER) -> domain.Review:
    return domain.review(
        {quote.book_id: quantity for quantity, quote in items},
        {quote.book_id: quote for _quantity, quote in items},
        buyer_id=buyer,
        currency="EUR",
    )


@pytest.mark.parametrize(
    ("quantity", "change", "buyer", "problem"),
    [
        (1, {}, BUYER, None),
        (3, {}, BUYER, None),
        (3, {}, None, None),
        (4, {}, BUYER, Problem.TOO_FEW),
        (1, {"stock": 0}, BUYER, Problem.SOLD_OUT),
        (1, {"stock": -1}, BUYER, Problem.SOLD_OUT),
        (1, {"listed": False}, BUYER, Problem.SOLD_OUT),
        (1, {}, SELLER, Problem.OWN),
        (1, {"currency": "USD"}, BUYER, Problem.CURRENCY),
    ],
)
def test_what_can_be_bought(
    quantity: int, change: dict[str, Any], buyer: int | None, problem: Problem | None
) -> None:
    assert domain.problem_of(quantity, QUOTE._replace(**change), buyer, "EUR") == problem


def test_a_book_that_nobody_knows_cannot_be_bought() -> None:
    assert domain.problem_of(1, None, BUYER, "EUR") == Problem.GONE


@pytest.mark.parametrize(
    ("carrier", "copies", "price"),
    [("post", 1, 290), ("post", 4, 470), ("parcel", 1, 450), ("express", 3, 1190)],
)
def test_prices_of_carriers(carrier: str, copies: int, price: int) -> None:
    assert CARRIERS[carrier].price(copies) == price


def test_two_sellers_are_two_parcels_and_each_costs_its_own_postage() -> None:
    basket = review((2, QUOTE), (1, QUOTE._replace(book_id=11, seller_id=OTHER_SELLER, price=400)))
    assert [(parcel.seller_id, parcel.goods, parcel.copies) for parcel in basket.parcels] == [
        (SELLER, 2500, 2),
        (OTHER_SELLER, 400, 1),
    ]
    assert basket.shipping(CARRIERS["post"]) == (290 + 60) + 290
    assert basket.total(CARRIERS["post"]) == 2900 + 640
    assert basket.ready


def test_an_empty_basket_or_one_with_a_problem_is_not_ready() -> None:
    assert not review().ready
    assert not review((1, QUOTE), (9, QUOTE._replace(book_id=11))).ready


@pytest.mark.parametrize(
    "same", [QUOTE, QUOTE._replace(stock=1), QUOTE._replace(seller_name="Sela Nueva")]
)
def test_stock_and_the_sellers_name_are_no_terms(same: Quote) -> None:
    assert terms.changes(terms.seen(review((1, QUOTE))), review((1, same))) == []
    assert same.terms == QUOTE.terms


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Orlando (photocopy)"), ("author", "V. Woolf"), ("condition", "Poor"),
        ("price", 1251), ("ex_library", True), ("defects", "Pages missing"),
        ("description", "No jacket"), ("isbn13", "9780156701600"), ("year", 1999),
        ("language", "es"), ("cover", "another"),
    ],
)  # fmt: skip
def test_whatever_is_seen_of_a_book_is_a_term(name: str, value: object) -> None:
    changed = QUOTE._replace(**{name: value})  # type: ignore[arg-type]
    assert changed.terms != QUOTE.terms
    found = terms.changes(terms.seen(review((1, QUOTE))), review((1, changed)))
    assert [change.what for change in found] == [name]


def test_other_books_quantities_and_postage_are_other_terms() -> None:
    seen = terms.seen(review((1, QUOTE)))
    assert [c.what for c in terms.changes(seen, review((2, QUOTE)))] == ["quantity"]
    other = review((1, QUOTE._replace(book_id=11)))
    assert [c.what for c in terms.changes(seen, other)] == ["gone", "added"]
    seen["postage"]["post"] -= 100
    assert terms.changes(seen, review((1, QUOTE))) == [
        terms.Change("postage", "Snail Post", 190, 290)
    ]


@pytest.mark.parametrize(
    ("basket", "quantity", "add", "after"),
    [
        ({}, 2, True, {1: 2}),
        ({1: 2}, 2, True, {1: 4}),
        ({1: 2}, 5, False, {1: 5}),
        ({1: 2, 2: 1}, 0, False, {2: 1}),
        ({1: MAX_QUANTITY - 1}, 1, True, {1: MAX_QUANTITY}),
        ({1: MAX_QUANTITY}, 1, True, None),
        (dict.fromkeys(range(2, MAX_TITLES + 2), 1), 1, True, None),
    ],
)
def test_quantities(
    basket: dict[int, int], quantity: int, add: bool, after: dict[int, int] | None
) -> None:
    if after is None:
        with pytest.raises(BasketFull):
            domain.with_quantity(basket, 1, quantity, add=add)
    else:
        assert domain.with_quantity(basket, 1, quantity, add=add) == after


def test_two_baskets_become_one_with_the_larger_quantity_of_each_book() -> None:
    assert domain.merged({1: 1, 2: 5}, {1: 3, 2: 2, 3: 1}) == {1: 3, 2: 5, 3: 1}


def test_a_merged_basket_stays_within_its_limit() -> None:
    full = dict.fromkeys(range(MAX_TITLES), 1)
    assert domain.merged(full, {0: 2, 999: 1}) == {**full, 0: 2}


@pytest.mark.parametrize(
    ("state", "now", "payable"),
    [
        ("placed", 199, True),
        ("placed", 200, False),
        ("placing", 150, False),
        ("paid", 150, False),
        ("cancelled", 150, False),
    ],
)
def test_when_an_order_can_be_paid(state: str, now: int, payable: bool) -> None:
    assert domain.may_pay(ORDER._replace(state=state), now) == payable


@pytest.mark.parametrize(
    ("state", "shipped_at", "allowed"),
    [
        ("placed", None, True),
        ("paid", None, True),
        ("paid", 150, False),
        ("placing", None, False),
        ("cancelled", None, False),
    ],
)
def test_when_an_order_can_be_cancelled(state: str, shipped_at: int | None, allowed: bool) -> None:
    shipments = [SHIPMENT, SHIPMENT._replace(id=2, shipped_at=shipped_at)]
    assert domain.may_cancel(ORDER._replace(state=state), shipments) == allowed


@pytest.mark.parametrize(
    ("state", "confirmed_at", "shipped_at", "allowed"),
    [
        ("paid", 160, None, True),
        ("paid", None, None, False),
        ("paid", 160, 170, False),
        ("placed", None, None, False),
        ("placed", 160, None, False),
        ("cancelled", 160, None, False),
    ],
)
def test_when_a_parcel_may_leave(
    state: str, confirmed_at: int | None, shipped_at: int | None, allowed: bool
) -> None:
    order = ORDER._replace(state=state, confirmed_at=confirmed_at)
    assert domain.may_ship(order, SHIPMENT._replace(shipped_at=shipped_at)) == allowed
