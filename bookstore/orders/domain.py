"""The rules of baskets, orders and shipments. Pure: no SQL, no web, no clock of its own."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from bookstore.carriers import Carrier
from bookstore.contracts import Quote

MAX_QUANTITY = 20  # copies of one book in a basket
MAX_TITLES = 50  # different books in a basket
MAX_ID = 2**63 - 1


# Where the carriers deliver (ISO 3166-1).
COUNTRIES = (
    "AD", "AT", "BE", "BG", "CH", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GB", "GR", "HR",
    "HU", "IE", "IS", "IT", "LI", "LT", "LU", "LV", "MC", "MT", "NL", "NO", "PL", "PT", "RO", "SE",
    "SI", "SK", "SM",
)  # fmt: skip


class Problem(StrEnum):
    """Why a line of a basket cannot be bought as it stands."""

    GONE = "gone"
    SOLD_OUT = "sold_out"
    TOO_FEW = "too_few"
    OWN = "own"
    CURRENCY = "currency"


class Line(NamedTuple):
    """A book in the basket at today's terms."""

    book_id: int
    quantity: int
    quote: Quote | None
    problem: Problem | None

    @property
    def total(self) -> int:
        """Return the line's price in minor units, 0 for a book that is gone."""
        return self.quote.price * self.quantity if self.quote else 0


class Parcel(NamedTuple):
    """What one seller sends."""

    seller_id: int
    seller_name: str
    lines: tuple[Line, ...]

    @property
    def goods(self) -> int:
        """Return the price of the books in minor units, without shipping."""
        return sum(line.total for line in self.lines)

    @property
    def copies(self) -> int:
        """Return how many copies the parcel holds, by which shipping is priced."""
        return sum(line.quantity for line in self.lines)


class Review(NamedTuple):
    """A basket priced by us: what the buyer sees before ordering, and what the order is made of."""

    lines: tuple[Line, ...]
    parcels: tuple[Parcel, ...]
    currency: str

    @property
    def ready(self) -> bool:
        """Tell whether it can be ordered as it stands."""
        return bool(self.lines) and all(line.problem is None for line in self.lines)

    @property
    def copies(self) -> int:
        """Return how many copies there are in all."""
        return sum(line.quantity for line in self.lines)

    @property
    def goods(self) -> int:
        """Return the price of all books in minor units, without shipping."""
        return sum(parcel.goods for parcel in self.parcels)

    def shipping(self, carrier: Carrier) -> int:
        """Return what a carrier takes for all the parcels."""
        return sum(carrier.price(parcel.copies) for parcel in self.parcels)

    def total(self, carrier: Carrier) -> int:
        """Return what is to be paid with this carrier, in minor units."""
        return self.goods + self.shipping(carrier)


def review(
    wanted: Mapping[int, int], quotes: Mapping[int, Quote], *, buyer_id: int | None, currency: str
) -> Review:
    """Price a basket (book id -> quantity) and say which lines cannot be bought; the parcels hold
    only the others."""
    lines = tuple(
        Line(book_id, quantity, quote, problem_of(quantity, quote, buyer_id, currency))
        for book_id, quantity in wanted.items()
        for quote in [quotes.get(book_id)]
    )
    by_seller: dict[int, list[Line]] = {}
    for line in lines:
        if line.quote is not None and line.problem is None:
            by_seller.setdefault(line.quote.seller_id, []).append(line)
    parcels = tuple(
        Parcel(seller_id, items[0].quote.seller_name if items[0].quote else "", tuple(items))
        for seller_id, items in sorted(by_seller.items())
    )
    return Review(lines, parcels, currency)


def problem_of(
    quantity: int, quote: Quote | None, buyer_id: int | None, currency: str
) -> Problem | None:
    """Return why so many copies of a book cannot be bought now, or None."""
    if quote is None:
        return Problem.GONE
    if quote.seller_id == buyer_id:
        return Problem.OWN
    if not quote.listed or quote.stock <= 0:
        return Problem.SOLD_OUT
    if quantity > quote.stock:
        return Problem.TOO_FEW
    return None if quote.currency == currency else Problem.CURRENCY


class BasketFull(Exception):
    """A basket holds so many copies of a book, and so many books, and no more."""


def with_quantity(
    basket: Mapping[int, int], book_id: int, quantity: int, *, add: bool
) -> dict[int, int]:
    """Return the basket with so many copies of a book, or so many more; 0 takes it out."""
    quantity += basket.get(book_id, 0) if add else 0
    changed = {**basket, book_id: quantity}
    if quantity == 0:
        del changed[book_id]
    if quantity > MAX_QUANTITY or len(changed) > MAX_TITLES:
        raise BasketFull
    return changed


def merged(own: Mapping[int, int], other: Mapping[int, int]) -> dict[int, int]:
    """Return one basket of two: of a book in both, the larger quantity. Books beyond the limit
    stay out."""
    union = dict(own)
    for book_id, quantity in other.items():
        if book_id in union or len(union) < MAX_TITLES:
            union[book_id] = max(union.get(book_id, 0), quantity)
    return union


class OrderState(StrEnum):
    """What an order has come to. Placing: its copies are being held, nobody sees it yet."""

    PLACING = "placing"
    PLACED = "placed"
    PAID = "paid"
    CANCELLED = "cancelled"


class Reason(StrEnum):
    """Why an order was cancelled."""

    BUYER = "buyer"
    SELLER = "seller"
    EXPIRED = "expired"
    SOLD_OUT = "sold_out"
    ABANDONED = "abandoned"


class Address(NamedTuple):
    """Where to send the books."""

    name: str
    address: str
    country: str


class Order(NamedTuple):
    """An order as it is kept. Amounts are in minor units; moments in milliseconds."""

    id: int
    buyer_id: int
    fingerprint: str
    reference: str
    state: str
    reason: str | None
    currency: str
    goods: int
    shipping: int
    carrier: str
    name: str
    address: str
    country: str
    placed_at: int
    expires_at: int
    paid_at: int | None
    confirmed_at: int | None
    cancelled_at: int | None
    released_at: int | None

    @property
    def total(self) -> int:
        """Return what was agreed to be paid, in minor units."""
        return self.goods + self.shipping


class OrderLine(NamedTuple):
    """A book as it was when it was ordered: the terms that the buyer agreed to."""

    order_id: int
    book_id: int
    seller_id: int
    title: str
    author: str
    cover: str | None
    price: int
    quantity: int
    condition: str
    ex_library: bool
    defects: str
    description: str | None
    isbn13: str | None
    year: int | None
    language: str | None

    def terms(self, currency: str) -> str:
        """Return what the catalogue's terms (Quote.terms) were when this was agreed to."""
        known = {name: getattr(self, name) for name in Quote._fields if hasattr(self, name)}
        known |= {"ex_library": bool(self.ex_library), "description": self.description or ""}
        return Quote(**known, currency=currency, seller_name="", stock=0, listed=True).terms


class Shipment(NamedTuple):
    """What one seller sends for an order; `goods` is the seller's, `shipping` the carrier's."""

    id: int
    order_id: int
    seller_id: int
    seller_name: str
    goods: int
    shipping: int
    tracking_code: str | None
    shipped_at: int | None
    cancelled_at: int | None = None
    cancelled_by: str | None = None


class Refund(NamedTuple):
    """Money that goes back to a buyer; `done_at` is None while it is owed."""

    order_id: int
    amount: int
    owed_at: int
    done_at: int | None


class ParcelRefund(NamedTuple):
    """Money that goes back for one parcel of an order, with its copies to their seller."""

    shipment_id: int
    order_id: int
    amount: int
    owed_at: int
    done_at: int | None


def may_pay(order: Order, now: int) -> bool:
    """Tell whether the copies still wait for the payment."""
    return order.state == OrderState.PLACED and now < order.expires_at


def may_cancel(order: Order, shipments: Sequence[Shipment]) -> bool:
    """Tell whether the buyer may call the order off: until the first parcel has left."""
    open_ = order.state in {OrderState.PLACED, OrderState.PAID}
    return open_ and all(shipment.shipped_at is None for shipment in shipments)


def may_ship(order: Order, shipment: Shipment) -> bool:
    """Tell whether a parcel may leave: it is paid for, its copies are sold, it was not called off,
    and it has not left."""
    sold = order.state == OrderState.PAID and order.confirmed_at is not None
    return sold and shipment.shipped_at is None and shipment.cancelled_at is None


def may_cancel_parcel(order: Order, shipment: Shipment) -> bool:
    """Tell whether a parcel may be called off by itself: as long as it may leave."""
    return may_ship(order, shipment)


def checkout_fingerprint(address: Address, carrier: str) -> str:
    """Return what tells two checkouts with the same key apart."""
    return _digest([*address, carrier])


def _digest(thing: object) -> str:
    return hashlib.sha256(json.dumps(thing).encode()).hexdigest()
