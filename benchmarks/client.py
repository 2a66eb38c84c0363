"""A load client that costs little beside what it measures: HTTP/1.1 on plain asyncio protocols,
a fixed number of requests, connections kept where the server keeps them."""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, NamedTuple
from urllib.parse import urlencode

TIMEOUT = 30.0  # seconds that one answer may take
# What a browser sends with a page, and the proxy in front adds; with Host and Accept-Encoding, 18.
_HEADERS = {
    "User-Agent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
    " Chrome/142.0.0.0 Safari/537.36",
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
    "*/*;q=0.8",
    "Accept-Language": "en-GB,en;q=0.9,es;q=0.8",
    "Sec-CH-UA": '"Chromium";v="142", "Not_A Brand";v="99"',
    "Sec-CH-UA-Mobile": "?0",
    "Sec-CH-UA-Platform": '"Linux"',
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Mode": "navigate",
    "Sec-Fetch-Site": "same-origin",
    "Sec-Fetch-User": "?1",
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Host": "127.0.0.1:{port}",
    "X-Forwarded-Port": "{port}",
    "X-Forwarded-Proto": "http",
    "X-Forwarded-Server": "edge-1",
    "X-Real-Ip": "203.0.113.7",
}
_OF_HTMX = {"Accept": "text/html", "Sec-Fetch-Dest": "empty", "Sec-Fetch-Mode": "cors",
            "HX-Request": "true", "HX-Request-Type": "partial"}  # fmt: skip


class Answer(NamedTuple):
    """One answer; header names are in lower case, the body is as sent."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Connection(asyncio.Protocol):
    """One keep-alive connection that carries one request at a time."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.answered: asyncio.Future[Answer] | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        answer = parse(self._buffer, ended=False)
        if answer is not None and self.answered is not None and not self.answered.done():
            self._buffer.clear()
            self.answered.set_result(answer)

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self.answered is None or self.answered.done():
            return
        answer = parse(self._buffer, ended=True)
        if answer is not None:
            self.answered.set_result(answer)
        else:
            self.answered.set_exception(ConnectionError("the server closed the connection"))


def parse(received: bytes | bytearray, *, ended: bool) -> Answer | None:
    """Return the answer that was received, or None while something of it is missing. `ended`
    says that the server closed the connection, which ends a body of unknown length."""
    head, separator, rest = bytes(received).partition(b"\r\n\r\n")
    if not separator:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        name, value = name.lower(), value.strip()
        headers[name] = f"{headers[name]}\n{value}" if name in headers else value
    status = int(first.split(" ", 2)[1])
    if status in {204, 304}:
        return Answer(status, headers, b"")
    if headers.get("transfer-encoding") == "chunked":
        body = _chunks(rest)
        return None if body is None else Answer(status, headers, body)
    if "content-length" in headers:
        length = int(headers["content-length"])
        return Answer(status, headers, rest[:length]) if len(rest) >= length else None
    return Answer(status, headers, rest) if ended else None


def _chunks(rest: bytes) -> bytes | None:
    body, position = bytearray(), 0
    while (end := rest.find(b"\r\n", position)) >= 0:
        size = int(rest[position:end].split(b";")[0], 16)
        if size == 0:
            return bytes(body) if rest.endswith(b"\r\n\r\n") else None
        if len(rest) < end + 2 + size + 2:
            return None
        body += rest[end + 2 : end + 2 + size]
        position = end + 2 + size + 2
    return None


class Browser:
    """One visitor: a connection, and the cookies that the server gave or that it starts with."""

    encodings: ClassVar[str] = "gzip, deflate, br, zstd"  # what every browser takes

    def __init__(self, port: int, cookies: Mapping[str, str] | None = None) -> None:
        self.port = port
        self.cookies = dict(cookies or {})
        self._connection: _Connection | None = None
        self.seconds: list[float] = []

    async def get(self, path: str) -> Answer:
        """Send a GET and return the answer; redirects are not followed."""
        return await self._send("GET", path, b"", {})

    async def fetch(self, path: str) -> Answer:
        """Send a GET as htmx does for a part of a page, and return the answer."""
        return await self._send("GET", path, b"", _OF_HTMX)

    async def post(self, path: str, fields: Mapping[str, object]) -> Answer:
        """Send a form and return the answer."""
        more = {"Content-Type": "application/x-www-form-urlencoded", "Origin": "http://{host}"}
        return await self._send("POST", path, urlencode(fields).encode(), more)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None and self._connection.transport is not None:
            self._connection.transport.close()

    def head(self, method: str, path: str, body: bytes, more: Mapping[str, str]) -> bytes:
        """Return the head of a request."""
        host = f"127.0.0.1:{self.port}"
        headers = {"Host": host, "Accept-Encoding": self.encodings, **_HEADERS, **more}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body:
            headers["Content-Length"] = str(len(body))
        lines = [f"{name}: {value}" for name, value in headers.items()]
        text = "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""])
        return text.replace("{port}", str(self.port)).replace("{host}", host).encode()

    async def _send(self, method: str, path: str, body: bytes, more: Mapping[str, str]) -> Answer:
        started = time.perf_counter()
        loop = asyncio.get_running_loop()
        if self._connection is None or self._connection.transport is None:
            _, self._connection = await loop.create_connection(_Connection, "127.0.0.1", self.port)
        connection = self._connection
        assert connection.transport is not None
        connection.answered = loop.create_future()
        connection.transport.write(self.head(method, path, body, more) + body)
        answer = await asyncio.wait_for(connection.answered, TIMEOUT)
        self.seconds.append(time.perf_counter() - started)
        for cookie in filter(None, answer.headers.get("set-cookie", "").split("\n")):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        if answer.headers.get("connection", "").lower() == "close":
            self.close()
            self._connection = None
        return answer


async def drive(browsers: list[Browser], visit: Callable[[Browser, int], Awaitable[None]],
                visits: int, *, within: float = math.inf) -> list[float]:  # fmt: skip
    """Have the browsers make `visits` visits between them, numbered from 0, but begin none after
    `within` seconds; return the seconds that each visit took."""
    numbers = iter(range(visits))
    took: list[float] = []
    ends = time.perf_counter() + within

    async def work(browser: Browser) -> None:
        for number in numbers:
            started = time.perf_counter()
            await visit(browser, number)
            took.append(time.perf_counter() - started)
            if time.perf_counter() > ends:
                return

    await asyncio.gather(*(work(browser) for browser in browsers))
    return took
