"""HTTP/1.1 as a browser or a proxy meets it on one connection."""

import asyncio
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from hypercorn.asyncio import serve
from hypercorn.config import Config

from bookstore.web.protocol import Connection
from tests.support.server import Server, free_port, serving


def _connection(server: Server) -> socket.socket:
    host, _, port = server.origin.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=10)


def _ask(connection: socket.socket, path: str, host: str, more: str = "") -> bytes:
    """Return what one read of the connection gives after a request."""
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
    return connection.recv(1 << 20)


def test_head_and_body_arrive_in_one_piece(sqlite_url: str, tmp_path: Path) -> None:
    with serving(sqlite_url, tmp_path) as server, _connection(server) as connection:
        host = server.origin.removeprefix("http://")
        for path in ("/healthz", "/basket", "/books/1", "/healthz"):
            head, _, body = _ask(connection, path, host).partition(b"\r\n\r\n")
            assert body, f"{path}: the head came alone"
            length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
            assert len(body) == length


def test_answers_without_a_body_arrive_as_well(sqlite_url: str, tmp_path: Path) -> None:
    with serving(sqlite_url, tmp_path) as server, _connection(server) as connection:
        host = server.origin.removeprefix("http://")
        assert _ask(connection, "/account", host).startswith(b"HTTP/1.1 303")
        first = _ask(connection, "/static/app.css", host)
        etag = first.partition(b"etag: ")[2].split(b"\r\n")[0].decode()
        again = _ask(connection, "/static/app.css", host, f"If-None-Match: {etag}\r\n")
        assert again.startswith(b"HTTP/1.1 304")
        assert _ask(connection, "/healthz", host).startswith(b"HTTP/1.1 200")


def test_a_request_that_is_none_is_answered_and_ends_the_connection(
    sqlite_url: str, tmp_path: Path
) -> None:
    with serving(sqlite_url, tmp_path) as server, _connection(server) as connection:
        connection.sendall(b"no request at all\r\n\r\n")
        assert connection.recv(1 << 16).startswith(b"HTTP/1.1 400")
        assert connection.recv(1 << 16) == b""


def test_idle_connections_do_not_hold_up_a_stop(sqlite_url: str, tmp_path: Path) -> None:
    """One that has asked for something before, one that has not."""
    with (
        serving(sqlite_url, tmp_path) as server,
        _connection(server) as used,
        _connection(server) as fresh,
    ):
        assert _ask(used, "/healthz", server.origin.removeprefix("http://"))
        asked = time.monotonic()
        server.signal(signal.SIGINT)
        assert used.recv(1 << 16) == b""
        assert fresh.recv(1 << 16) == b""
        assert server.wait(10) == 0
        assert time.monotonic() - asked < 5


async def test_a_connection_closes_when_idle_for_too_long_but_not_at_work(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("hypercorn.protocol.H11Protocol", Connection)
    port, stop = free_port(), asyncio.Event()
    config = Config()
    config.bind, config.keep_alive_timeout = [f"127.0.0.1:{port}"], 0.4
    config.errorlog = None

    async def slow(scope: Any, _receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        await asyncio.sleep(1)  # longer than a connection may be idle
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def stopped() -> None:
        await stop.wait()

    serving = asyncio.ensure_future(serve(slow, config, shutdown_trigger=stopped))
    await asyncio.sleep(0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _time in range(2):
        writer.write(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert (await reader.read(1 << 16)).startswith(b"HTTP/1.1 204")
    answered = time.monotonic()
    assert await asyncio.wait_for(reader.read(), 5) == b""
    assert 0.3 < time.monotonic() - answered < 2
    writer.close()
    stop.set()
    await serving
