"""From a basket to an order: the copies are held, and the order waits for its payment."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from bookstore.carriers import CARRIERS
from bookstore.clock import MINUTE, Clock
from bookstore.contracts import CatalogueLink, HoldLine, HoldRefused
from bookstore.data.database import Database
from bookstore.data.queries import BeforeCommit, Duplicate, Queries
from bookstore.orders import basket_repository as basket_rows
from bookstore.orders import domain, metrics, repository, saga, terms
from bookstore.orders import payment_repository as money
from bookstore.orders.basket_repository import Owner
from bookstore.orders.baskets import Baskets, merge, with_basket
from bookstore.orders.domain import (
    Address,
    Order,
    OrderLine,
    OrderState,
    Problem,
    Reason,
    Review,
    Shipment,
)
from bookstore.orders.mails import Mails
from bookstore.orders.payments import Intent, IntentState


class NotOrderable(Exception):
    """The basket cannot be ordered as it stands: `review` says what is wrong with which line."""

    def __init__(self, review: Review) -> None:
        super().__init__("the basket cannot be ordered as it stands")
        self.review = review


class TermsChanged(Exception):
    """The basket or a book in it is not as the buyer saw it."""


class KeyReused(Exception):
    """This key stands for another checkout."""


class Checkout:
    """Places orders."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        catalogue: CatalogueLink,
        baskets: Baskets,
        mails: Mails,
        *,
        hold_minutes: float,
    ) -> None:
        self.database = database
        self.clock = clock
        self.catalogue = catalogue
        self.baskets = baskets
        self.mails = mails
        self.hold_time = round(hold_minutes * MINUTE)

    async def place(
        self,
        owner: Owner,
        *,
        key: str,
        address: Address,
        carrier: str,
        seen: Mapping[str, Any] | None,
        before_commit: BeforeCommit[Order] | None = None,
    ) -> Order:
        """Order what is in a person's basket, once for each `key`: the same checkout sent again
        finds its order. `seen` is what the page showed (terms.seen) to which the buyer agreed;
        nobody orders what they have not seen.

        Raises NotOrderable, TermsChanged or KeyReused; then nothing is held and the basket kept.
        """
        buyer_id = owner.person_id
        assert buyer_id is not None
        if owner.token_hash is not None:
            owner = await self._own_basket(owner)
        fingerprint = domain.checkout_fingerprint(address, carrier)
        review = await self.baskets.review(owner)
        lines = _lines(0, review)
        order = None
        if review.ready and seen is not None and not terms.changes(seen, review):
            order = await self._begin(owner, key, fingerprint, address, carrier, review)
        if order is None:  # it was written before, or it cannot be written
            order = await repository.order_of_checkout(self.database, buyer_id, key)
            if order is None:
                raise TermsChanged if review.ready else _refused(review)
            lines = await repository.lines_of(self.database, [order.id])
        if order.fingerprint != fingerprint:
            raise KeyReused
        if order.reason == Reason.ABANDONED:
            raise TermsChanged
        if order.state != OrderState.PLACING:
            return order
        await self._hold(owner, order, lines)
        ordered = {line.book_id: line.quantity for line in lines}
        return await self._complete(order, ordered, before_commit)

    async def _own_basket(self, owner: Owner) -> Owner:
        """Move the browser's basket into its person's, who alone is the owner then."""
        await with_basket(self.database, lambda queries: merge(queries, owner, self.clock()))
        return owner._replace(token_hash=None)

    async def _begin(
        self,
        owner: Owner,
        key: str,
        fingerprint: str,
        address: Address,
        carrier: str,
        review: Review,
    ) -> Order | None:
        """Write down the order before any copy is held for it, so that a sweep finds it should
        this process die. None when the checkout has an order already."""
        assert owner.person_id is not None
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
        except Duplicate:
            return None

    async def _hold(self, owner: Owner, order: Order, lines: Sequence[OrderLine]) -> None:
        try:
            await self.catalogue.hold(
                order.reference,
                [HoldLine(line.book_id, line.quantity) for line in lines],
                order.expires_at + saga.GRACE,
                terms={line.book_id: line.terms(order.currency) for line in lines},
            )
        except HoldRefused as refused:
            await self.database.in_transaction(lambda queries: self._forget(queries, order.id))
            if not refused.left:  # a book was changed meanwhile, or the order was given up
                raise TermsChanged from refused
            raise _refused(await self.baskets.review(owner, left=refused.left)) from refused

    async def _forget(self, queries: Queries, order_id: int) -> None:
        current = await repository.locked_order(queries, order_id)
        if current is None or current.state != OrderState.PLACING:
            return
        intent = await money.intent_of(queries, order_id)
        if intent is not None and intent.state == IntentState.SUCCEEDED:  # its money goes back
            await saga.cancel(queries, current, Reason.ABANDONED, self.clock(), self.mails)
        else:
            await repository.delete_order(queries, order_id)

    async def _complete(
        self, order: Order, ordered: Mapping[int, int], before_commit: BeforeCommit[Order] | None
    ) -> Order:
        """Take the books out of the basket and let the order wait for its payment, both or
        neither. A basket that changed meanwhile, in another window, is not ordered."""

        async def work(queries: Queries) -> Order | None:
            found = await basket_rows.locked_with_order(queries, order.id)
            if found is None:
                return None
            state, payment, basket = found
            if state != OrderState.PLACING:
                return await repository.order(queries, order.id)
            if any(basket.items.get(book_id) != quantity for book_id, quantity in ordered.items()):
                return await saga.cancel(queries, order, Reason.ABANDONED, self.clock(), self.mails)
            await basket_rows.take_out(queries, basket.id, list(ordered))
            await repository.note_placed(queries, order.id)
            await self.mails.to_buyer(queries, "placed", order)
            if before_commit is not None:
                await before_commit(queries, order)
            placed = order._replace(state=OrderState.PLACED)
            if payment == IntentState.SUCCEEDED:  # the gateway was quicker than we
                return await saga.mark_paid(queries, placed, self.clock(), self.mails)
            return placed

        placed = await self.database.in_transaction(work)
        if placed is None or placed.reason == Reason.ABANDONED:
            await self.catalogue.release(order.reference)
            raise TermsChanged
        metrics.PLACED.inc()
        if placed.state == OrderState.PAID:
            metrics.PAID.inc()
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
            line.quote.condition,
            line.quote.ex_library,
            line.quote.defects,
            line.quote.description,
            line.quote.isbn13,
            line.quote.year,
            line.quote.language,
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
