"""From a basket to an order: the copies are held, and the order waits for its payment."""

import secrets
from collections.abc import Mapping

from bookstore.clock import MINUTE, Clock
from bookstore.contracts import CatalogueLink, HoldLine, HoldRefused, Quote
from bookstore.database import Database, Duplicate, Queries
from bookstore.orders import basket_repository as basket_rows
from bookstore.orders import domain, metrics, repository, saga
from bookstore.orders import payment_repository as money
from bookstore.orders.basket_repository import Owner
from bookstore.orders.baskets import merge
from bookstore.orders.domain import (
    CARRIERS,
    Address,
    Order,
    OrderLine,
    OrderState,
    Problem,
    Reason,
    Review,
    Shipment,
)
from bookstore.orders.payments import Intent, IntentState


class NotOrderable(Exception):
    """The basket cannot be ordered as it stands: `review` says what is wrong with which line."""

    def __init__(self, review: Review) -> None:
        super().__init__("the basket cannot be ordered as it stands")
        self.review = review


class TermsChanged(Exception):
    """The basket or a price changed since the buyer saw it."""


class KeyReused(Exception):
    """This key stands for another checkout."""


class Checkout:
    """Places orders."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalogue: CatalogueLink,
        *,
        currency: str,
        hold_minutes: float,
    ) -> None:
        self.database = database
        self.clock = clock
        self.catalogue = catalogue
        self.currency = currency
        self.hold_time = round(hold_minutes * MINUTE)

    async def place(
        self, owner: Owner, *, key: str, address: Address, carrier: str, seen: str | None
    ) -> Order:
        """Order what is in a person's basket, once for each `key`: the same checkout sent again
        finds its order. `seen` is the digest of the review that the buyer agreed to.

        Raises NotOrderable, TermsChanged or KeyReused; then nothing is held and the basket kept.
        """
        assert owner.person_id is not None
        fingerprint = domain.checkout_fingerprint(address, carrier)
        order = await repository.order_of_checkout(self.database, owner.person_id, key)
        if order is None:
            order = await self._begin(owner, key, fingerprint, address, carrier, seen)
        if order.fingerprint != fingerprint:
            raise KeyReused
        if order.reason == Reason.ABANDONED:
            raise TermsChanged
        if order.state != OrderState.PLACING:
            return order
        await self._hold(owner, order)
        return await self._complete(owner, order)

    async def _begin(
        self,
        owner: Owner,
        key: str,
        fingerprint: str,
        address: Address,
        carrier: str,
        seen: str | None,
    ) -> Order:
        """Write down the order before any copy is held for it, so that a sweep finds it should
        this process die."""
        assert owner.person_id is not None
        review = await self._review(owner)
        if not review.ready:
            raise _refused(review)
        if seen is not None and seen != review.digest:
            raise TermsChanged
        now = self.clock()
        order = Order(
            id=0,
            buyer_id=owner.person_id,
            fingerprint=fingerprint,
            reference=secrets.token_hex(16),
            state=OrderState.PLACING,
            reason=None,
            currency=review.currency,
            goods=review.goods,
            shipping=review.shipping(CARRIERS[carrier]),
            carrier=carrier,
            **address._asdict(),
            placed_at=now,
            expires_at=now + self.hold_time,
            paid_at=None,
            confirmed_at=None,
            cancelled_at=None,
            released_at=None,
        )

        async def work(queries: Queries) -> Order:
            order_id = await repository.add_order(queries, order, key=key)
            written = order._replace(id=order_id)
            await repository.add_shipments(queries, _shipments(order_id, review, carrier))
            await repository.add_lines(queries, _lines(order_id, review))
            await money.add_intent(queries, _intent(written))
            return written

        try:
            return await self.database.in_transaction(work)
        except Duplicate:  # the same request at the same moment was quicker
            existing = await repository.order_of_checkout(self.database, owner.person_id, key)
            if existing is None:
                raise TermsChanged from None
            return existing

    async def _review(self, owner: Owner, *, left: Mapping[int, int] | None = None) -> Review:
        """Price the basket, with what the catalogue says is `left` of some books."""
        wanted = await basket_rows.contents(self.database, owner)
        quotes: dict[int, Quote] = await self.catalogue.quotes(list(wanted)) if wanted else {}
        for book_id, stock in (left or {}).items():
            if book_id in quotes:
                quotes[book_id] = quotes[book_id]._replace(stock=stock)
        return domain.review(wanted, quotes, buyer_id=owner.person_id, currency=self.currency)

    async def _hold(self, owner: Owner, order: Order) -> None:
        lines = await repository.lines_of(self.database, [order.id])
        try:
            await self.catalogue.hold(
                order.reference,
                [HoldLine(line.book_id, line.quantity) for line in lines],
                order.expires_at + saga.GRACE,
            )
        except HoldRefused as refused:
            await self.database.in_transaction(lambda queries: self._forget(queries, order.id))
            raise _refused(await self._review(owner, left=refused.left)) from refused

    async def _forget(self, queries: Queries, order_id: int) -> None:
        current = await repository.locked_order(queries, order_id, self.clock())
        if current is not None and current.state == OrderState.PLACING:
            await repository.delete_order(queries, order_id)

    async def _complete(self, owner: Owner, order: Order) -> Order:
        """Take the books out of the basket and let the order wait for its payment, both or
        neither. A basket that changed meanwhile, in another window, is not ordered."""

        async def work(queries: Queries) -> Order | None:
            now = self.clock()
            current = await repository.locked_order(queries, order.id, now)
            if current is None or current.state != OrderState.PLACING:
                return current
            basket_id, before = await merge(queries, owner, now)
            ordered = {
                line.book_id: line.quantity
                for line in await repository.lines_of(queries, [order.id])
            }
            if any(before.get(book_id) != quantity for book_id, quantity in ordered.items()):
                return await saga.cancel(queries, current, Reason.ABANDONED, now)
            after = {book_id: n for book_id, n in before.items() if book_id not in ordered}
            await basket_rows.save_items(queries, basket_id, before, after, now)
            placed = current._replace(state=OrderState.PLACED)
            await repository.save_order(queries, placed)
            return placed

        placed = await self.database.in_transaction(work)
        if placed is None or placed.reason == Reason.ABANDONED:
            await self.catalogue.release(order.reference)
            raise TermsChanged
        metrics.PLACED.inc()
        return placed


def _refused(review: Review) -> NotOrderable:
    if any(line.problem in {Problem.SOLD_OUT, Problem.TOO_FEW} for line in review.lines):
        metrics.CONFLICTS.inc()
    return NotOrderable(review)


def _lines(order_id: int, review: Review) -> list[OrderLine]:
    return [
        OrderLine(
            order_id,
            line.book_id,
            line.quote.seller_id,
            line.quote.title,
            line.quote.author,
            line.quote.cover,
            line.quote.price,
            line.quantity,
        )
        for line in review.lines
        if line.quote is not None
    ]


def _shipments(order_id: int, review: Review, carrier: str) -> list[Shipment]:
    return [
        Shipment(
            id=0,
            order_id=order_id,
            seller_id=parcel.seller_id,
            seller_name=parcel.seller_name,
            goods=parcel.goods,
            shipping=CARRIERS[carrier].price(parcel.copies),
            tracking_code=None,
            shipped_at=None,
        )
        for parcel in review.parcels
    ]


def _intent(order: Order) -> Intent:
    return Intent(
        id=f"pi_{secrets.token_hex(12)}",
        order_id=order.id,
        amount=order.total,
        currency=order.currency,
        state=IntentState.REQUIRES_PAYMENT_METHOD,
    )
