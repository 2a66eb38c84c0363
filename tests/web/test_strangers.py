"""What a stranger may choose costs no more than the shop has set aside for it: memory, time,
connections. Each attack is the real one in small, against a server process of its own."""

import contextlib
import re
import socket
import struct
import time
from collections.abc import Callable, Iterator
from itertools import batched
from pathlib import Path

import httpx
import pytest

from bookstore.web.templating import STATIC_DIR
from tests.support.memory import open_descriptors, processor_seconds, resident_megabytes
from tests.support.server import Server, serving

HEALTH = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
STYLES = b"GET /static/app.css HTTP/1.1\r\nHost: localhost\r\n\r\n"
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
H2C = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade, HTTP2-Settings\r\n"
    b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
)
WEBSOCKET = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive, Upgrade\r\n"
    b"upGrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def to_the_end(sock: socket.socket) -> bytes:
    """Return what arrives until the server closes the connection."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := sock.recv(1 << 16):
            received += piece
    return received


def give_up(sock: socket.socket) -> None:
    """Close a connection as a process that is killed does, whatever is unread."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


def unread(server: Server) -> socket.socket:
    """Return a connection whose answers pile up: nothing is read, and little fits in between."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
    sock.settimeout(10)
    sock.connect(("127.0.0.1", server.port))
    return sock


def longest_silence(server: Server, seconds: float) -> float:
    """Ask whether the server is alive for some seconds; return the most processor time that it
    spent on other things before it answered. That is the same on a busy machine."""
    longest, end = 0.0, time.monotonic() + seconds
    while True:
        before = processor_seconds(server.process.pid)
        assert httpx.get(f"{server.origin}/healthz", timeout=20).status_code == 200
        longest = max(longest, processor_seconds(server.process.pid) - before)
        if time.monotonic() >= end:
            return longest
        time.sleep(0.02)


def wait_for_rest(server: Server) -> None:
    """Wait until the server has done what it was asked for, however long a busy machine takes: it
    answers ten times in a row with hardly any other work before."""
    deadline, in_a_row = time.monotonic() + 90, 0
    while in_a_row < 10:
        assert time.monotonic() < deadline, "the server does not come to rest"
        in_a_row = in_a_row + 1 if longest_silence(server, 0) < 0.1 else 0


def settled_megabytes(server: Server) -> float:
    """Return the server's memory once its start is over: templates are compiled behind it."""
    assert httpx.get(f"{server.origin}/books", timeout=30).status_code == 200
    deadline, used = time.monotonic() + 60, -1.0
    while used != (used := processor_seconds(server.process.pid)):
        assert time.monotonic() < deadline, "the server does not come to rest"
        time.sleep(1)
    return resident_megabytes(server.process.pid)


def metric(server: Server, name: str) -> float:
    """Return the value of a metric."""
    text = httpx.get(f"{server.origin}/metrics").text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found.group(1)) if found else 0.0


@pytest.fixture
def server(engine: str, sqlite_url: str, tmp_path: Path) -> Iterator[Server]:
    """A shop whose patience is a second."""
    with serving(sqlite_url, tmp_path, server=engine, client_timeout=1) as server:
        yield server
        lines = server.log.read_text().splitlines()
        assert "Traceback" not in "\n".join(lines)
        told = [line for line in lines if '"kind": "security"' not in line]  # one for each refusal
        assert len(told) < 10, "a storm in the log"


def ask_for(server: Server, requests: list[str], method: str = "HEAD") -> None:
    """Ask for each address, some hundred on one connection, and take the answers' heads."""
    for some in batched(requests, 500, strict=False):
        with server.connect() as sock:
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
    server: Server, address: Callable[[int], str]
) -> None:
    ask_for(server, [address(number) for number in range(50)])
    before = settled_megabytes(server)
    ask_for(server, [address(number) for number in range(50, 2500)])
    assert resident_megabytes(server.process.pid) - before < 8
    assert metric(server, "bookstore_page_cache_bytes") < 100_000


@pytest.mark.parametrize("opening", [PREFACE, H2C, WEBSOCKET], ids=["preface", "h2c", "websocket"])
def test_other_protocols_are_refused_in_words(server: Server, opening: bytes) -> None:
    with server.connect() as sock:
        sock.sendall(opening)
        answer = to_the_end(sock)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.endswith(b"\r\n\r\nAnother protocol\n")


@pytest.mark.parametrize("opening", [PREFACE, H2C, WEBSOCKET], ids=["preface", "h2c", "websocket"])
def test_other_protocols_are_refused_in_pieces_and_behind_a_request(
    server: Server, opening: bytes
) -> None:
    with server.connect() as sock:
        sock.sendall(HEALTH + opening[:3])
        assert sock.recv(1 << 16).startswith(b"HTTP/1.1 200")
        for at in range(3, len(opening), 7):
            sock.sendall(opening[at : at + 7])
            time.sleep(0.005)
        assert b"HTTP/1.1 400 " in to_the_end(sock)


@pytest.mark.parametrize("opening", [PREFACE, H2C, WEBSOCKET], ids=["preface", "h2c", "websocket"])
def test_other_protocols_leave_nothing_behind(server: Server, opening: bytes) -> None:
    def knock(times: int) -> None:
        for number in range(times):
            sock = server.connect()
            sock.sendall(opening)
            if number % 2:
                sock.recv(10)
            sock.close()

    knock(50)
    before = settled_megabytes(server), open_descriptors(server.process.pid)
    knock(600)
    deadline = time.monotonic() + 120
    while open_descriptors(server.process.pid) - before[1] >= 5:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert resident_megabytes(server.process.pid) - before[0] < 5


@pytest.mark.parametrize("beginning", [b"", b"G", b"GET / HTTP/1.1\r\nHost: localh", b"\r\n"])
def test_a_head_has_to_come_in_time(server: Server, beginning: bytes) -> None:
    """Also from one who sends a letter now and then."""
    with server.connect() as sock:
        sock.settimeout(0.2)
        began = time.monotonic()
        received = None
        with contextlib.suppress(ConnectionError):
            while received is None:
                assert time.monotonic() - began < 6
                sock.sendall(beginning[:1])
                with contextlib.suppress(TimeoutError):
                    received = sock.recv(1 << 16)
        assert not received or received.startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began > 0.8


def test_a_body_has_to_come_in_time(server: Server) -> None:
    with server.connect() as sock:
        sock.sendall(
            b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n"
            b"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
        )
        sock.settimeout(0.2)
        began, received = time.monotonic(), b""
        while not received:
            assert time.monotonic() - began < 10
            sock.sendall(b"a")
            with contextlib.suppress(TimeoutError):
                received = sock.recv(1 << 16)
        assert received.startswith(b"HTTP/1.1 408")
        assert time.monotonic() - began > 2.5


@pytest.mark.parametrize("size", [33_000, 2_000_000])
def test_a_head_that_is_too_large_is_refused(server: Server, size: int) -> None:
    before = settled_megabytes(server)
    with server.connect() as sock, contextlib.suppress(ConnectionError):
        sock.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * size + b"\r\n\r\n")
        assert to_the_end(sock).startswith(b"HTTP/1.1 431 ")
    assert resident_megabytes(server.process.pid) - before < 5


@pytest.mark.parametrize(
    "request_",
    [b"no request at all\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\nX: b\r\n\r\n",
     b"GET /a HTTP/1.1\nHost: a\n\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n"],
)  # fmt: skip
def test_what_is_no_request_is_answered_and_ends_the_connection(
    server: Server, request_: bytes
) -> None:
    with server.connect() as sock:
        sock.sendall(request_)
        assert to_the_end(sock).startswith(b"HTTP/1.1 400 ")


def test_requests_on_one_connection_are_answered_in_turn(server: Server) -> None:
    """However they are cut, with and without a body, whose end is known or not."""
    form = (
        b"POST /login HTTP/1.1\r\nHost: localhost\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\n"
    )
    whole = form + b"Content-Length: 15\r\n\r\nemail=a&Upgrade:"[:-1] + HEALTH + STYLES
    whole += form + b"Transfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n"
    for size in (1, 7, 64, len(whole)):
        with server.connect() as sock:
            for piece in batched(whole, size, strict=False):
                sock.sendall(bytes(piece))
            answer = to_the_end(sock)
        statuses = re.findall(rb"HTTP/1\.1 (\d+)", answer)
        assert statuses == [b"403", b"200", b"200", b"403"]
        assert b"\r\nconnection: close\r\n" in answer.lower().rpartition(b"http/1.1")[2]


def test_an_answer_that_nobody_takes_ends_in_time(server: Server) -> None:
    socks = [unread(server) for _each in range(20)]
    for sock in socks:
        sock.sendall(STYLES * 300)
    time.sleep(1)
    assert metric(server, "bookstore_connections") > 15
    deadline = time.monotonic() + 60
    while metric(server, "bookstore_connections") > 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    for sock in socks:
        sock.close()


def test_a_slow_reader_gets_everything(server: Server) -> None:
    """One that goes on taking is not one that takes nothing."""
    with unread(server) as sock:
        sock.sendall(STYLES * 20)
        received, last = 0, time.monotonic()
        while received < 20 * 20_000:
            piece = len(sock.recv(8192))
            assert piece, f"cut off after {received} bytes"
            received += piece
            if time.monotonic() - last < 4:
                time.sleep(0.05)


def test_connections_closed_unread_cost_neither_memory_nor_time(server: Server) -> None:
    """Each has asked for sixty files, in one piece, and some wait a moment before they go."""
    largest = max((STATIC_DIR / "vendor").glob("*/*.css"), key=lambda file: file.stat().st_size)
    address = f"/static/{largest.relative_to(STATIC_DIR)}"
    asked = f"GET {address} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    socks = [unread(server) for _each in range(600)]
    for sock in socks:
        sock.sendall(asked * 60)
    for sock in socks[:300]:
        give_up(sock)
    time.sleep(1.5)
    for sock in socks[300:]:
        sock.close()
    assert longest_silence(server, 1) < 1
    wait_for_rest(server)
    assert resident_megabytes(server.process.pid, peak=True) < 250
    deadline = time.monotonic() + 60
    while metric(server, "bookstore_connections") > 2:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_peers_that_never_read_do_not_use_up_the_descriptors(
    engine: str, sqlite_url: str, tmp_path: Path
) -> None:
    """They are more than the process may open, and it is patient with each."""
    with serving(
        sqlite_url, tmp_path, server=engine, client_timeout=600, descriptors=256
    ) as server:
        assert metric(server, "bookstore_connections") < 10
        socks = []
        for _each in range(260):
            with contextlib.suppress(OSError):
                sock = unread(server)
                socks.append(sock)
                sock.sendall(STYLES * 100)
        wait_for_rest(server)
        assert longest_silence(server, 2) < 1
        assert open_descriptors(server.process.pid) < 250
        for sock in socks:
            sock.close()
        text = server.log.read_text()
        assert "Traceback" not in text
        assert 1 <= len([line for line in text.splitlines() if "warning" in line]) < 5


def test_more_connections_than_allowed_take_the_place_of_idle_ones(
    engine: str, sqlite_url: str, tmp_path: Path
) -> None:
    with serving(sqlite_url, tmp_path, server=engine, max_connections=20) as server:
        socks = [server.connect() for _each in range(100)]
        assert to_the_end(socks[0]) == b""
        newest = socks[-1]
        newest.sendall(HEALTH)
        assert newest.recv(1 << 16).startswith(b"HTTP/1.1 200")
        assert longest_silence(server, 1) < 1
        assert metric(server, "bookstore_connections") <= 20
        for sock in socks:
            sock.close()


def test_running_out_of_descriptors_is_no_storm(
    engine: str, sqlite_url: str, tmp_path: Path
) -> None:
    """Fewer than the least number of connections and the event loop's haste need."""
    with serving(sqlite_url, tmp_path, server=engine, descriptors=40) as server:
        socks = [server.connect() for _each in range(200)]
        time.sleep(2.5)
        for sock in socks:
            sock.close()
        assert httpx.get(f"{server.origin}/healthz", timeout=20).status_code == 200
        text = server.log.read_text()
        assert "Traceback" not in text
        assert len(text.splitlines()) < 10
