"""One person's connection, against real sockets that hang up, cut short and lie."""

from __future__ import annotations

import gzip
import socket
import threading
import time
import zlib
from collections.abc import Iterator, Sequence

import brotli
import pytest
import zstandard

from loadtest.people.client import Client, Undecodable, decode

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HANG_UP = b""


class Server:
    """Answers the requests of each connection with what it was given, then hangs up."""

    def __init__(self, *connections: Sequence[bytes]) -> None:
        self.requests: list[bytes] = []
        self._connections = connections
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for answers in self._connections:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                for answer in answers:
                    got = connection.recv(65536)
                    if not got:
                        break
                    self.requests.append(got)
                    if answer == HANG_UP:
                        break
                    connection.sendall(answer)

    def close(self) -> None:
        self._socket.close()
        self._thread.join(5)


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    made: list[Server] = []
    yield made
    for server in made:
        server.close()


def test_a_request_knows_since_when_its_connection_is_open(servers: list[Server]) -> None:
    server = Server([OK, OK])
    servers.append(server)
    client = Client(server.url)
    begun = time.time()
    first = client.ask("GET", "/", {})
    assert (first.status, first.body) == (200, b"ok")
    assert begun <= first.opened <= time.time()
    assert client.ask("GET", "/", {}).opened == first.opened
    client.close()


def test_a_kept_connection_that_ends_without_a_word_is_dialled_again_once(
    servers: list[Server],
) -> None:
    server = Server([OK, HANG_UP], [OK])
    servers.append(server)
    client = Client(server.url)
    first = client.ask("GET", "/", {})
    second = client.ask("GET", "/", {})
    assert (second.status, second.sent, second.opened) == (200, 2, first.opened)
    client.close()


def test_a_form_is_never_sent_again_by_itself(servers: list[Server]) -> None:
    server = Server([OK, HANG_UP], [OK])
    servers.append(server)
    client = Client(server.url)
    client.ask("GET", "/", {})
    answer = client.ask("POST", "/", {}, b"a=1")
    assert (answer.status, answer.sent) == (0, 1)
    assert "without an answer" in answer.problem
    assert len(server.requests) == 2


def test_an_idle_connection_that_was_closed_is_not_used(servers: list[Server]) -> None:
    server = Server([OK], [OK])
    servers.append(server)
    client = Client(server.url)
    first = client.ask("GET", "/", {})
    time.sleep(0.1)  # the server has hung up by now
    second = client.ask("POST", "/", {}, b"a=1")
    assert (second.status, second.sent) == (200, 1)
    assert second.opened > first.opened
    client.close()


def test_somebody_who_keeps_no_connection_opens_one_each_time(servers: list[Server]) -> None:
    server = Server([OK], [OK])
    servers.append(server)
    client = Client(server.url, keep=False)
    opened = {client.ask("GET", "/", {}).opened for _ in range(2)}
    assert len(opened) == 2


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok", "cut short"),
        (b"nonsense\r\n\r\n", "BadStatusLine"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\nok",
            "not gzip",
        ),
    ],
)
def test_an_answer_that_is_none_says_why(
    answer: bytes, problem: str, servers: list[Server]
) -> None:
    server = Server([answer])
    servers.append(server)
    seen = Client(server.url).ask("GET", "/", {})
    assert seen.status == 0
    assert problem in seen.problem


def test_a_shop_that_cannot_be_dialled_is_as_new_as_the_request() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    begun = time.time()
    seen = Client(f"http://127.0.0.1:{port}").ask("GET", "/", {})
    assert (seen.status, seen.sent) == (0, 1)
    assert "refused" in seen.problem
    assert begun <= seen.opened <= time.time()


TEXT = b"a page of the shop " * 50
CODED = {
    "gzip": gzip.compress(TEXT),
    "deflate": zlib.compress(TEXT),
    "br": brotli.compress(TEXT),
    "zstd": zstandard.ZstdCompressor().compress(TEXT),
}


@pytest.mark.parametrize("coding", CODED)
def test_what_is_coded_as_it_says_is_read(coding: str) -> None:
    assert decode(CODED[coding], coding) == TEXT


@pytest.mark.parametrize("coding", CODED)
@pytest.mark.parametrize("body", [TEXT, CODED["gzip"][:-9], CODED["br"][:-3], CODED["zstd"][:-5]])
def test_what_is_not_coded_as_it_says_is_no_answer(coding: str, body: bytes) -> None:
    with pytest.raises(Undecodable):
        decode(body, coding)


def test_a_coding_that_was_not_asked_for_is_no_answer() -> None:
    with pytest.raises(Undecodable, match="rot13 was not asked for"):
        decode(b"x", "rot13")
