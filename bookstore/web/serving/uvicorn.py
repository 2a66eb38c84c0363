"""uvicorn, as published, with uvloop and httptools."""

import asyncio
import socket
from types import FrameType
from typing import Any

import uvloop
from uvicorn import Config, Server

from bookstore.web.serving.connections import Connections
from bookstore.web.serving.listening import Listening
from bookstore.web.serving.names import Calling, Names
from bookstore.web.serving.stopping import GRACE, Stopping


class Loop(Listening, Calling, uvloop.Loop):  # type: ignore[misc]  # uvloop's own types differ
    """The event loop that uvicorn runs in."""

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections
        self._names = Names()


class _Server(Server):
    """uvicorn takes signals itself; it is told to leave what they mean to us."""

    def __init__(self, config: Config, stopping: Stopping) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._loop = asyncio.get_running_loop()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Take a signal."""
        self._loop.call_soon_threadsafe(self._stopping.on_signal, sig)


async def serve(app: Any, listener: socket.socket, stopping: Stopping) -> None:
    """Serve until told to stop and everything under way is answered."""
    config = Config(
        app,
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="error",
        access_log=False,
        server_header=False,
        proxy_headers=False,  # TrustedHops does it; uvicorn's would believe any proxy's scheme
        timeout_keep_alive=75,  # the connection's own limit is shorter
        timeout_graceful_shutdown=GRACE,
    )
    server = _Server(config, stopping)

    async def end() -> None:
        await stopping.wait()
        server.should_exit = True

    ending = asyncio.ensure_future(end())
    try:
        await server.serve(sockets=[listener])
    finally:
        ending.cancel()
