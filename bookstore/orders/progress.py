"""How far an order has come, as its buyer and its sellers see it. Pure."""

from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

from bookstore.carriers import CARRIERS
from bookstore.orders import shipping
from bookstore.orders.domain import (
    Order,
    OrderLine,
    OrderState,
    ParcelRefund,
    Reason,
    Refund,
    Shipment,
    may_cancel,
    may_cancel_parcel,
    may_pay,
)
from bookstore.orders.payments import Intent, IntentState
from bookstore.orders.shipping import Scan, Tracker


class Status(StrEnum):
    """An order in one word."""

    AWAITING_PAYMENT = "awaiting_payment"
    PROCESSING = "processing"
    PAID = "paid"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    RETURNED = "returned"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Step(NamedTuple):
    """A line of the timeline: something that happened, and when."""

    kind: str
    at: int


class ParcelView(NamedTuple):
    """A shipment with its books and the way it has gone so far."""

    shipment: Shipment
    lines: tuple[OrderLine, ...]
    scans: tuple[Scan, ...]
    refund: ParcelRefund | None = None

    @property
    def tracker(self) -> Tracker:
        """Return where the parcel was seen last."""
        return self.scans[-1].state if self.scans else Tracker.UNKNOWN


class PaymentView(NamedTuple):
    """An order as the pages that pay for it show it."""

    order: Order
    intent: Intent
    now: int

    @property
    def payable(self) -> bool:
        """Tell whether a card may be tried now: in time, and no try is under way."""
        return may_pay(self.order, self.now) and self.intent.state != IntentState.PROCESSING


class OrderView(NamedTuple):
    """An order with everything that its page shows."""

    order: Order
    parcels: tuple[ParcelView, ...]
    intent: Intent
    refund: Refund | None
    now: int

    @property
    def status(self) -> Status:
        """Return the one word that lists and the order's page show."""
        if self.order.state == OrderState.CANCELLED:
            return Status.REFUNDED if self.refunded and not self.owed else Status.CANCELLED
        if self.order.state != OrderState.PAID:
            if self.expired:  # before the books are back on sale
                return Status.CANCELLED
            waiting = self.intent.state == IntentState.PROCESSING
            return Status.PROCESSING if waiting else Status.AWAITING_PAYMENT
        going = [parcel for parcel in self.parcels if parcel.shipment.cancelled_at is None]
        trackers = {parcel.tracker for parcel in going}
        if trackers <= {Tracker.DELIVERED}:
            return Status.DELIVERED
        if trackers <= shipping.FINAL:
            return Status.RETURNED
        sent = any(parcel.shipment.shipped_at is not None for parcel in going)
        return Status.SHIPPED if sent else Status.PAID

    @property
    def final(self) -> bool:
        """Tell whether nothing will happen to it any more, so that its page need not look again."""
        if self.order.state == OrderState.CANCELLED:
            return not self.owed and self.intent.state != IntentState.PROCESSING
        return self.status in {Status.DELIVERED, Status.RETURNED} and not self.owed

    @property
    def refunds(self) -> list[Refund | ParcelRefund]:
        """Return what goes back of the money, for the order and for parcels by themselves."""
        parcels = [parcel.refund for parcel in self.parcels if parcel.refund is not None]
        return [*parcels, *([self.refund] if self.refund else [])]

    @property
    def refunded(self) -> int:
        """Return how much goes back, owed or sent already."""
        return sum(refund.amount for refund in self.refunds)

    @property
    def owed(self) -> bool:
        """Tell whether some of that is still owed."""
        return any(refund.done_at is None for refund in self.refunds)

    def may_cancel_parcel(self, parcel: ParcelView) -> bool:
        """Tell whether a parcel can be called off while others of its order go on."""
        going = [one for one in self.parcels if one.shipment.cancelled_at is None]
        return len(going) > 1 and may_cancel_parcel(self.order, parcel.shipment)

    @property
    def payable(self) -> bool:
        """Tell whether a card may be tried now."""
        return PaymentView(self.order, self.intent, self.now).payable

    @property
    def expired(self) -> bool:
        """Tell whether the time to pay went by, with no payment under way."""
        if self.intent.state == IntentState.PROCESSING:
            return False
        if self.order.state == OrderState.CANCELLED:
            return self.order.reason == Reason.EXPIRED
        return self.order.state == OrderState.PLACED and not may_pay(self.order, self.now)

    @property
    def charged(self) -> bool:
        """Tell whether money moved, even if it goes back."""
        return self.intent.state == IntentState.SUCCEEDED or bool(self.refunds)

    @property
    def cancellable(self) -> bool:
        """Tell whether all of it can still be called off."""
        return may_cancel(self.order, [parcel.shipment for parcel in self.parcels])

    @property
    def steps(self) -> list[Step]:
        """Return what has happened to the order as a whole, oldest first."""
        order, refund = self.order, self.refund
        moments = (
            ("placed", order.placed_at),
            ("paid", order.paid_at),
            ("confirmed", order.confirmed_at),
            (f"cancelled_{order.reason}", order.cancelled_at),
            ("refund_owed", refund.owed_at if refund and refund.done_at is None else None),
            ("refunded", refund.done_at if refund else None),
        )
        return [Step(kind, at) for kind, at in moments if at is not None]


def parcel_view(
    shipment: Shipment,
    lines: Sequence[OrderLine],
    carrier: str,
    *,
    speed: float,
    now: int,
    refund: ParcelRefund | None = None,
) -> ParcelView:
    """Return a shipment with its lines of the order's and where it is now."""
    return ParcelView(
        shipment,
        tuple(
            line
            for line in lines
            if (line.order_id, line.seller_id) == (shipment.order_id, shipment.seller_id)
        ),
        tuple(
            shipping.scans(
                shipment.shipped_at,
                shipment.tracking_code or "",
                speed,
                now,
                CARRIERS[carrier].days,
            )
        ),
        refund,
    )
