"""What a stranger may choose costs no more than the shop has set aside for it: memory, time,
connections. Each attack is the real one in small, against a server process of its own."""

import socket
from itertools import batched
from pathlib import Path

import httpx
import pytest

from tests.support.memory import resident_megabytes
from tests.support.server import Server, serving


def connection(server: Server) -> socket.socket:
    """Return a connection to the server."""
    return socket.create_connection(("127.0.0.1", server.port), timeout=10)


def ask_for(server: Server, requests: list[str], method: str = "HEAD") -> None:
    """Ask for each address, some hundred on one connection, and take the answers' heads."""
    for some in batched(requests, 500, strict=False):
        with connection(server) as sock:
            file = sock.makefile("rb")
            for request in some:
                sock.sendall(f"{method} {request} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                while file.readline() not in {b"\r\n", b""}:
                    pass


def long_query(number: int) -> str:
    return f"/static/icon.svg?n={number}&" + "&".join(f"{chr(97 + i % 26)}=1" for i in range(230))


def winding_path(number: int) -> str:
    return "/static/" + "./" * (300 + number) + "icon.svg"


@pytest.mark.parametrize("address", [long_query, winding_path])
def test_spellings_of_one_file_cost_no_memory(
    address: object, sqlite_url: str, tmp_path: Path
) -> None:
    assert callable(address)
    with serving(sqlite_url, tmp_path, log_level="ERROR") as server:
        ask_for(server, [address(number) for number in range(50)])
        before = resident_megabytes(server.process.pid)
        ask_for(server, [address(number) for number in range(50, 2500)])
        assert resident_megabytes(server.process.pid) - before < 8
        gauge = httpx.get(f"{server.origin}/metrics").text
        held = float(gauge.split("\nbookstore_page_cache_bytes ")[1].split("\n")[0])
        assert held < 100_000
