"""An event loop whose time passes when nobody has anything left to do."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from typing import Any

from loadtest.simulation.virtual import Clock


class Deadlock(Exception):
    """Everybody waits for somebody, and nobody for the clock."""


class TimePasses(selectors.SelectSelector):
    """Instead of waiting for files, let the clock go on."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Return at once, at the moment when the next thing is due."""
        if timeout is None:
            raise Deadlock
        if timeout > 0:
            self._clock.elapsed += timeout
        return []


class Loop(asyncio.SelectorEventLoop):
    """Such a loop; what is meant for a thread is done at once, since threads keep no order."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(TimePasses(clock))
        self._of_the_world = clock

    def time(self) -> float:
        """Return the world's time."""
        return self._of_the_world.elapsed

    def run_in_executor(  # type: ignore[override]
        self, _executor: Any, work: Callable[..., Any], *values: Any
    ) -> asyncio.Future[Any]:
        """Do the work now."""
        done = self.create_future()
        try:
            done.set_result(work(*values))
        except Exception as error:
            done.set_exception(error)
        return done
