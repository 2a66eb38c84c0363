"""Where the shop listens, and an event loop that puts our `Connection` before each protocol."""

import asyncio
import socket
from typing import Any

from bookstore.settings import SettingsError
from bookstore.web.serving.connections import Connection, Connections

_BACKLOG = 1024  # connections that the kernel holds for us
_AT_ONCE = 16  # that an event loop accepts in a turn; some turns pass before one can be refused


def bound_socket(bind: str) -> socket.socket:
    """Return a socket on the address of BOOKSTORE_BIND; it does not listen yet."""
    host, _, port = bind.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    bound = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, int(port)))
    except (OSError, OverflowError, ValueError) as error:
        bound.close()
        raise SettingsError(
            f"BOOKSTORE_BIND: the shop cannot listen on {bind} ({error}). "
            "Give an address of this machine and a free port, such as 127.0.0.1:8000."
        ) from error
    bound.setblocking(False)
    return bound


class Listening:
    """Part of an event loop: each connection it accepts is one of ours."""

    _connections: Connections
    _farewell = b""

    async def create_server(
        self, protocol_factory: Any, *address: Any, **options: Any
    ) -> asyncio.Server:
        """Listen on a socket of ours, which is among the options."""
        server: asyncio.Server = await super().create_server(  # type: ignore[misc]
            lambda: Connection(protocol_factory(), self._connections, self._farewell),
            *address,
            **{**options, "backlog": _AT_ONCE},
        )
        options["sock"].listen(_BACKLOG)
        return server
