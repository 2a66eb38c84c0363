"""Ask the shop on this machine how it is: `python -I -S probe.py [FILE]`.

Health checks run this every few seconds on each replica, so that it imports next to nothing. With
a FILE the shop has to be ready, its database included, until it has been so once, which the file
remembers; after that, and without a file, it has to be alive.
"""

import os
import socket
import sys


def status_of(port: int, path: str) -> int:
    """Return the status of the shop's answer; raise OSError if there is none."""
    with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        words = connection.recv(64).split(maxsplit=2)
    if len(words) < 2 or not words[1].isdigit():
        raise ConnectionError("it closed the connection without an answer")
    return int(words[1])


def fault(port: int, been_ready: str | None = None) -> str | None:
    """Return what is wrong with the shop, or None."""
    path = "/healthz" if been_ready is None or os.path.exists(been_ready) else "/readyz"
    try:
        status = status_of(port, path)
    except OSError as error:
        return f"port {port} does not answer {path}: {error}"
    if status != 200:
        return f"{path} answers {status}"
    if been_ready is not None:
        with open(been_ready, "ab"):
            pass
    return None


if __name__ == "__main__":
    bind = os.environ.get("BOOKSTORE_BIND", "127.0.0.1:8000")
    sys.exit(fault(int(bind.rpartition(":")[2]), *sys.argv[1:2]))
