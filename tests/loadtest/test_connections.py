"""What is known of the connection that carried a request, against a real server that hangs up."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from loadtest.people.connections import Connections

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def connections() -> Iterator[Connections]:
    made = Connections(concurrency=10)
    yield made
    made.close()


@pytest.fixture
def address(connections: Connections) -> Iterator[str]:
    """Serve two requests on each connection, and hang up on the third after reading it."""
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection:
            for _ in range(2):
                if not connection.recv(65536):
                    return
                connection.sendall(ANSWER)
            connection.recv(65536)

    def accept(server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
            threads[-1].start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, args=(server,), daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"
        server.shutdown(socket.SHUT_RDWR)
    connections.close()
    for thread in threads:
        thread.join(5)


def get(connections: Connections, address: str) -> None:
    connections.get_client(address).get("/").read()


def test_a_request_knows_since_when_its_connection_is_open(
    connections: Connections, address: str
) -> None:
    begun = time.time()
    get(connections, address)
    opened = connections.opened
    assert begun <= opened <= time.time()
    assert connections.sent == 1
    get(connections, address)
    assert (connections.opened, connections.sent) == (opened, 1)


def test_a_request_that_was_hung_up_on_says_that_it_was_sent_twice(
    connections: Connections, address: str
) -> None:
    get(connections, address)
    opened = connections.opened
    get(connections, address)
    get(connections, address)
    assert (connections.opened, connections.sent) == (opened, 2)
    get(connections, address)
    assert connections.opened > opened
    assert connections.sent == 1


def test_a_connection_that_could_not_be_opened_is_as_new_as_its_request(
    connections: Connections,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    begun = time.time()
    with pytest.raises(ConnectionRefusedError):
        get(connections, f"http://127.0.0.1:{port}/")
    assert begun <= connections.opened <= time.time()
