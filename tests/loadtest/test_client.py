"""One person's connection, against real sockets that hang up, cut short and lie."""

from __future__ import annotations

import gzip
import http.client
import socket
import threading
import time
import zlib
from collections.abc import Iterator, Sequence

import brotli
import pytest
import zstandard

from loadtest.people.client import Client, Undecodable, decode, family
from loadtest.people.connection import Connection

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


@pytest.mark.parametrize("link", ["/a b", "/a\r\nX: 1", "/\x7f"])
def test_a_malformed_link_of_the_shop_is_said_and_not_sent(
    link: str, servers: list[Server]
) -> None:
    servers.append(server := Server([OK]))
    answer = Client(server.url).ask("GET", link, {})
    assert "a link has a space or control character" in answer.problem
    assert not server.requests


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


@pytest.mark.parametrize(
    ("pieces", "status", "body", "kept"),
    [
        ([b"HTTP/1.1 204 No Content\r\n\r\n"], 204, b"", True),
        ([b"HTTP/1.1 304 Not Modified\r\nContent-Length: 40\r\n\r\n"], 304, b"", True),
        ([b"HTTP/1.1 100 Continue\r\nA: b\r\n\r\n" + OK], 200, b"ok", True),
        ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\no", b"k\r\n0\r\n\r\n"],
         200, b"ok", True),
        ([b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"],
         200, b"ok", False),
        ([b"HTTP/1.1 200 OK\r\n\r\nok to the", b" end"], 200, b"ok to the end", False),
        ([OK + OK], 200, b"ok", False),  # an answer nobody asked for is nobody's
        ([OK + b"nonsense"], 200, b"ok", False),
    ],
)  # fmt: skip
def test_answers_end_where_they_say(
    pieces: list[bytes], status: int, body: bytes, kept: bool
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for piece in pieces:
            theirs.sendall(piece)
        theirs.shutdown(socket.SHUT_WR)
        answer = Connection(ours, "shop.test").ask("GET", "/", {}, None)
        assert (answer.status, answer.body, not answer.closes) == (status, body, kept)


@pytest.mark.parametrize("cut", range(1, len(OK)))
def test_an_answer_that_is_cut_anywhere_is_none(cut: int) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(OK[:cut])
        theirs.shutdown(socket.SHUT_WR)
        with pytest.raises((http.client.IncompleteRead, http.client.RemoteDisconnected)):
            Connection(ours, "shop.test").ask("GET", "/", {}, None)


@pytest.mark.parametrize(
    ("url", "host"),
    [("http://shop.test:8000", "shop.test:8000"), ("http://shop.test", "shop.test"),
     ("http://[::1]:81", "[::1]:81")],
)  # fmt: skip
def test_a_request_says_which_host_it_is_for(
    url: str, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.sendall(OK)
        monkeypatch.setattr(Client, "_dial", lambda _: ours)
        monkeypatch.setattr(socket.socket, "setsockopt", lambda *_: None)  # it is no TCP
        Client(url).ask("POST", "/a", {"A": "b"}, b"c=d")
        head, _, body = theirs.recv(9999).partition(b"\r\n\r\n")
    assert head.decode().split("\r\n") == [
        "POST /a HTTP/1.1", f"Host: {host}", "A: b", "Content-Length: 3",
    ]  # fmt: skip
    assert body == b"c=d"


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6), ("shop.test", None)],
)
def test_only_a_name_is_looked_up(address: str, expected: object) -> None:
    assert family(address) == expected
