"""The simulated gateway: its states, cards and webhooks."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookstore.clock import SECOND
from bookstore.orders import payments
from bookstore.orders.payments import (
    TEST_CARDS,
    BadWebhook,
    Event,
    Intent,
    IntentState,
    NotPayable,
    card_of,
)

NOW = 1_700_000_000_000
KEY = b"a key of the tests"
FRESH = Intent("pi_1", 7, 1540, "EUR", IntentState.REQUIRES_PAYMENT_METHOD)


def paid_with(number: str) -> Intent:
    card = card_of(number)
    assert card is not None
    return payments.confirm(payments.attach(FRESH, card), card, NOW)


@pytest.mark.parametrize(
    ("number", "state", "error", "decline"),
    [
        ("4242424242424242", "succeeded", None, None),
        ("4000000000000002", "requires_payment_method", "card_declined", "generic_decline"),
        ("4000000000009995", "requires_payment_method", "card_declined", "insufficient_funds"),
        ("4000000000000069", "requires_payment_method", "expired_card", "expired_card"),
        ("4000000000000127", "requires_payment_method", "incorrect_cvc", "incorrect_cvc"),
        ("4000000000000119", "requires_payment_method", "processing_error", "processing_error"),
        ("4000000000003220", "requires_action", None, None),
        ("4000008400001629", "requires_action", None, None),
        ("4000000000007734", "processing", None, None),
    ],
)
def test_cards(number: str, state: str, error: str | None, decline: str | None) -> None:
    after = paid_with(number)
    assert (after.state, after.error_code, after.decline_code) == (state, error, decline)
    assert (after.amount, after.brand, after.last4) == (1540, "Visa", number[-4:])


@pytest.mark.parametrize(
    ("number", "approved", "state", "error"),
    [
        ("4000000000003220", True, "succeeded", None),
        ("4000008400001629", True, "requires_payment_method", "card_declined"),
        ("4000000000003220", False, "requires_payment_method",
         "payment_intent_authentication_failure"),
        ("4000008400001629", False, "requires_payment_method",
         "payment_intent_authentication_failure"),
    ],
)  # fmt: skip
def test_three_d_secure(number: str, approved: bool, state: str, error: str | None) -> None:
    after = payments.authenticate(paid_with(number), approved=approved)
    assert (after.state, after.error_code) == (state, error)


@pytest.mark.parametrize("number", ["", "4111111111111111", "5555555555554444", "x", "4242"])
def test_every_other_number_is_refused(number: str) -> None:
    assert card_of(number) is None


def test_test_cards_have_the_right_check_digit_and_differ_in_their_last_four() -> None:
    for card in TEST_CARDS:
        doubled = [int(digit) * (2 - i % 2) for i, digit in enumerate(card.number)]
        assert sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0, card.number
    assert len({card.last4 for card in TEST_CARDS}) == len(TEST_CARDS)


@pytest.mark.parametrize("state", ["requires_action", "processing", "succeeded", "canceled"])
def test_what_is_under_way_or_over_takes_no_second_card(state: str) -> None:
    with pytest.raises(NotPayable):
        payments.attach(FRESH._replace(state=state), TEST_CARDS[0])


@pytest.mark.parametrize(
    "state", ["requires_payment_method", "requires_confirmation", "processing", "succeeded"]
)
def test_only_a_question_that_was_asked_can_be_answered(state: str) -> None:
    with pytest.raises(NotPayable):
        payments.authenticate(FRESH._replace(state=state), approved=True)


def test_a_payment_is_confirmed_with_a_card_alone() -> None:
    with pytest.raises(NotPayable):
        payments.confirm(FRESH, TEST_CARDS[0], NOW)


@pytest.mark.parametrize(
    ("state", "after"),
    [
        ("requires_payment_method", "canceled"),
        ("requires_action", "canceled"),
        ("processing", "processing"),
        ("succeeded", "succeeded"),
        ("canceled", "canceled"),
    ],
)
def test_giving_up(state: str, after: str) -> None:
    assert payments.cancel(FRESH._replace(state=state)).state == after


@pytest.mark.parametrize(
    ("state", "event", "attempt", "after"),
    [
        ("processing", "payment_intent.succeeded", 1, "succeeded"),
        ("processing", "payment_intent.payment_failed", 1, "requires_payment_method"),
        ("processing", "payment_intent.payment_failed", 0, "processing"),  # of an attempt before
        ("processing", "payment_intent.processing", 1, "processing"),
        ("processing", "something.new", 1, "processing"),
        ("succeeded", "payment_intent.payment_failed", 1, "succeeded"),  # out of order
        ("succeeded", "payment_intent.succeeded", 1, "succeeded"),  # repeated
        ("requires_payment_method", "payment_intent.payment_failed", 1, "requires_payment_method"),
        ("requires_payment_method", "payment_intent.succeeded", 1, "succeeded"),  # out of order
        ("canceled", "payment_intent.payment_failed", 1, "canceled"),
        ("canceled", "payment_intent.succeeded", 1, "succeeded"),  # to be refunded
    ],
)
def test_events(state: str, event: str, attempt: int, after: str) -> None:
    intent = FRESH._replace(state=state, attempt=1)
    assert payments.apply(intent, Event("evt_1", event, "pi_1", attempt)).state == after


def test_an_event_survives_the_way_over_the_wire() -> None:
    event = Event("evt_1", "payment_intent.payment_failed", "pi_1", 3, "card_declined", "do_not")
    assert payments.decode(payments.encode(event, NOW)) == event
    assert payments.decode(payments.encode(event._replace(error_code=None, decline_code=None), NOW))


@pytest.mark.parametrize("seconds_off", [-300, -1, 0, 1, 300])
def test_a_good_signature(seconds_off: int) -> None:
    header = payments.sign(KEY, b"{}", NOW + seconds_off * SECOND)
    payments.verify(KEY, header, b"{}", NOW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "nonsense",
        "v1=" + "0" * 64,
        f"t={NOW // SECOND}",
        f"t={NOW // SECOND},v1=",
        f"t={NOW // SECOND},v1=" + "0" * 64,
        f"t={NOW // SECOND},v1=ñ",
        "t=-5,v1=00",
        "t=٣,v1=00",
        "t=" + "9" * 5000 + ",v1=00",
        payments.sign(b"another key", b"{}", NOW),
        payments.sign(KEY, b"{ }", NOW),
        payments.sign(KEY, b"{}", NOW - 301 * SECOND),
        payments.sign(KEY, b"{}", NOW + 301 * SECOND),
        payments.sign(KEY, b"{}", NOW).replace("t=1", "t=2"),
        payments.sign(KEY, b"{}", NOW).replace("v1=", "v0="),
    ],
)
def test_a_bad_signature(header: str) -> None:
    with pytest.raises(BadWebhook):
        payments.verify(KEY, header, b"{}", NOW)


def test_one_good_signature_of_several_is_enough() -> None:
    header = payments.sign(KEY, b"{}", NOW) + ",v1=" + "0" * 64
    payments.verify(KEY, header, b"{}", NOW)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=80),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(
    st.binary(max_size=60)
    | _json.map(lambda thing: json.dumps(thing).encode())
    | st.builds(
        lambda id_, type_, thing, error, meta: json.dumps(
            {"id": id_, "type": type_,
             "data": {"object": {"id": thing, "last_payment_error": error, "metadata": meta}}}
        ).encode(),
        _json, _json, _json, _json, _json,
    )
)  # fmt: skip
def test_no_body_breaks_the_reader(body: bytes) -> None:
    try:
        event = payments.decode(body)
    except BadWebhook:
        return
    assert event.id
    assert event.intent_id
