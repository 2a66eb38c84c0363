"""The attack: people, replicas that die, connections that are cut, for a while."""

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bookstore.migrations import migrate
from tests.attack import after
from tests.attack.people import Attacker, World
from tests.attack.replicas import DATABASE, Replicas, cut_connections
from tests.conftest import settings_for
from tests.support.mariadb import MariaDB

ENOUGH_ORDERS = 8


@dataclass
class Report:
    """What was done, and what did not hold."""

    problems: list[str]
    operations: int
    kills: int
    cuts: int
    unheard: int
    statuses: dict[int, int]
    counts: dict[str, int]
    log: str  # what the replicas wrote as errors

    def __str__(self) -> str:
        rows = ", ".join(f"{number} {name}" for name, number in self.counts.items())
        return (
            f"{self.operations} operations, {self.kills} replicas killed, {self.cuts} connections"
            f" cut, {self.unheard} answers unheard; {rows}; statuses {self.statuses}"
        )


def attack(server: MariaDB, folder: Path, *, seed: int, seconds: float, people: int = 6) -> Report:
    """Attack a fresh shop for so long and return what did not hold afterwards."""
    url = server.create_database(DATABASE)
    migrate(settings_for(url, folder / "media"))
    replicas = Replicas(url, folder)

    def intents() -> list[str]:
        with server.connect(DATABASE) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT id FROM payment_intents ORDER BY order_id DESC LIMIT 20")
            return [row[0] for row in cursor.fetchall()]

    world = World(replicas, intents)
    try:
        replicas.start_all()
        cuts = asyncio.run(_fight(world, server, seed, seconds, people))
        problems = world.problems + after.settle(url)
    finally:
        replicas.stop()
    return Report(
        problems,
        sum(world.done.values()),
        replicas.kills,
        cuts,
        world.unheard,
        dict(sorted(world.statuses.items())),
        after.counts(url),
        replicas.errors(),
    )


async def _fight(world: World, server: MariaDB, seed: int, seconds: float, people: int) -> int:
    attackers = [Attacker(world, number, seed) for number in range(people)]
    crowd = [Attacker(world, people + number, seed) for number in range(5)]
    await asyncio.gather(*(attacker.register() for attacker in [*attackers, *crowd]))
    await asyncio.gather(*(attacker.sell() for attacker in attackers for _book in range(3)))
    start = time.monotonic()

    def goes_on() -> bool:
        """Tell whether the time is not over, or too little happened on a slow machine."""
        past = time.monotonic() - start
        return past < seconds or (len(world.orders) < ENOUGH_ORDERS and past < 4 * seconds)

    chaos = asyncio.ensure_future(_chaos(world, server, random.Random(seed), goes_on))

    rush = asyncio.ensure_future(_rush(world, crowd, goes_on))

    async def go_on(attacker: Attacker) -> None:
        while goes_on():
            await attacker.act()

    await asyncio.gather(*(go_on(attacker) for attacker in attackers))
    cuts = await chaos
    await rush
    for attacker in [*attackers, *crowd]:
        await attacker.client.aclose()
    return cuts


async def _rush(world: World, crowd: list[Attacker], goes_on: Callable[[], bool]) -> None:
    """Have a crowd order one last copy at the same moment, over and over."""
    seller, *buyers = crowd
    while goes_on():
        book = await seller.offer_one()
        if book is None:
            continue
        forms = await asyncio.gather(*(buyer.reach_for(book) for buyer in buyers))
        await asyncio.gather(
            *(
                buyer.ask("POST", "/checkout", form)
                for buyer, form in zip(buyers, forms, strict=True)
                if form is not None
            )
        )
        await asyncio.gather(*(buyer.let_go_of(book) for buyer in buyers))
        world.done["rush"] += 1


async def _chaos(
    world: World, server: MariaDB, chance: random.Random, goes_on: Callable[[], bool]
) -> int:
    """Kill a replica now and then, and cut connections more often; return how many were cut."""
    cuts = 0
    while goes_on():
        await asyncio.sleep(chance.uniform(0.5, 1.5))
        if chance.random() < 0.15:
            await asyncio.to_thread(world.replicas.kill, chance.choice(world.replicas.ports))
        else:
            cuts += await asyncio.to_thread(cut_connections, server, chance)
    return cuts
