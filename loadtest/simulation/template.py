"""The shop before a world begins: its tables, its readers, their books, as its pages make them."""

from __future__ import annotations

from pathlib import Path
from random import Random

from bookstore.migrations import migrate
from loadtest.simulation.network import Answer
from loadtest.simulation.reader import Reader
from loadtest.simulation.replica import settings
from loadtest.simulation.world import BUYERS, SELLERS, World, end

BOOKS = 10  # of each seller
_VISITOR = "v" + "0" * 43


async def make(file: Path) -> dict[str, dict[str, str]]:
    """Make the file; return the cookies of those who have signed in, by their names."""
    migrate(settings(file, ("accounts", "catalogue", "orders"), "template"))
    world = World(0, file, services=False, rewrite=str)
    for slot in world.slots:
        world.start(slot)
    key = next(iter(world.replicas.values())).app.extensions["bookstore.csrf_key"]
    names = [f"seller{n}" for n in range(SELLERS)] + [f"buyer{n}" for n in range(BUYERS)]
    cookies = {}
    for name in names:
        reader = Reader(name, world.ask, key, Random(name))  # to be foreseen
        reader.cookies["session"] = _VISITOR
        fields = {"name": name, "email": reader.email, "password": f"seven quiet {name}"}
        _accepted(await reader.post("/register", fields))
        cookies[name] = reader.cookies
        for number in range(BOOKS if name.startswith("seller") else 0):
            offer = {
                "title": f"Book {number} of {name}", "author": name, "category": "other",
                "condition": "good", "price": str(3 + 2 * number), "copies": "5",
            }  # fmt: skip
            _accepted(await reader.post("/sell", offer))
    await end(world)
    return cookies


def _accepted(answer: Answer) -> None:
    if answer.status != 303:
        raise RuntimeError(f"{answer.status}: {answer.body.decode()[:2000]}")
