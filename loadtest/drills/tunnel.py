"""Reach what only the cluster's hosts can reach, such as its database, through one of them."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import paramiko

from provisioning.ssh.transport import Connection


@contextmanager
def forwarded(connection: Connection, host: str, port: int) -> Iterator[int]:
    """Forward a port of this machine to an address that the other end can reach; give the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):  # the server is closed: the end
                while True:
                    local, _peer = server.accept()
                    channel = connection.channel_to(host, port, timeout=10)
                    channel.settimeout(None)  # who waits for an answer waits at the other end
                    threading.Thread(target=_copy, args=(local, channel), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield int(server.getsockname()[1])


def _copy(local: socket.socket, channel: paramiko.Channel) -> None:
    """Carry bytes both ways until one end closes."""
    with local, channel, suppress(OSError):
        while True:
            ends: list[socket.socket | paramiko.Channel] = [local, channel]
            readable, _, _ = select.select(ends, [], [])
            for source, sink in ((local, channel), (channel, local)):
                if source in readable:
                    data = source.recv(65536)
                    if not data:
                        return
                    sink.sendall(data)
