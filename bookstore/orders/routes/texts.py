"""What states and codes are called where people read them."""

from collections.abc import Sequence
from typing import Any

from babel import Locale

from bookstore.carriers import CARRIERS, Carrier
from bookstore.contracts import Quote
from bookstore.orders.domain import OrderLine, Review
from bookstore.orders.payments import Card, Intent, IntentState
from bookstore.orders.progress import Status
from bookstore.orders.shipping import Tracker
from bookstore.orders.terms import Change
from bookstore.web import i18n
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import ngettext


def decline_sentence(intent: Intent) -> str | None:
    """Say why the last attempt to pay was declined and what to do; None when none was."""
    if intent.error_code is None:
        return None
    texts = {
        "generic_decline": _("The bank declined the card. Try another one."),
        "insufficient_funds": _("The card has insufficient funds. Try another one."),
        "expired_card": _("The card has expired. Try another one."),
        "incorrect_cvc": _("The security code is incorrect. Check it and try again."),
        "processing_error": _(
            "The bank had an error while processing the card. Nothing was charged; "
            "try again in a moment."
        ),
        "payment_intent_authentication_failure": _(
            "The payment was not approved, so nothing was charged. Try again or use another card."
        ),
    }
    fallback = _("The payment was declined. Try another card.")
    return texts.get(intent.decline_code or intent.error_code, fallback)


def card_story(card: Card) -> str:
    """Say what happens to whoever pays with a test card."""
    if card.leads_to == IntentState.SUCCEEDED:
        return _("Pays at once")
    if card.leads_to == IntentState.PROCESSING:
        return _("The bank takes half a minute, then pays")
    if card.leads_to == IntentState.REQUIRES_ACTION:
        asks = _("The bank asks for approval (3-D Secure), then pays")
        return asks if card.error_code is None else _("The bank asks for approval, then declines")
    return {
        "generic_decline": _("Declined"),
        "insufficient_funds": _("Declined: insufficient funds"),
        "expired_card": _("Declined: the card has expired"),
        "incorrect_cvc": _("Declined: the security code is incorrect"),
        "processing_error": _("Declined: an error while processing"),
    }[card.decline_code or ""]


def status_name(status: Status) -> str:
    """Return an order's status as a label."""
    return {
        Status.AWAITING_PAYMENT: _("Waiting for payment"),
        Status.PROCESSING: _("Payment in progress"),
        Status.PAID: _("Paid"),
        Status.SHIPPED: _("Shipped"),
        Status.DELIVERED: _("Delivered"),
        Status.RETURNED: _("Not delivered"),
        Status.CANCELLED: _("Cancelled"),
        Status.REFUNDED: _("Refunded"),
    }[status]


def tracker_name(tracker: Tracker) -> str:
    """Return what has become of a parcel."""
    return {
        Tracker.UNKNOWN: _("Not on its way yet"),
        Tracker.PRE_TRANSIT: _("Handed over by the seller"),
        Tracker.IN_TRANSIT: _("On its way"),
        Tracker.OUT_FOR_DELIVERY: _("Out for delivery"),
        Tracker.DELIVERED: _("Delivered"),
        Tracker.RETURN_TO_SENDER: _("Going back to the seller"),
        Tracker.FAILURE: _("Delivery failed"),
    }[tracker]


def step_name(kind: str) -> str:
    """Return a line of an order's timeline."""
    return {
        "placed": _("Order placed"),
        "paid": _("Payment received"),
        "confirmed": _("Sellers told to send the books"),
        "cancelled_buyer": _("Cancelled by you"),
        "cancelled_seller": _("Cancelled by the seller"),
        "cancelled_expired": _("Cancelled: it was not paid in time"),
        "cancelled_sold_out": _("Cancelled: the books were no longer available"),
        "cancelled_abandoned": _("Cancelled: the checkout broke off"),
        "refund_owed": _("Refund under way"),
        "refunded": _("Your money was refunded"),
    }[kind]


def too_late_for_parcel() -> str:
    """Say why a parcel cannot be called off."""
    return _(
        "This parcel cannot be cancelled any more: it was cancelled before or has left already, "
        "or its order is not paid for."
    )


def country_name(code: str) -> str:
    """Return a country's name in the language in use."""
    return str(Locale.parse(i18n.language()).territories[code])


def carrier_name(code: str) -> str:
    """Return a carrier's own name, the same in every language."""
    return CARRIERS[code].name


def delivery_time(carrier: Carrier) -> str:
    """Return how long a carrier takes."""
    low, high = carrier.days
    if low == high:
        return ngettext("%(num)s day", "%(num)s days", high)
    return _("%(low)s to %(high)s days", low=low, high=high)


def terms_line(book: Quote | OrderLine) -> str:
    """Return what a copy of a book is like, in one line: its condition and what is wrong with it,
    its year, language and ISBN."""
    parts = [
        _(book.condition),
        _("from a library, with its marks") if book.ex_library else "",
        _("Defects: %(defects)s", defects=book.defects) if book.defects else "",
        i18n.year(book.year) or "",
        i18n.language_name(book.language) if book.language else "",
        f"ISBN {book.isbn13}" if book.isbn13 else "",
    ]
    return " · ".join(part for part in parts if part)


def change_sentences(changes: Sequence[Change], review: Review) -> list[str]:
    """Say what is not as the buyer saw it, one sentence each."""
    return [_change_sentence(change, review.currency) for change in changes]


def _change_sentence(change: Change, currency: str) -> str:
    name = change.name
    if change.what == "added":
        return _("“%(title)s” was added.", title=name)
    if change.what == "gone":
        return _("“%(title)s” is not in your basket any more.", title=name)
    if change.what == "description":
        return _("“%(title)s”: the description was changed.", title=name)
    if change.what == "cover":
        return _("“%(title)s”: the picture was changed.", title=name)
    if change.what == "postage":
        return _(
            "Delivery with %(carrier)s: %(before)s before, %(after)s now.",
            carrier=name,
            before=_written("price", change.before, currency),
            after=_written("price", change.after, currency),
        )
    if change.what == "currency":
        return _("Prices were in %(before)s and are in %(after)s now.",
                 before=change.before, after=change.after)  # fmt: skip
    labels = {
        "quantity": _("Quantity"),
        "price": _("Price"),
        "condition": _("Condition"),
        "ex_library": _("From a library"),
        "defects": _("Defects"),
        "title": _("Title"),
        "author": _("Author"),
        "year": _("Year"),
        "isbn13": _("ISBN"),
        "language": _("Language"),
    }
    return _(
        "“%(title)s”: %(field)s: “%(before)s” before, “%(after)s” now.",
        title=name,
        field=labels[change.what],
        before=_written(change.what, change.before, currency),
        after=_written(change.what, change.after, currency),
    )


def _written(what: str, value: Any, currency: str) -> str:
    if value in (None, ""):
        return "–"
    match what:
        case "price":
            return i18n.money(value, currency)
        case "condition":
            return _(value)
        case "ex_library":
            return _("yes") if value else _("no")
        case "language":
            return i18n.language_name(value)
        case "year":
            return i18n.year(value) or "–"
    return str(value)
