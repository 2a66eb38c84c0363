"""One connection: a request goes out, an answer comes back, read by the parser of httptools.

`http.client` reads heads with the parser for mails, which was half of what a request cost.
"""

from __future__ import annotations

import http.client
import re
import select
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import gevent.monkey
import httptools

_poll = gevent.monkey.get_original("select", "poll")  # gevent's makes watchers each time
_READABLE = select.POLLIN | select.POLLERR | select.POLLHUP
PIECE = 65536
_MALFORMED = re.compile(r"[\x00-\x20\x7f]")


@dataclass
class Response:
    """What came back. `closes`: nothing more can be sent over the connection."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""
    closes: bool = False


class Connection:
    """An open socket that speaks HTTP/1.1, for one request at a time."""

    def __init__(self, sock: socket.socket, host: str) -> None:
        self._sock = sock
        self._host = host

    def close(self) -> None:
        """Hang up."""
        self._sock.close()

    def ended(self) -> bool:
        """Tell whether the other end has hung up: an idle connection has nothing to read."""
        poll = _poll()
        poll.register(self._sock.fileno(), _READABLE)
        return bool(poll.poll(0))

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> Response:
        """Send a request and return the answer; raise as `http.client` does where there is none."""
        if _MALFORMED.search(target):
            raise http.client.InvalidURL(f"a link has a space or control character: {target!r}")
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self._host}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if body is not None or method != "GET":
            lines.append(f"Content-Length: {len(body or b'')}")
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        self._sock.sendall(head + (body or b""))
        reader = _Reader()
        while not reader.complete:
            data = self._sock.recv(PIECE)
            if not data:
                reader.end()
                break
            reader.feed(data)
        return reader.response()


class _Reader:
    """Takes an answer piece by piece: what the parser calls are its `on_` methods."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._headers: list[tuple[str, str]] = []
        self._pieces: list[bytes] = []
        self._begun = self._headed = self._over = self._keeps = False
        self._status = 0
        self.complete = False

    def feed(self, data: bytes) -> None:
        """Read on; what follows a whole answer belongs to none, and ends the connection."""
        self._begun = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if not self.complete:
                raise http.client.BadStatusLine(f"{data[:40]!r} ({error})") from None
            self._over = True

    def end(self) -> None:
        """Take the end of the connection for that of the answer, where nothing else says it."""
        framed = {"content-length", "transfer-encoding"}
        if not self._begun:
            raise http.client.RemoteDisconnected("the connection ended")
        if not self._headed or any(name.lower() in framed for name, _ in self._headers):
            raise http.client.IncompleteRead(b"".join(self._pieces))
        self.complete = self._over = True

    def response(self) -> Response:
        """Return the whole answer."""
        closes = self._over or not self._keeps
        return Response(self._status, self._headers, b"".join(self._pieces), closes)

    def on_message_begin(self) -> None:
        if self.complete:
            self._over = True

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.complete:
            self._headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        if not self.complete:
            self._headed, self._status = True, self._parser.get_status_code()

    def on_body(self, body: bytes) -> None:
        if not self.complete:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        if self.complete:
            return
        if 100 <= self._status < 200:  # what goes before the answer
            self._headers.clear()
            self._headed = False
            return
        self._keeps = self._parser.should_keep_alive()
        self.complete = True
