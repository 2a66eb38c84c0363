"""A simulated payment gateway with the states, test cards and webhooks of Stripe's test mode.

Everything here is pure: an intent goes in, the intent as it is afterwards comes out. Real card
numbers are never accepted, and of a test card only brand and last four digits are kept.
"""

import hashlib
import hmac
import json
from enum import StrEnum
from typing import NamedTuple

from pydantic_core import from_json

from bookstore.clock import SECOND

TOLERANCE = 300 * SECOND  # how far a webhook's timestamp may be from our clock
SETTLE_AFTER = 20 * SECOND  # how long the gateway hangs with the card that makes it hang


class IntentState(StrEnum):
    """The states of a payment intent."""

    REQUIRES_PAYMENT_METHOD = "requires_payment_method"
    REQUIRES_CONFIRMATION = "requires_confirmation"
    REQUIRES_ACTION = "requires_action"
    PROCESSING = "processing"
    SUCCEEDED = "succeeded"
    CANCELED = "canceled"


FINAL = frozenset({IntentState.SUCCEEDED, IntentState.CANCELED})
PAYABLE = frozenset({IntentState.REQUIRES_PAYMENT_METHOD, IntentState.REQUIRES_CONFIRMATION})


class Card(NamedTuple):
    """A test card: the state it leads to, and what follows a 3-D Secure approval or a decline."""

    number: str
    leads_to: IntentState
    error_code: str | None = None
    decline_code: str | None = None
    brand: str = "Visa"

    @property
    def last4(self) -> str:
        """Return the digits by which a card is told without being known."""
        return self.number[-4:]

    @property
    def spaced(self) -> str:
        """The number in groups of four, as it is printed on a card."""
        return " ".join(self.number[i : i + 4] for i in range(0, 16, 4))


_DECLINED = IntentState.REQUIRES_PAYMENT_METHOD
TEST_CARDS = (
    Card("4242424242424242", IntentState.SUCCEEDED),
    Card("4000000000003220", IntentState.REQUIRES_ACTION),
    Card("4000008400001629", IntentState.REQUIRES_ACTION, "card_declined", "generic_decline"),
    Card("4000000000000002", _DECLINED, "card_declined", "generic_decline"),
    Card("4000000000009995", _DECLINED, "card_declined", "insufficient_funds"),
    Card("4000000000000069", _DECLINED, "expired_card", "expired_card"),
    Card("4000000000000127", _DECLINED, "incorrect_cvc", "incorrect_cvc"),
    Card("4000000000000119", _DECLINED, "processing_error", "processing_error"),
    # Our own: the gateway hangs, and a webhook settles the payment later.
    Card("4000000000007734", IntentState.PROCESSING),
)


def card_of(number: str) -> Card | None:
    """Return the test card with these sixteen digits; None for every other card."""
    return next((card for card in TEST_CARDS if card.number == number), None)


class Intent(NamedTuple):
    """The payment of one order. `amount` is in minor units and comes from the order."""

    id: str
    order_id: int
    amount: int
    currency: str
    state: str
    attempt: int = 0
    error_code: str | None = None
    decline_code: str | None = None
    brand: str | None = None
    last4: str | None = None
    settles_at: int | None = None


class NotPayable(Exception):
    """The intent is past the step that was asked for."""


def attach(intent: Intent, card: Card) -> Intent:
    """Give the intent a card to pay with: a new attempt, which forgets the last one's error."""
    if intent.state not in PAYABLE:
        raise NotPayable(intent.state)
    return intent._replace(
        state=IntentState.REQUIRES_CONFIRMATION,
        attempt=intent.attempt + 1,
        error_code=None,
        decline_code=None,
        brand=card.brand,
        last4=card.last4,
        settles_at=None,
    )


def confirm(intent: Intent, card: Card, now: int) -> Intent:
    """Ask the gateway for the money."""
    if intent.state != IntentState.REQUIRES_CONFIRMATION:
        raise NotPayable(intent.state)
    if card.leads_to == IntentState.PROCESSING:
        return intent._replace(state=card.leads_to, settles_at=now + SETTLE_AFTER)
    if card.leads_to == _DECLINED:
        return _declined(intent, card.error_code, card.decline_code)
    return intent._replace(state=card.leads_to)


def authenticate(intent: Intent, *, approved: bool) -> Intent:
    """Answer the bank's 3-D Secure question."""
    if intent.state != IntentState.REQUIRES_ACTION:
        raise NotPayable(intent.state)
    if not approved:
        return _declined(intent, "payment_intent_authentication_failure", None)
    card = next(card for card in TEST_CARDS if card.last4 == intent.last4)
    if card.error_code is not None:
        return _declined(intent, card.error_code, card.decline_code)
    return intent._replace(state=IntentState.SUCCEEDED)


def cancel(intent: Intent) -> Intent:
    """Give the payment up. What is with the bank already cannot be stopped, and stays."""
    if intent.state in FINAL or intent.state == IntentState.PROCESSING:
        return intent
    return intent._replace(state=IntentState.CANCELED)


def _declined(intent: Intent, error_code: str | None, decline_code: str | None) -> Intent:
    return intent._replace(
        state=IntentState.REQUIRES_PAYMENT_METHOD,
        error_code=error_code,
        decline_code=decline_code,
        settles_at=None,
    )


class Event(NamedTuple):
    """What the gateway tells by webhook about one attempt to pay an intent."""

    id: str
    type: str
    intent_id: str
    attempt: int
    error_code: str | None = None
    decline_code: str | None = None


def apply(intent: Intent, event: Event) -> Intent:
    """Return the intent after an event. Late, repeated and unknown events change nothing; money
    that arrived counts even for an intent that was given up, so that it can be refunded."""
    if intent.state == IntentState.SUCCEEDED:
        return intent
    if event.type == "payment_intent.succeeded":
        return intent._replace(
            state=IntentState.SUCCEEDED, error_code=None, decline_code=None, settles_at=None
        )
    current = event.attempt == intent.attempt and intent.state == IntentState.PROCESSING
    if event.type == "payment_intent.payment_failed" and current:
        return _declined(intent, event.error_code or "card_declined", event.decline_code)
    return intent


def settlement(intent: Intent) -> Event:
    """Return the event with which the gateway wakes up from hanging."""
    return Event(
        f"evt_{intent.id}_{intent.attempt}", "payment_intent.succeeded", intent.id, intent.attempt
    )


class BadWebhook(Exception):
    """The message is not from the gateway, too old, or not understandable; the text says which."""


def encode(event: Event, now: int) -> bytes:
    """Write an event as the gateway sends it."""
    error = {"code": event.error_code, "decline_code": event.decline_code}
    return json.dumps(
        {
            "id": event.id,
            "object": "event",
            "type": event.type,
            "created": now // SECOND,
            "data": {
                "object": {
                    "id": event.intent_id,
                    "object": "payment_intent",
                    "metadata": {"attempt": event.attempt},
                    "last_payment_error": error if event.error_code else None,
                }
            },
        }
    ).encode()


def decode(body: bytes) -> Event:
    """Read an event; raise BadWebhook when it does not have the shape of one."""
    try:
        message = from_json(body, allow_inf_nan=False)  # it refuses what is no Unicode text
        thing = message["data"]["object"]
        error = thing.get("last_payment_error") or {}
        attempt = (thing.get("metadata") or {}).get("attempt", 0)
        texts = [message["id"], message["type"], thing["id"]]
        codes = [error.get("code"), error.get("decline_code")]
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise BadWebhook("The body is not a payment event.") from error
    if not all(isinstance(text, str) and 0 < len(text) <= 64 for text in texts):
        raise BadWebhook("The event lacks its id, its type or its payment intent.")
    if not all(code is None or (isinstance(code, str) and len(code) <= 64) for code in codes):
        raise BadWebhook("The event's error codes are not texts of at most 64 characters.")
    if type(attempt) is not int or not 0 <= attempt < 2**31:
        raise BadWebhook("The event's attempt is not a small number.")
    return Event(texts[0], texts[1], texts[2], attempt, codes[0], codes[1])


def sign(key: bytes, body: bytes, now: int) -> str:
    """Return the signature header of a webhook: t=SECONDS,v1=HMAC-SHA256."""
    seconds = now // SECOND
    return f"t={seconds},v1={_digest(key, str(seconds), body)}"


def verify(key: bytes, header: str, body: bytes, now: int) -> None:
    """Raise BadWebhook unless the signature is right and at most 300 seconds old."""
    parts = [part.strip().partition("=") for part in header.split(",")]
    seconds = next((value for name, _, value in parts if name == "t"), "")
    given = [value for name, _, value in parts if name == "v1"]
    if not (seconds.isascii() and seconds.isdigit() and len(seconds) <= 12):
        raise BadWebhook("The signature lacks its timestamp.")
    right = _digest(key, seconds, body)
    if not any(hmac.compare_digest(right.encode(), value.encode()) for value in given):
        raise BadWebhook("The signature does not fit the body.")
    if abs(now - int(seconds) * SECOND) > TOLERANCE:
        raise BadWebhook("The timestamp is more than 300 seconds off.")


def _digest(key: bytes, seconds: str, body: bytes) -> str:
    return hmac.new(key, seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
