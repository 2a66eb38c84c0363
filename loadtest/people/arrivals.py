"""Open load: clicks that come when they come, however long the shop takes to answer.

An arrival is a click: one page that somebody opens or one form that somebody sends, with all that
a browser loads because of it. The moments are drawn beforehand from a seed. Each goes to whoever
has waited longest with a page read; where nobody has, somebody new comes, up to a limit.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Literal

import gevent
from gevent.event import AsyncResult

from loadtest.evidence import recorder

Stage = tuple[float, float]  # seconds it lasts, share of the peak
Share = Callable[[float], float | None]
Kind = Literal["poisson", "constant"]
KINDS: tuple[Kind, ...] = ("poisson", "constant")
TOO_LATE = 1.0  # seconds after which a click that could not begin is given up


def moments(
    rate: float, kind: Kind, random: Random, share: Share = lambda _: 1.0
) -> Iterator[float]:
    """Yield the seconds from the beginning at which clicks come.

    There are `rate` of them in a second, times the share that is due at that moment; None: no more.
    """
    at = 0.0
    while (part := share(at)) is not None:
        at += (random.expovariate(1.0) if kind == "poisson" else 1.0) / (rate * part)
        yield at


def share_at(stages: Sequence[Stage], now: float, run_time: float | None) -> float | None:
    """Return the share of the peak at a moment, the stages stretched to the time of the run.

    None once they are over.
    """
    planned = sum(seconds for seconds, _ in stages)
    stretch = run_time / planned if run_time else 1.0
    for seconds, share in stages:
        if now < seconds * stretch:
            return share
        now -= seconds * stretch
    return None


class Over(Exception):
    """No more clicks come."""


class Arrivals:
    """Hands clicks to people; `create` brings somebody new, `most` limits how many there are."""

    def __init__(self, planned: Iterator[float], create: Callable[[], None], most: int) -> None:
        self._planned = planned
        self._create = create
        self._most = most
        self.people = 0
        self._ready: deque[AsyncResult[float]] = deque()
        self._unbegun: deque[float] = deque()
        self._over = False
        self._second: dict[str, float] = {}
        self._late: list[float] = []

    def next_click(self) -> float:
        """Wait for a click; return the moment when it should begin (seconds since the epoch)."""
        self._give_up(time.time())
        if self._over:
            raise Over
        if self._unbegun:
            return self._unbegun.popleft()
        mine: AsyncResult[float] = AsyncResult()
        self._ready.append(mine)
        try:
            return float(mine.get())
        finally:
            if not mine.ready():  # stopped while waiting
                self._ready.remove(mine)

    def run(self) -> None:
        """Let clicks come until `stop`."""
        begin = time.time()
        for planned in self._planned:
            due = begin + planned
            gevent.sleep(max(0.0, due - time.time()))
            if self._over:
                return
            self._count(due)
            if self._ready:
                self._ready.popleft().set(due)
                continue
            self._unbegun.append(due)
            if self.people < self._most:
                self._create()

    def stop(self) -> None:
        """Send everybody home: nobody waits for a click any more."""
        if self._over:
            return
        self._over = True
        self._give_up(float("inf"))
        while self._ready:
            self._ready.popleft().set_exception(Over())
        self._write()

    def _give_up(self, now: float) -> None:
        while self._unbegun and self._unbegun[0] < now - TOO_LATE:
            recorder.write("arrivals", what="missed", due=round(self._unbegun.popleft(), 4))

    def _count(self, due: float) -> None:
        """Keep, for each second, how many clicks came, how late we were, how many people there are.

        Lateness is the generator's own: how long after its moment each click was noticed.
        """
        now = time.time()
        self._give_up(now)
        if self._second and int(now) != int(self._second["since"]):
            self._write()
        if not self._second:
            self._second = {"since": now, "cpu": time.process_time()}
        self._late.append(round(now - due, 4))

    def _write(self) -> None:
        if not self._second:
            return
        recorder.write(
            "arrivals", what="second", clicks=len(self._late), late=self._late, people=self.people,
            cpu=round(time.process_time() - self._second["cpu"], 4),
        )  # fmt: skip
        self._second, self._late = {}, []
