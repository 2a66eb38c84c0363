"""Hypercorn, as published."""

import asyncio
import logging
import signal
import socket
from typing import Any

from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config

from bookstore.web.serving.connections import Connections
from bookstore.web.serving.listening import Listening
from bookstore.web.serving.names import Calling, Names
from bookstore.web.serving.stopping import GRACE, Stopping


class Loop(Listening, Calling, asyncio.SelectorEventLoop):
    """The event loop that Hypercorn runs in."""

    # Hypercorn 0.18 has no hook to end its watch over an idle connection: after the peer has gone,
    # its tasks stay until keep_alive_timeout is over. No request at all ends the watch at once.
    # tests/web/test_hypercorn.py fails when that is no longer needed.
    _farewell = b"\0\r\n\r\n"

    def __init__(self, connections: Connections) -> None:
        super().__init__()
        self._connections = connections
        self._names = Names()


async def serve(app: Any, listener: socket.socket, stopping: Stopping) -> None:
    """Serve until told to stop and everything under way is answered."""
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.graceful_timeout = GRACE
    config.keep_alive_timeout = 75  # the connection's own limit is shorter
    config.h11_max_incomplete_size = 64 * 1024  # and so is its head's
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.on_signal, number)
    await hypercorn_serve(app, config, shutdown_trigger=stopping.wait)
