"""HTTP/1.1 connections that cost less than Hypercorn's own: an answer's head and body leave in one
piece, and one task watches an idle connection for its whole life, where Hypercorn starts and
cancels one for each request.
"""

import asyncio
from contextlib import suppress
from typing import Any

import hypercorn.protocol
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.events import Response
from hypercorn.protocol.h11 import H11Protocol


def install() -> None:
    """Have Hypercorn speak HTTP/1.1 like this; it takes no protocol as a setting."""
    hypercorn.protocol.H11Protocol = Connection  # type: ignore[attr-defined]


class Connection(H11Protocol):
    """One connection of a browser or a proxy."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._send_on, self.send = self.send, self._send_together
        self._head = b""  # of an answer whose body is still to come
        self._keeps = False
        self._watch: asyncio.Task[None] | None = None
        self._idle_since: float | None = None

    async def handle(self, event: Event) -> None:
        """Take what arrived, or that the connection is closed."""
        if isinstance(event, Closed) and self._watch not in {None, asyncio.current_task()}:
            self._watch.cancel()
        await super().handle(event)

    async def stream_send(self, event: StreamEvent) -> None:
        """Send a part of an answer."""
        self._keeps = isinstance(event, Response)
        await super().stream_send(event)

    async def _send_together(self, event: Event) -> None:
        if isinstance(event, RawData):
            data = self._head + event.data
            self._head = data if self._keeps else b""
            if data and not self._keeps:
                await self._send_on(RawData(data))
        elif isinstance(event, Updated):
            self._idle_since = asyncio.get_running_loop().time() if event.idle else None
            if self._watch is None:
                await self._send_on(event)  # ends Hypercorn's own watch
                self._watch = asyncio.create_task(self._close_when_idle())
        else:
            await self._send_on(event)

    async def _close_when_idle(self) -> None:
        """Close the connection when it was idle for too long, or is while the server stops. One
        that is at work then closes behind its answer."""
        loop = asyncio.get_running_loop()
        stopping = self.context.terminated
        left = longest = self.config.keep_alive_timeout
        while left > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await stopping.wait()
            if self._idle_since is None:
                if stopping.is_set():
                    return
                left = longest
            elif stopping.is_set():
                break
            else:
                left = self._idle_since + longest - loop.time()
        await self.handle(Closed())
        await self._send_on(Closed())
