"""A shop in a process of its own, and what lies between it and its readers."""

from __future__ import annotations

import http.client
import os
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from loadtest.evidence import recorder

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Shop:
    """Where it answers, and its database."""

    host: str
    file: Path

    @property
    def database(self) -> str:
        """Return the database's URL."""
        return f"sqlite:///{self.file}"

    def execute(self, script: str) -> None:
        """Change the database behind the shop's back."""
        with sqlite3.connect(self.file, timeout=20) as connection:
            connection.executescript(script)
        connection.close()


@contextmanager
def running_shop(folder: Path) -> Iterator[Shop]:
    """Start the demo shop; it is ready when this returns."""
    port = free_port()
    command = [sys.executable, "-m", "bookstore", "demo", "--port", str(port)]
    command += ["--data", str(folder)]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("BOOKSTORE_")}
    with (folder / "shop.log").open("w") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=clean, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (folder / "shop.log").read_text()
                time.sleep(0.1)
        yield Shop(f"http://127.0.0.1:{port}", folder / "bookstore.db")
    finally:
        process.terminate()
        process.wait(30)


@dataclass
class Message:
    """A request on its way to the shop."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Reply:
    """What goes back; `body` None: nothing does, the connection ends."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes | None = b""
    length: int | None = None  # that it says it has, where that is a lie

    def set(self, name: str, value: str) -> None:
        """Put a header in place of those of its name."""
        self.headers = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        self.headers.append((name, value))


Forward = Callable[[Message], Reply]
Lie = Callable[[Message, Forward], Reply]


@contextmanager
def lying_proxy(shop: Shop, lie: Lie) -> Iterator[Shop]:
    """Stand between readers and the shop, and lie."""
    upstream = int(shop.host.rpartition(":")[2])

    def forward(message: Message) -> Reply:
        connection = http.client.HTTPConnection("127.0.0.1", upstream, timeout=30)
        try:
            connection.request(message.method, message.target, message.body, message.headers)
            answer = connection.getresponse()
            framing = {"content-length", "transfer-encoding"}  # the proxy writes its own
            kept = [(n, v) for n, v in answer.getheaders() if n.lower() not in framing]
            return Reply(answer.status, kept, answer.read())
        finally:
            connection.close()

    class Handler(StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            with suppress(OSError, http.client.HTTPException):
                while self._one():
                    pass

        def _one(self) -> bool:
            line = self.rfile.readline().split()
            if len(line) != 3:
                return False
            parsed = http.client.parse_headers(self.rfile)
            body = self.rfile.read(int(parsed.get("Content-Length", 0)))
            headers = {n: v for n, v in parsed.items() if n.lower() != "content-length"}
            message = Message(line[0].decode(), line[1].decode(), headers, body)
            reply = lie(message, forward)
            if reply.body is None:
                return False
            head = f"HTTP/1.1 {reply.status} Fine\r\n"
            head += "".join(f"{name}: {value}\r\n" for name, value in reply.headers)
            length = len(reply.body) if reply.length is None else reply.length
            if reply.status not in (204, 304):
                head += f"Content-Length: {length}\r\n"
            self.wfile.write(head.encode("latin-1") + b"\r\n" + reply.body)
            return length == len(reply.body)

    class Server(ThreadingTCPServer):
        daemon_threads = True
        block_on_close = False
        request_queue_size = 128

        def handle_error(self, request: Any, client_address: Any) -> None:
            """Say nothing: readers who hang up are none of the test's business."""

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield Shop(f"http://127.0.0.1:{server.server_address[1]}", shop.file)
        server.shutdown()


def run_until_somebody_orders(
    run: Callable[[str, Path], int], folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[Path, str]:
    """Run a load for 12 seconds, or longer where nobody gets as far as paying an order in that
    time; return the run's folder and what was shown."""
    for seconds in (12, 36, 108):
        made = folder / f"{seconds} seconds"
        status = run(f"{seconds}", made)
        shown = capsys.readouterr().out
        assert status in (0, 1), shown
        ledger = recorder.read(made, "ledger")
        if any(entry["what"] == "told" and entry.get("kind") == "payment" for entry in ledger):
            return made, shown
    raise AssertionError(f"nobody paid for an order:\n{shown}")


def assert_fine_but_for_time(shown: str) -> None:
    """Expect a run without a fault but what a busy machine that tests may cause."""
    slow = (
        "the generator's own lateness", "clicks that could not begin", "p99 from",
        "outside and people saw the same",
    )  # fmt: skip
    bad = [line for line in shown.splitlines() if "✗" in line]
    assert "✓ requests that failed" in shown, shown
    assert all(any(what in line for what in slow) for line in bad), shown
