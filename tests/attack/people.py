"""People who do anything that the shop's pages allow, and much that they do not.

Whatever is sent may be sent twice, to either replica, at once or after an answer that never came.
"""

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from bookstore.app import derived_key
from bookstore.clock import now
from bookstore.orders import payments
from tests.attack.replicas import SECRET, Replicas
from tests.support.reader import PASSWORD, Page

CARDS = ("4242424242424242",) * 6 + (
    "4000000000000002", "4000000000003220", "4000008400001629", "4000000000007734",
    "4111111111111111", "",
)  # fmt: skip
HONEST = range(200, 500)
PATIENCE = 120.0  # seconds: replicas that start anew on a busy machine, and a form of a dead one


@dataclass
class World:
    """What all of them share: books and orders that exist, and what went wrong."""

    replicas: Replicas
    intents: Callable[[], list[str]]  # the payments that the gateway knows of
    books: list[int] = field(default_factory=list)
    orders: list[str] = field(default_factory=list)
    shipments: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    unheard: int = 0


class Attacker:
    """Somebody with a browser, an account and no patience."""

    def __init__(self, world: World, number: int, seed: int) -> None:
        self.world = world
        self.chance = random.Random(seed * 1000 + number)
        self.name = f"attacker{number}"
        self.client = httpx.AsyncClient(timeout=30)
        self.orders: list[str] = []

    async def ask(self, method: str, path: str, fields: dict[str, Any] | None = None) -> Page:
        """Send a request to one of the replicas, again until it is heard; an answer that never
        came may have had its effect."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            origin = self.chance.choice(self.world.replicas.origins())
            try:
                answer = await self.client.request(
                    method, origin + path, data=fields, headers={"Origin": origin}
                )
            except httpx.TransportError:
                self.world.unheard += 1
                await asyncio.sleep(0.3)
                continue
            self.world.statuses[answer.status_code] += 1
            if answer.status_code == 503 or "still being worked on" in answer.text:
                await asyncio.sleep(0.3)  # of a request that died, its form says so for a while
                continue
            if answer.status_code not in HONEST:
                self.world.problems.append(f"{method} {path}: {answer.status_code}")
            return Page(answer.status_code, answer.text, answer.headers, path)
        self.world.problems.append(f"{method} {path}: no answer for a long time")
        return Page(0, "", {}, path)

    async def send(self, page: str, action: str | None = None, **changes: Any) -> Page:
        """Open a page, fill its form in and send it, perhaps twice, perhaps twice at once."""
        action = action or page
        opened = await self.ask("GET", page)
        try:
            fields: dict[str, Any] = {**opened.form(action), **changes}
        except AssertionError:
            return opened  # there is no such form now
        way = self.chance.random()
        if way < 0.70:
            return await self.ask("POST", action, fields)
        if way < 0.85:
            first = await self.ask("POST", action, fields)
            second = await self.ask("POST", action, fields)
        else:
            first, second = await asyncio.gather(
                self.ask("POST", action, fields), self.ask("POST", action, fields)
            )
        heard = first.status < 400 and second.status < 400
        if heard and _place(first.location) != _place(second.location):
            self.world.problems.append(
                f"one form, two answers: {action}: {first.location} and {second.location}"
            )
        return first

    async def register(self) -> None:
        """Create an account."""
        await self.send(
            "/register", name=self.name, email=f"{self.name}@example.org", password=PASSWORD
        )

    async def offer_one(self) -> int | None:
        """Put a book of one copy on sale; return its id."""
        answer = await self.send(
            "/sell", title="The only copy", author=self.name, category="other",
            condition="good", price="5", copies="1",
        )  # fmt: skip
        return int(answer.location.rpartition("/")[2]) if answer.location else None

    async def reach_for(self, book: int) -> dict[str, Any] | None:
        """Put a book alone into the basket; return the form that orders it."""
        await self.send(f"/books/{book}", "/basket", quantity="1")
        try:
            form: dict[str, Any] = (await self.ask("GET", "/checkout")).form("/checkout")
        except AssertionError:
            return None
        return {**form, "name": "Ana", "address": "Calle Mayor 1\n28013 Madrid", "country": "ES"}

    async def let_go_of(self, book: int) -> None:
        """Take a book out of the basket."""
        await self.send("/basket", f"/basket/{book}", quantity="0")

    async def act(self) -> None:
        """Do something."""
        deeds: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (4, self.sell), (3, self.edit), (1, self.withdraw), (8, self.add), (2, self.change),
            (8, self.check_out), (8, self.pay), (3, self.cancel), (3, self.cancel_parcel),
            (4, self.sales), (2, self.webhook), (2, self.trespass), (1, self.nonsense),
        ]  # fmt: skip
        deed = self.chance.choices([one for _, one in deeds], [weight for weight, _ in deeds])[0]
        self.world.done[deed.__name__] += 1
        await deed()

    async def sell(self) -> None:
        fields = {
            "title": f"Book {self.chance.randint(1, 999)}", "author": self.name,
            "category": "other", "condition": "good",
            "price": self.chance.choice(["5", "7,50", "€1,234.50"]),
            "copies": self.chance.choice(["1", "2", "3"]),
        }  # fmt: skip
        if self.chance.random() < 0.2:
            fields |= {
                "condition": self.chance.choice(["mint", ""]),
                "price": self.chance.choice(["0", "-1", "NaN"]),
                "copies": self.chance.choice(["0", "-2", "1001"]),
            }
        answer = await self.send("/sell", **fields)
        if answer.status == 303 and answer.location:
            self.world.books.append(int(answer.location.rpartition("/")[2]))

    async def edit(self) -> None:
        page = f"/my/books/{self._book()}"
        changes: dict[str, Any] = {"price": self.chance.choice(["4", "9.99", "x"])}
        if self.chance.random() < 0.5:
            changes["copies"] = self.chance.choice(["0", "1", "4", "-1"])
        await self.send(page, **changes)

    async def withdraw(self) -> None:
        page = f"/my/books/{self._book()}"
        await self.send(page, page + self.chance.choice(["/withdraw", "/offer"]))

    async def add(self) -> None:
        book = self._book()
        before = await self._in_basket(book)
        quantity = self.chance.choice(["1", "1", "2", "3", "0", "-100", "999"])
        unheard = self.world.unheard
        answer = await self.send(f"/books/{book}", "/basket", quantity=quantity)
        after = await self._in_basket(book)
        asked = int(quantity) if 0 < int(quantity) <= 20 else 0
        heard = answer.status in {200, 204, 303} and self.world.unheard == unheard
        if not heard or before is None or after is None:
            return
        if after - before not in {0, asked}:
            self.world.problems.append(f"{quantity} added made {before} into {after}")

    async def _in_basket(self, book: int) -> int | None:
        """Return how many copies are in the basket; None where its page does not say: of a book
        that is sold out or withdrawn by now."""
        page = await self.ask("GET", "/basket")
        field = page.soup.select_one(f"#quantity-{book}")
        if field is not None:
            return int(str(field["value"]))
        return None if page.soup.select_one(f"form[action='/basket/{book}']") else 0

    async def change(self) -> None:
        action = f"/basket/{self._book()}"
        await self.send("/basket", action, quantity=self.chance.choice(["0", "1", "2", "-5", "21"]))

    async def check_out(self) -> None:
        changes: dict[str, Any] = {
            "name": "Ana", "address": "Calle Mayor 1\n28013 Madrid", "country": "ES",
            "carrier": self.chance.choice(["post", "parcel", "express", "pigeon"]),
            "price": "1", "total": "1",
        }  # fmt: skip
        if self.chance.random() < 0.1:
            changes["seen"] = "nothing"
        answer = await self.send("/checkout", **changes)
        if answer.status == 303 and answer.location and answer.location.endswith("/pay"):
            order = answer.location.removesuffix("/pay")
            self.orders.append(order)
            self.world.orders.append(order)

    async def pay(self) -> None:
        order = self._own_order()
        answer = await self.send(
            f"{order}/pay", card_number=self.chance.choice(CARDS), expiry="12/40", cvc="123"
        )
        if answer.location and answer.location.startswith("/pay/3ds/"):
            await self.send(
                answer.location, decision=self.chance.choice(["approve", "approve", "refuse"])
            )

    async def cancel(self) -> None:
        order = self._own_order()
        await self.send(order, f"{order}/cancel")

    async def cancel_parcel(self) -> None:
        order = self._own_order()
        page = await self.ask("GET", order)
        forms = [str(f["action"]) for f in page.soup.select("form[action*='/parcels/']")]
        if forms:
            await self.send(order, self.chance.choice(forms))

    async def sales(self) -> None:
        page = await self.ask("GET", "/sales")
        actions = re.findall(r'action="(/sales/\d+/(?:ship|cancel))"', page.text)
        if actions:
            action = self.chance.choice(actions)
            self.world.shipments.append(action)
            await self.send(
                "/sales", action, tracking_code=self.chance.choice(["", "EZ4000000004"])
            )

    async def webhook(self) -> None:
        """Be the gateway: true messages and false ones, late, early and repeated."""
        intents = await asyncio.to_thread(self.world.intents)
        intent = self.chance.choice(intents or ["pi_unknown"])
        event = payments.Event(
            f"evt_{self.chance.randint(1, 50)}",
            self.chance.choice(["payment_intent.succeeded", "payment_intent.payment_failed"]),
            intent, self.chance.randint(0, 2),
        )  # fmt: skip
        body = payments.encode(event, now())
        key = derived_key(SECRET, "payment webhooks")
        for _time in range(self.chance.randint(1, 2)):
            moment = now() - self.chance.choice([0, 0, 0, 10**6])
            origin = self.chance.choice(self.world.replicas.origins())
            try:
                answer = await self.client.post(
                    origin + "/webhooks/payments", content=body,
                    headers={"Stripe-Signature": payments.sign(key, body, moment)},
                )  # fmt: skip
            except httpx.TransportError:
                continue
            if answer.status_code not in {200, 400, 503}:
                self.world.problems.append(f"a webhook was answered with {answer.status_code}")

    async def trespass(self) -> None:
        """Use the forms of others."""
        fields = (await self.ask("GET", "/account")).form("/account")
        theirs = [order for order in self.world.orders if order not in self.orders]
        if theirs:
            order = self.chance.choice(theirs)
            for path in (f"{order}/cancel", f"{order}/parcels/1/cancel"):
                answer = await self.ask("POST", path, {**fields, "idempotency_key": self._key()})
                if answer.status not in {0, 404}:
                    self.world.problems.append(f"{path} of others: {answer.status}")
            if (await self.ask("GET", order)).status not in {0, 404}:
                self.world.problems.append(f"{order} of others was shown")

    async def nonsense(self) -> None:
        fields = (await self.ask("GET", "/account")).form("/account")
        path = self.chance.choice(["/basket", "/checkout", "/orders/0/pay", "/sales/99999999/ship"])
        junk = {f"x{n}": "\0é€" * self.chance.randint(1, 99) for n in range(3)}
        await self.ask("POST", path, {**fields, **junk, "book_id": "9" * 30})

    def _key(self) -> str:
        return f"{self.chance.randrange(16**16):016x}"

    def _book(self) -> int:
        return self.chance.choice(self.world.books[-12:] or [1])

    def _own_order(self) -> str:
        return self.chance.choice(self.orders[-4:] or ["/orders/1"])


def _place(address: str | None) -> str:
    """Return where an answer leads, without what the page there is to say."""
    return (address or "").partition("?")[0]
