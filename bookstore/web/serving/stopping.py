"""How a replica stops: it says that it wants no more requests, serves on until proxies have heard
it, and ends what is under way."""

import asyncio
import signal

import structlog

from bookstore.web.health import Readiness

log = structlog.get_logger()

GRACE = 20  # seconds that requests under way get to end


class Stopping:
    """What the first and the second signal do."""

    def __init__(self, readiness: Readiness, drain_seconds: float) -> None:
        self._readiness = readiness
        self._drain_seconds = drain_seconds
        self._loop = asyncio.get_running_loop()
        self._now = asyncio.Event()

    def on_signal(self, number: int) -> None:
        """Begin to stop: at once on SIGINT or a second SIGTERM, else once proxies have noticed."""
        if number == signal.SIGINT or self._readiness.draining:
            self._now.set()
            return
        self._readiness.draining = True
        log.info("draining", seconds=self._drain_seconds)
        self._loop.call_later(self._drain_seconds, self._now.set)

    async def wait(self) -> None:
        """Wait until the server is to end."""
        await self._now.wait()
