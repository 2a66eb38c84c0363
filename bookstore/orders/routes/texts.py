"""What states and codes are called where people read them."""

from babel import Locale

from bookstore.orders.domain import CARRIERS, Carrier
from bookstore.orders.payments import Card, Intent, IntentState
from bookstore.orders.progress import Status
from bookstore.orders.shipping import Tracker
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
        "cancelled_expired": _("Cancelled: it was not paid in time"),
        "cancelled_sold_out": _("Cancelled: the books were no longer available"),
        "cancelled_abandoned": _("Cancelled: the checkout broke off"),
        "refund_owed": _("Refund under way"),
        "refunded": _("Your money was refunded"),
    }[kind]


def country_name(code: str) -> str:
    """Return a country's name in the language in use."""
    return str(Locale.parse(i18n.language()).territories[code])


def carrier_name(code: str) -> str:
    return CARRIERS[code].name


def delivery_time(carrier: Carrier) -> str:
    """Return how long a carrier takes."""
    low, high = carrier.days
    if low == high:
        return ngettext("%(num)s day", "%(num)s days", high)
    return _("%(low)s to %(high)s days", low=low, high=high)
