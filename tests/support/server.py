"""A shop in a process of its own, on a free loopback port: real HTTP, real signals."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

# What a program in Python is told where its host's clock is wrong.
_WRONG_CLOCK = """
import runpy, time
right, right_ns = time.time, time.time_ns
time.time = lambda: right() + {ahead}
time.time_ns = lambda: right_ns() + {ahead} * 10**9
runpy.run_module("bookstore", run_name="__main__", alter_sys=True)
"""


class Server:
    """A running `bookstore serve`."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.process = process
        self.port = port
        self.origin = f"http://127.0.0.1:{port}"
        self.log = log

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    def connect(self) -> socket.socket:
        """Return a connection."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def wait(self, seconds: float = 30) -> int:
        """Wait for the process to end; return its status."""
        return self.process.wait(timeout=seconds)


def free_port() -> int:
    """Return a loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def serving(
    database_url: str,
    folder: Path,
    *,
    command: str = "serve",
    descriptors: int | None = None,
    clock_ahead: int = 0,
    **settings: object,
) -> Iterator[Server]:
    """Run the shop for the length of the block, with BOOKSTORE_* settings given by name; on
    request with no more than some open files and sockets, or on a host whose clock is so many
    seconds ahead."""
    port = free_port()
    environment = {key: value for key, value in os.environ.items() if "BOOKSTORE" not in key}
    given = {
        "database_url": database_url,
        "media_dir": folder / "media",
        "secret_key": "a secret of the tests, longer than thirty-two characters",
        "bind": f"127.0.0.1:{port}",
        "drain_seconds": 0,
        **settings,
    }
    environment |= {f"BOOKSTORE_{name.upper()}": str(value) for name, value in given.items()}
    log = folder / f"server-{port}.log"
    with log.open("wb") as output:
        shop = [sys.executable, "-m", "bookstore", command]
        if clock_ahead:
            shop[1:3] = ["-c", _WRONG_CLOCK.format(ahead=clock_ahead)]
        if descriptors is not None:
            shop = ["sh", "-c", f'ulimit -n {descriptors}; exec "$@"', "sh", *shop]
        process = subprocess.Popen(shop, env=environment, stderr=output)
    server = Server(process, port, log)
    try:
        _wait_until_alive(server)
        yield server
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)


def _wait_until_alive(server: Server) -> None:
    for _attempt in range(200):
        if server.process.poll() is not None:
            break
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(f"{server.origin}/healthz").status_code == 200:
                return
        time.sleep(0.05)
    raise AssertionError(server.log.read_text())
