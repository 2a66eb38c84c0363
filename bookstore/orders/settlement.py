"""Paying for orders, at once or later, and what a payment means for its order."""

from collections.abc import Callable

from bookstore.clock import DAY, Clock
from bookstore.data.database import Database
from bookstore.data.queries import BeforeCommit, Duplicate, Queries
from bookstore.orders import metrics, payments
from bookstore.orders import payment_repository as money
from bookstore.orders.domain import Order, OrderState, may_pay
from bookstore.orders.payments import Card, Intent, IntentState
from bookstore.orders.saga import Saga, mark_paid

DELIVERY_SECONDS = 2.0  # how often the simulated gateway looks for webhooks to deliver
_AT_ONCE = 200
_EVENTS_KEPT = 30 * DAY


class UnknownOrder(Exception):
    """There is no such order, or it is somebody else's."""


class Settlement:
    """Takes payments for orders and hears from the gateway."""

    def __init__(self, database: Database, clock: Clock, saga: Saga, *, webhook_key: bytes) -> None:
        self.database = database
        self.clock = clock
        self.saga = saga
        self.webhook_key = webhook_key

    async def pay(
        self,
        order_id: int,
        buyer_id: int,
        card: Card,
        *,
        before_commit: BeforeCommit[Intent] | None = None,
    ) -> Intent:
        """Pay an order with a card and return where that led; raise UnknownOrder, or NotPayable
        when the order does not wait for a payment."""

        def attempt(order: Order, intent: Intent) -> Intent:
            if not may_pay(order, self.clock()):
                raise payments.NotPayable(order.state)
            attached = payments.attach(intent, card)
            return payments.confirm(attached, card, self.clock())

        return await self._step(order_id, buyer_id, attempt, before_commit)

    async def answer(self, intent_id: str, buyer_id: int, *, approved: bool) -> Intent:
        """Answer the bank's 3-D Secure question; raise UnknownOrder or NotPayable."""
        intent = await money.intent(self.database, intent_id)
        if intent is None:
            raise UnknownOrder

        def decide(order: Order, intent: Intent) -> Intent:
            if not may_pay(order, self.clock()):
                raise payments.NotPayable(order.state)
            return payments.authenticate(intent, approved=approved)

        return await self._step(intent.order_id, buyer_id, decide)

    async def receive(self, body: bytes, signature: str) -> None:
        """Take in a webhook of the gateway; raise BadWebhook unless it is genuine. One that came
        before, or about something unknown, changes nothing."""
        payments.verify(self.webhook_key, signature, body, self.clock())
        event = payments.decode(body)
        known = await money.intent(self.database, event.intent_id)

        async def work(queries: Queries) -> Order | None:
            await money.add_event(queries, event, self.clock())
            if known is None:
                return None
            found = await money.locked_order(queries, known.order_id)
            if found is None:
                return None
            order, before = found
            return await self._record(queries, order, before, payments.apply(before, event))

        try:
            paid = await self.database.in_transaction(work)
        except Duplicate:
            return
        if known is not None:
            await self._after_payment(known.order_id, paid)

    async def deliver_webhooks(self) -> None:
        """Be the simulated gateway: send the webhooks that are due."""
        for intent in await money.intents_to_settle(self.database, self.clock(), _AT_ONCE):
            now = self.clock()
            body = payments.encode(payments.settlement(intent), now)
            await self.receive(body, payments.sign(self.webhook_key, body, now))

    async def forget_old_events(self) -> None:
        """Delete the ids of webhooks that could not be replayed for long."""
        await money.forget_events(self.database, self.clock() - _EVENTS_KEPT)

    async def _step(
        self,
        order_id: int,
        buyer_id: int,
        decide: Callable[[Order, Intent], Intent],
        before_commit: BeforeCommit[Intent] | None = None,
    ) -> Intent:
        async def work(queries: Queries) -> tuple[Intent, Order | None]:
            found = await money.locked_order(queries, order_id)
            if found is None or found[0].buyer_id != buyer_id:
                raise UnknownOrder
            order, intent = found
            after = decide(order, intent)
            paid = await self._record(queries, order, intent, after)
            if before_commit is not None:
                await before_commit(queries, after)
            return after, paid

        after, paid = await self.database.in_transaction(work)
        await self._after_payment(order_id, paid)
        return after

    async def _after_payment(self, order_id: int, paid: Order | None) -> None:
        if paid is not None:
            metrics.PAID.inc()
        await self.saga.try_to_finish(order_id, paid)

    async def _record(
        self, queries: Queries, order: Order, before: Intent, after: Intent
    ) -> Order | None:
        """Write a step of a payment together with what it means for its locked order; return the
        order if this pays for it."""
        if order.state == OrderState.CANCELLED:  # what the bank gave back is not asked for again
            after = payments.cancel(after)
        if after == before:
            return None
        await money.save_intent(queries, after)
        if after.error_code is not None and order.state == OrderState.PLACED:
            await self.saga.mails.to_buyer(queries, "payment_failed", order, str(after.attempt))
        if after.state != IntentState.SUCCEEDED or order.state == OrderState.PLACING:
            return None  # whoever places it, or gives it up, finds the money
        now = self.clock()
        if order.state != OrderState.PLACED:  # the money came for an order that was given up
            await money.owe_refund(queries, order.id, after.amount, now)
            return None
        return await mark_paid(queries, order, now, self.saga.mails)
