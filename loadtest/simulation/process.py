"""A process that can die at any moment: from then on nothing that it does reaches anybody."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextvars import copy_context
from typing import Any

from loadtest.simulation.virtual import Skew, clock


class Process:
    """What runs on one machine. One that is dead stands still wherever it asks the world for
    something, so that none of its `finally` and `except` has an effect, as after a power loss."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.over = False  # the world has ended: let go of what stands still
        self.skew = Skew()
        self._context = copy_context()
        self._context.run(clock.skew.set, self.skew)
        self._tasks: set[asyncio.Task[Any]] = set()

    def start[T](self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Have this process do something, by its own clock."""
        task = asyncio.get_running_loop().create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def live(self) -> None:
        """Go on only if this process lives."""
        while self.dead and not self.over:
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                if self.over:
                    raise
