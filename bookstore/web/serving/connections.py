"""Connections and what a peer may do on one, the same for every server.

A `Connection` stands between the event loop and the server's own protocol. It hands over one
whole head at a time, so that the server never sees a head that is slow or too large, an offer to
speak another protocol, or a second request before the first is answered. `Connections` counts
them, and once a second ends those whose peer takes too long.
"""

import asyncio
from collections import Counter
from contextvars import ContextVar
from typing import Any, NamedTuple, cast

import prometheus_client
import structlog

from bookstore.web.health import REGISTRY
from bookstore.web.serving import heads
from bookstore.web.serving.heads import UNKNOWN

log = structlog.get_logger()

OPEN = prometheus_client.Gauge("bookstore_connections", "Connections open", registry=REGISTRY)
ENDED = prometheus_client.Counter(
    "bookstore_connections_ended", "Connections that the shop ended", ["reason"], registry=REGISTRY
)
_LINGER = 2.0  # seconds for a refusal to be read before the connection is cut


class Limits(NamedTuple):
    """What one replica grants its peers: a number of connections, seconds, bytes."""

    connections: int
    patience: float  # to send a head, and to go on taking an answer
    idle: float = 65.0  # between two requests; longer than proxies keep a connection
    head: int = 32 * 1024
    ahead: int = 128 * 1024  # of further requests while one is being answered


class Connections:
    """All connections of a server."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._open: set[Connection] = set()
        self._untold: Counter[str] = Counter()

    def admit(self, connection: "Connection") -> bool:
        """Take a new connection, if need be in place of the one that can best be spared."""
        if len(self._open) >= self.limits.connections:
            now = asyncio.get_running_loop().time()
            ranked = ((other.worth(now), other) for other in self._open)
            spare = min(
                ((worth, other) for worth, other in ranked if worth is not None),
                key=lambda pair: pair[0],
                default=(None, None),
            )[1]
            if spare is None:
                self.count("no room")
                return False
            spare.cut("made room")
        self._open.add(connection)
        OPEN.set(len(self._open))
        return True

    def remove(self, connection: "Connection") -> None:
        """Forget a connection that is closed or about to be."""
        self._open.discard(connection)
        OPEN.set(len(self._open))

    def count(self, reason: str) -> None:
        """Count a connection that the shop ended."""
        ENDED.labels(reason).inc()
        self._untold[reason.replace(" ", "_")] += 1

    async def watch(self) -> None:
        """End connections whose peer takes too long; say so in one line now and then."""
        loop = asyncio.get_running_loop()
        told = 0.0
        while True:
            await asyncio.sleep(min(1.0, self.limits.patience / 4))
            now = loop.time()
            for connection in list(self._open):
                connection.check(now)
            if self._untold and now - told > 10:
                told = now
                log.warning("connections ended by us", **self._untold)
                self._untold.clear()

    def cut_all(self) -> None:
        """Cut every connection that is left."""
        for connection in list(self._open):
            connection.cut("stopping")


class Connection(asyncio.Protocol):
    """One connection of a browser or a proxy, in front of the server's own protocol."""

    def __init__(
        self, server: asyncio.Protocol, connections: Connections, farewell: bytes = b""
    ) -> None:
        """Stand before `server`, which is to hear `farewell` when the peer of an idle connection
        has gone."""
        self._server = server
        self._connections = connections
        self._farewell = farewell
        self._limits = connections.limits
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport
        self._held = b""  # arrived and not yet handed to the server
        self._body = 0  # bytes of the request's body still to come; UNKNOWN: until its answer
        self._working = False  # on a request
        self._complete = False  # its answer is handed to the server
        self._told = False  # the server, that the peer has gone
        self._used = False  # for a request at least
        self._admitted = False
        self._ended = False  # by us: whatever still arrives is dropped
        self.gone = False  # the peer: whatever is still to be sent is dropped
        self._paused_since: float | None = None
        self._unsent = 0
        self._unsent_since: float | None = None
        self.stuck_since: float | None = None  # when the peer last took some of what is unsent
        self.since = self._loop.time()  # when what it waits for began, unless it works

    # What the event loop tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let the server have the connection if there is room for it."""
        self._transport = cast(asyncio.Transport, transport)
        self._admitted = self._connections.admit(self)
        if not self._admitted:
            self._ended = True
            self._transport.abort()
            return
        _current.set(self)
        self._server.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Hand over the body of the request at hand; hold what comes after it."""
        if self._ended:
            return
        if self._body:
            part = data if self._body == UNKNOWN else data[: self._body]
            if self._body > 0:
                self._body -= len(part)
            self._server.data_received(part)
            data = data[len(part) :]
        if data:
            if not self._held:
                self.since = self._loop.time()
            self._held += data
            if self._working:
                if len(self._held) > self._limits.ahead:
                    self.cut("too many requests at once")
            else:
                self._next_request()

    def eof_received(self) -> bool | None:
        """Take a peer that sends no more as gone."""
        self.gone = True
        if self._ended or not self._busy:
            return False
        self._told = True
        return self._server.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the server that the connection is closed; how it was is none of its business."""
        self.gone = self._ended = True
        self._held = b""
        self._connections.remove(self)
        if self._admitted:
            if self._farewell and not self._told and not self._busy:
                self._server.data_received(self._farewell)
            self._server.connection_lost(None)

    def pause_writing(self) -> None:
        """Have the server wait until the peer takes what was written."""
        self._paused_since = self._loop.time()
        self._server.pause_writing()

    def resume_writing(self) -> None:
        """Have the server go on."""
        self._paused_since = None
        self._server.resume_writing()

    # One request after the other.

    def _next_request(self) -> None:
        """Hand over the head that waits, once it is whole, and as much of its body as is there."""
        if self._ended or self.gone or self._working:
            return
        held = self._held.lstrip(b"\r\n") if self._held[:1] in b"\r\n" else self._held
        end = held.find(b"\r\n\r\n") + 4
        if end >= 4 and end <= self._limits.head:
            self._begin(held[:end], held[end:])
        elif len(self._held) > self._limits.head:
            self._refuse("431 Request Header Fields Too Large", "head too large")

    def _begin(self, head: bytes, rest: bytes) -> None:
        lower = head.lower()
        if fault := heads.fault(lower):
            self._refuse("400 Bad Request", fault)
            return
        self._body = heads.length(lower)
        self._working, self._complete, self._used = True, False, True
        body = rest if self._body == UNKNOWN else rest[: self._body]
        if self._body > 0:
            self._body -= len(body)
        self._held = rest[len(body) :]
        _current.set(self)
        self._server.data_received(heads.shortened(head) + body)

    @property
    def _busy(self) -> bool:
        return self._working and not self._complete

    @property
    def closes(self) -> bool:
        """Tell whether nothing can follow the request at hand, because its end is not known."""
        return self._body == UNKNOWN

    def complete(self) -> None:
        """Take note that the answer is about to be sent to its end."""
        self._complete = True

    def answered(self) -> None:
        """Go on to the next request."""
        self._working = False
        self.since = self._loop.time()
        if self._ended or self.gone:
            return
        if self.closes:
            self._transport.close()
        elif self._held and not self._body:
            self._loop.call_soon(self._next_request)

    # What takes too long.

    def check(self, now: float) -> None:
        """End the connection if its peer takes too long."""
        patience = self._limits.patience
        unsent = self._transport.get_write_buffer_size()
        if not unsent:
            self._unsent_since = self.stuck_since = None
        elif self._unsent_since is None or unsent < self._unsent:
            self.stuck_since = now
            self._unsent_since = self._unsent_since or now
        self._unsent = unsent
        if self.stuck_since is not None and self._unsent_since is not None:
            if now - self.stuck_since > patience or now - self._unsent_since > 6 * patience:
                self.cut("answer not taken")
        elif self._ended:
            if now - self.since > _LINGER:
                self._transport.abort()
        elif not self._working and now - self.since > self._granted():
            if self._held:
                self._refuse("408 Request Timeout", "head too slow")
            else:
                self._transport.close()

    def _granted(self) -> float:
        waits_for_more = self._held or self._body or not self._used
        return self._limits.patience if waits_for_more else self._limits.idle

    def worth(self, now: float) -> tuple[int, float] | None:
        """Return what the connection is worth when there are too many: least, if its peer has
        taken nothing for a second; little, if it is idle, or has asked for more than one thing at
        once, as no browser does; None if it is being worked on."""
        if self.stuck_since is not None and now - self.stuck_since > 1:
            return 0, self.stuck_since
        if self._held or not self._working:
            return 1, self.since
        if self._paused_since is not None:
            return 2, self._paused_since
        return None

    def cut(self, reason: str) -> None:
        """End the connection at once."""
        self._connections.count(reason)
        self._connections.remove(self)
        self._ended = True
        self._held = b""
        self._transport.abort()

    def _refuse(self, status: str, reason: str) -> None:
        """Answer that we do not take this, and end the connection."""
        self._connections.count(reason)
        self._ended = True
        self._held = b""
        self.since = self._loop.time()
        text = f"{reason}\n".capitalize()
        self._transport.write(
            f"HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n"
            f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n{text}".encode()
        )
        if self._transport.can_write_eof():
            self._transport.write_eof()


_current: ContextVar[Connection] = ContextVar("connection")


class OneByOne:
    """An ASGI application that tells the connection when a request is answered."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request, and send nothing to a peer that has gone."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = _current.get()

        async def send_if_heard(message: Any) -> None:
            if connection.gone:
                return
            if connection.closes and message["type"] == "http.response.start":
                headers = [*message["headers"], (b"connection", b"close")]
                message = {**message, "headers": headers}
            elif not message.get("more_body", True):
                connection.complete()
            await send(message)

        try:
            await self._app(scope, receive, send_if_heard)
        finally:
            connection.answered()
