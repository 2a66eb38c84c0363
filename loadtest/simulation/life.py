"""The life of a world: people shop while things go wrong, then it comes to rest and is judged."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random
from typing import Any

from bookstore.settings import CONTEXTS
from loadtest.evidence.invariants import NEVER, STUCK
from loadtest.evidence.ledger.audit import audit
from loadtest.evidence.ledger.database import read
from loadtest.simulation.chaos import Chaos
from loadtest.simulation.network import Unheard
from loadtest.simulation.people import Buyer, Seller
from loadtest.simulation.reader import Reader
from loadtest.simulation.virtual import EPOCH, clock
from loadtest.simulation.world import Outcome, World, end

SETTLES = 900.0  # seconds of the world within which everything must be finished


async def live(
    world: World, cookies: dict[str, dict[str, str]], attempts: int, outcome: Outcome
) -> None:
    """Let people shop in a world, then let it come to rest, and write down what became of it."""
    for slot in world.slots:
        world.start(slot)
    await asyncio.sleep(1)
    key = next(iter(world.replicas.values())).app.extensions["bookstore.csrf_key"]
    readers = {}
    for name, kept in cookies.items():
        readers[name] = Reader(name, world.ask, key, Random(world.chance.random()))
        readers[name].cookies = dict(kept)
        world.write("registered", email=readers[name].email)
    books = _stock(world)
    pages: dict[Any, str] = {}
    buyers = [
        Buyer(reader, books, pages, world.write)
        for name, reader in readers.items()
        if name.startswith("buyer")
    ]
    sellers = [Seller(reader) for name, reader in readers.items() if name.startswith("seller")]
    chaos = Chaos(world)
    world.in_background(chaos.go_on())
    for seller in sellers:
        world.in_background(seller.work())
    begun = 0

    async def go_on(buyer: Buyer) -> None:
        nonlocal begun
        while begun < attempts:
            begun += 1
            with suppress(Unheard):
                await buyer.shop()
            await asyncio.sleep(buyer.chance.uniform(0, 0.5))

    await asyncio.gather(*(go_on(buyer) for buyer in buyers))
    await chaos.calm()
    await _rest(world)
    outcome.attempts = begun
    outcome.seconds = clock.elapsed
    outcome.faults = dict(sorted(world.done.items()))
    judge(world, outcome)
    await end(world)


async def _rest(world: World) -> None:
    """Wait until nothing is left to do, twice in a row, or for long enough."""
    until = clock.elapsed + SETTLES
    quiet = 0
    while quiet < 2 and clock.elapsed < until:
        await asyncio.sleep(20)
        quiet = 0 if any(_rows(world.file, STUCK, late=0)) else quiet + 1


def judge(world: World, outcome: Outcome) -> None:
    """Write down what does not hold, and what there is."""
    outcome.problems = [
        *sorted(set(world.problems))[:20],
        *_rows(world.file, NEVER),
        *_rows(world.file, STUCK),
    ]
    state = read(dict.fromkeys(CONTEXTS, f"sqlite:///{world.file}"))
    made = audit(world.ledger, state)
    outcome.problems += [finding.what for finding in made.findings]
    with closing(sqlite3.connect(world.file)) as connection:
        outcome.counts = {
            name: int(connection.execute(statement).fetchone()[0])
            for name, statement in _COUNTS.items()
        }
        for line in connection.iterdump():
            # Cookies in kept answers end by the clock of the world outside.
            if line.startswith("INSERT") and "_idempotency" not in line:
                world.note(line)
    outcome.trace = world.digest()


_COUNTS = {
    "orders": "SELECT COUNT(*) FROM orders",
    "purchases": "SELECT COUNT(*) FROM orders WHERE paid_at IS NOT NULL",
    "cancelled": "SELECT COUNT(*) FROM orders WHERE state = 'cancelled'",
    "refunds": "SELECT COUNT(*) FROM refunds",
    "sent": "SELECT COUNT(*) FROM shipments WHERE shipped_at IS NOT NULL",
    "parcels called off": "SELECT COUNT(*) FROM parcel_refunds",
}


def _stock(world: World) -> list[int]:
    """Give each book a number of copies, some of them few; return the books."""
    with closing(sqlite3.connect(world.file)) as connection:
        books = [row[0] for row in connection.execute("SELECT id FROM books ORDER BY id")]
        for book in books:
            copies = world.chance.choice((1, 2, 5, 20, 1000, 1000, 1000))
            connection.execute(
                "UPDATE books SET stock = ?, copies_total = ? WHERE id = ?", (copies, copies, book)
            )
        connection.commit()
    return books


def _rows(file: Path, statements: dict[str, str], late: int = 15_000) -> Iterator[str]:
    """Yield what some statements find."""
    now = round((EPOCH + clock.elapsed) * 1000) + 15_000 - late
    with closing(sqlite3.connect(file)) as connection:
        for name, statement in statements.items():
            rows = connection.execute(re.sub(r"{now}", str(now), statement)).fetchall()
            if rows:
                yield f"{name}: {[row[0] for row in rows[:5]]}"
