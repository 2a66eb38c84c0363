"""The process that simulates: one world after another, a line of JSON for each."""

from loadtest.simulation import virtual

virtual.take_over()  # before anything else is imported

import asyncio  # noqa: E402
import gc  # noqa: E402
import json  # noqa: E402
import logging  # noqa: E402
import shutil  # noqa: E402
import sys  # noqa: E402
from dataclasses import asdict  # noqa: E402
from pathlib import Path  # noqa: E402
from random import Random  # noqa: E402
from typing import Any  # noqa: E402

import structlog  # noqa: E402

from loadtest.simulation import faulty, template  # noqa: E402
from loadtest.simulation.life import live  # noqa: E402
from loadtest.simulation.loop import Loop  # noqa: E402
from loadtest.simulation.world import Outcome, World  # noqa: E402


def main() -> int:
    """Simulate the worlds of consecutive seeds until enough was bought, or one does not hold."""
    first, purchases, attempts, broken, folder = json.loads(sys.argv[1])
    logging.disable(logging.CRITICAL)
    structlog.configure(processors=[_silent])
    made, cookies = _template(Path(folder))
    file = Path(folder) / "world.db"
    seed, bought = first, 0
    while bought < purchases:
        shutil.copy(made, file)
        started = virtual.stopwatch()
        outcome = simulate(seed, file, cookies, attempts, broken)
        bought += outcome.counts["purchases"]
        took = virtual.stopwatch() - started
        print(json.dumps(asdict(outcome) | {"took": round(took, 3)}), flush=True)
        for left in Path(folder).glob("world.db*"):
            left.unlink()
        if outcome.problems:
            return 0
        seed += 1
    return 0


def simulate(
    seed: int, file: Path, cookies: dict[str, dict[str, str]], attempts: int, broken: str
) -> Outcome:
    """Let the world of a seed happen, and judge it."""
    services = Random(seed).random() < 0.25  # it is to be foreseen
    outcome = Outcome(seed, services)
    _run(seed, lambda: _world(seed, file, services, broken, cookies, attempts, outcome))
    return outcome


async def _world(
    seed: int, file: Path, services: bool, broken: str, cookies: Any, attempts: int, outcome: Any
) -> None:
    world = World(seed, file, services=services, rewrite=faulty.SHOPS[broken])
    await live(world, cookies, attempts, outcome)


def _template(folder: Path) -> tuple[Path, dict[str, dict[str, str]]]:
    file = folder / "template.db"
    cookies: dict[str, dict[str, str]] = {}

    async def make() -> None:
        cookies.update(await template.make(file))

    _run(0, make)
    return file, cookies


def _run(seed: int, work: Any) -> None:
    """Run something in a world of its own, from its first moment."""
    import random

    virtual.clock.elapsed = 0.0
    virtual.dice.seed(seed)
    random.seed(seed)
    with asyncio.Runner(loop_factory=lambda: Loop(virtual.clock)) as runner:
        runner.get_loop().set_exception_handler(lambda loop, context: None)
        runner.run(work())
    gc.collect()


def _silent(_logger: Any, _method: str, _event: Any) -> Any:
    raise structlog.DropEvent


if __name__ == "__main__":
    sys.exit(main())
