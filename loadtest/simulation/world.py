"""One world: a shop of two replicas, its readers, and what goes wrong, all from one seed."""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from bookstore.settings import CONTEXTS
from loadtest.simulation.engine import Faults, Rewrite
from loadtest.simulation.network import PATIENCE, Answer, Unheard, Weather
from loadtest.simulation.process import Process
from loadtest.simulation.replica import Replica
from loadtest.simulation.virtual import EPOCH, clock

BUYERS, SELLERS = 9, 2
FINE = frozenset({200, 204, 303, 404, 409, 422})


@dataclass
class Outcome:
    """What became of a world."""

    seed: int
    services: bool
    attempts: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    faults: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0  # of the world
    trace: str = ""
    problems: list[str] = field(default_factory=list)


class World:
    """A world on a database file, which is as the template has it."""

    def __init__(self, seed: int, file: Path, *, services: bool, rewrite: Rewrite) -> None:
        self.chance = Random(seed)  # it is to be foreseen
        self.file = file
        self.rewrite = rewrite
        self.weather = Weather(Random(self.chance.random()))
        self.faults = Faults(Random(self.chance.random()))
        self.faults.told = self.note
        self.faults.killed = self.kill
        parts = [(context,) for context in CONTEXTS] if services else [CONTEXTS]
        self.slots: dict[str, tuple[str, ...]] = {
            f"{part[0] if services else 'shop'}{number}": part
            for part in parts
            for number in (1, 2)
        }
        self.replicas: dict[str, Replica] = {}
        self.processes: list[Process] = []
        self.done: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.problems: list[str] = []
        self.ledger: list[dict[str, Any]] = []
        self.background: set[asyncio.Task[Any]] = set()
        self._trace = hashlib.sha256()

    def note(self, line: str) -> None:
        """Make something a part of what must happen again in the same way."""
        self._trace.update(f"{clock.elapsed:.6f} {line}\n".encode())

    def write(self, what: str, /, **entry: Any) -> None:
        """Write down what somebody asked for or was told."""
        self.ledger.append({"t": EPOCH + clock.elapsed, "what": what, **entry})

    def digest(self) -> str:
        """Return what stands for everything that has happened."""
        return self._trace.hexdigest()[:16]

    def start(self, slot: str) -> None:
        """Start the replica of a slot anew."""
        replica = Replica(
            slot, self.file, self.slots[slot], faults=self.faults, weather=self.weather,
            find=self.find, rewrite=self.rewrite,
        )  # fmt: skip
        self.replicas[slot] = replica
        self.processes.append(replica.process)
        replica.start()
        self.note(f"{slot} starts")

    def kill(self, process: Process) -> None:
        """End a process without a word; it is started again a little later."""
        replica = self.replicas[process.name]
        if process.dead or replica.process is not process:
            return
        self.note(f"{process.name} dies")
        self.done["kills"] += 1
        replica.kill()
        self.in_background(self._start_later(process.name))

    async def _start_later(self, slot: str) -> None:
        await asyncio.sleep(self.chance.uniform(0.2, 6))
        self.start(slot)

    def in_background(self, work: Any) -> None:
        """Let something happen meanwhile."""
        task = asyncio.get_running_loop().create_task(work)
        self.background.add(task)
        task.add_done_callback(self.background.discard)

    def find(self, context: str) -> Replica | None:
        """Return a replica of a context, dead or not; None for an unknown one."""
        found = [one for one in self.replicas.values() if context in one.contexts]
        return self.chance.choice(found) if found else None

    async def ask(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Bring a request to one of the replicas, perhaps to another a second time, and the answer
        back; raise Unheard when none comes."""
        if method == "POST" and self.chance.random() < self.weather.doubled:
            self.done["doubled"] += 1
            self.in_background(self._again(method, path, headers, body))
        replica = self._routed(path)
        try:
            async with asyncio.timeout(PATIENCE):
                await self.weather.carry()
                if replica.process.dead:
                    raise Unheard
                answer = await replica.ask(method, path, headers, body)
                self._judge(method, path, answer)
                await self.weather.carry()
                return answer
        except (TimeoutError, Unheard):
            self.done["unheard"] += 1
            raise Unheard from None

    async def _again(self, method: str, path: str, headers: dict[str, str], body: bytes) -> None:
        await asyncio.sleep(self.chance.uniform(0, 25))
        replica = self._routed(path)
        if not replica.process.dead:
            with suppress(Unheard):
                self._judge(method, path, await replica.ask(method, path, headers, body))

    def _routed(self, path: str) -> Replica:
        catalogue = path.startswith(("/books", "/sell", "/my"))
        accounts = path.startswith(("/register", "/login", "/account"))
        context = "catalogue" if catalogue else "accounts" if accounts else "orders"
        replica = self.find(context)
        assert replica is not None
        return replica

    def _judge(self, method: str, path: str, answer: Answer) -> None:
        self.statuses[answer.status] += 1
        self.note(f"{method} {path} {answer.status}")
        if answer.status not in FINE and answer.status != 503:
            self.problems.append(f"{method} {path} was answered with {answer.status}")


async def end(world: World) -> None:
    """Stop everything that still goes on in a world."""
    for replica in world.replicas.values():
        replica.kill()
    for process in world.processes:
        process.over = True
    for _round in range(50):
        others = asyncio.all_tasks() - {asyncio.current_task()}
        if not others:
            return
        for task in others:
            task.cancel()
        await asyncio.wait(others, timeout=1)
