"""What simulated readers do: buy, pay with cards of all kinds, call off, send parcels."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any

from itsdangerous import URLSafeSerializer

from bookstore.orders.payments import TEST_CARDS
from loadtest.simulation.network import Answer, Unheard
from loadtest.simulation.reader import Reader
from loadtest.simulation.replica import SECRET

_SEEN = re.compile(rb'name="seen" value="([^"]+)"')
_SHOWN = URLSafeSerializer(SECRET, salt="checkout")
_ROW = re.compile(rb'action="/basket/(\d+)"')
_BADGE = re.compile(rb'class="badge badge-(\w+)"')
_GOOD = "4242424242424242"
_CARDS = [_GOOD] * 12 + [card.number for card in TEST_CARDS]
_ADDRESS = {"address": "Calle Mayor 1\n28013 Madrid", "country": "ES"}


class Buyer:
    """Somebody who buys, one basket after another."""

    def __init__(
        self, reader: Reader, books: list[int], pages: dict[Any, str], write: Callable[..., None]
    ) -> None:
        self.reader, self.chance = reader, reader.chance
        self._books = books
        self._pages = pages  # what a checkout's page shows, by what is in the basket
        self._write = write
        self._dirty = True  # there may be something in the basket that was left there

    async def shop(self) -> None:
        """Fill a basket, order it, and do with the order what people do."""
        if self._dirty:
            await self._empty()
        count = self.chance.choice((1, 1, 1, 2, 3))
        basket: dict[int, int] = {}
        for book in self.chance.sample(self._books, count):
            copies = self.chance.choice((1, 1, 1, 2))
            self._dirty = True
            answer = await self.reader.post("/basket", {"book_id": book, "quantity": copies})
            if answer.status == 303:
                basket[book] = copies
        if basket and (order := await self._order(basket)):
            await self._after(order)

    async def _order(self, basket: dict[int, int]) -> int:
        """Order a basket; return the order's number, 0 when the shop refused."""
        for _attempt in range(2):
            seen, basket = await self._seen(basket)
            if not seen:
                return 0
            key = self.reader.key()
            about: dict[str, Any] = {
                "kind": "order",
                "by": self.reader.email,
                "key": key,
                "op": key,
            }
            about |= {"lines": sorted([book, copies] for book, copies in basket.items())}
            about |= {"name": self.reader.name, "carrier": self.chance.choice(("post", "express"))}
            self._write("asked", **about)
            fields = {name: about[name] for name in ("name", "carrier")} | _ADDRESS
            try:
                answer = await self.reader.post("/checkout", {**fields, "seen": seen}, key=key)
            except Unheard:
                self._write("unheard", **about)
                raise
            where = answer.header("location")
            if answer.status == 303 and (found := re.match(r"/orders/(\d+)/pay$", where)):
                self._dirty = False
                self._write("told", order=int(found[1]), **about)
                return int(found[1])
            # A refusal is about what the basket holds: a form that was given up may have come late.
            held = {int(book) for book in _ROW.findall(answer.body)}
            lines = about["lines"] if held == set(basket) else None
            self._write("refused", status=answer.status, **about | {"lines": lines})
            if answer.status != 422:
                return 0
            self._pages.pop(frozenset(basket.items()), None)
        return 0

    async def _seen(self, basket: dict[int, int]) -> tuple[str, dict[int, int]]:
        """Return what the page of the checkout shows for a basket, to all who have the same, and
        which books those are: a form that was given up may have arrived late."""
        content = frozenset(basket.items())
        if content in self._pages:
            return self._pages[content], basket
        page = await self.reader.get("/checkout")
        found = _SEEN.search(page.body)
        if found is None:
            return "", {}
        seen = found[1].decode()
        books = _SHOWN.loads(seen)["books"]
        shown = {int(book): terms[0] for book, terms in books.items()}
        self._pages[frozenset(shown.items())] = seen
        return seen, shown

    async def _empty(self) -> None:
        page = await self.reader.get("/basket")
        for book in sorted(set(_ROW.findall(page.body))):
            await self.reader.post(f"/basket/{book.decode()}", {"quantity": 0})
        self._dirty = False

    async def _after(self, order: int) -> None:
        roll = self.chance.random()
        if roll < 0.03:
            return  # thinks better of it; the time to pay runs out
        if roll < 0.06:
            await self._cancel(order)
            return
        await self._pay(order)
        if roll > 0.95:
            await self._cancel(order)
        elif roll > 0.90:
            parcel = self.chance.randint(1, max(order, 1) * 2)  # its only one is the whole order
            self._write("asked", kind="cancel", by=self.reader.email, order=order)
            await self.reader.post(f"/orders/{order}/parcels/{parcel}/cancel", {})
        elif roll > 0.87:
            await self._look(order)

    async def _pay(self, order: int) -> None:
        card = self.chance.choice(_CARDS)
        answer = await self._send_card(order, card)
        where = answer.header("location")
        if answer.status == 303 and where.startswith("/pay/3ds/"):
            decision = "approve" if self.chance.random() < 0.8 else "refuse"
            answer = await self.reader.post(where, {"decision": decision})
        if answer.status == 422 or answer.header("location").endswith("/pay"):
            await self._send_card(order, _GOOD)

    async def _send_card(self, order: int, card: str) -> Answer:
        about = {"kind": "payment", "by": self.reader.email, "order": order, "card": card[-4:]}
        self._write("asked", **about)
        fields = {"card_number": card, "expiry": "12/34", "cvc": "123"}
        return await self.reader.post(f"/orders/{order}/pay", fields)

    async def _cancel(self, order: int) -> None:
        about = {"kind": "cancel", "by": self.reader.email, "order": order, "op": self.reader.key()}
        self._write("asked", **about)
        try:
            answer = await self.reader.post(f"/orders/{order}/cancel", {})
        except Unheard:
            self._write("unheard", **about)
            raise
        self._write("told" if answer.status == 303 else "refused", **about)

    async def _look(self, order: int) -> None:
        about = {"kind": "look", "by": self.reader.email, "order": order, "op": self.reader.key()}
        self._write("asked", **about)
        badge = _BADGE.search((await self.reader.get(f"/orders/{order}")).body)
        if badge is not None:
            self._write("told", badge=badge[1].decode(), **about)


class Seller:
    """Somebody who sends what was sold, or calls a parcel off."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.chance = reader, reader.chance

    async def work(self) -> None:
        """Go through the parcels that wait, from time to time."""
        while True:
            await asyncio.sleep(self.chance.uniform(5, 30))
            try:
                page = await self.reader.get("/sales")
                parcels = re.findall(rb'action="(/sales/\d+/ship)"', page.body)
                for path in parcels[: self.chance.randint(0, 20)]:
                    way = path.decode()
                    if self.chance.random() < 0.2:
                        way = way.replace("/ship", "/cancel")
                    await self.reader.post(way, {"tracking_code": ""})
            except Unheard:
                continue
