"""Requests as a server hands them to the application: any headers, in any order, any number of
times, which no HTTP client would send."""

import asyncio
import gzip
from typing import Any, NamedTuple

import brotli
import zstandard

type Headers = list[tuple[str, str]]


class Answer(NamedTuple):
    """What the application answered."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header."""
        return next((value for given, value in self.headers if given == name), None)

    @property
    def text(self) -> str:
        """Return the body as it was before it was compressed."""
        decode = {"gzip": gzip.decompress, "br": brotli.decompress, "zstd": zstandard.decompress}
        if not self.body:  # of a HEAD, whose headers are those of the whole
            return ""
        raw = decode.get(self.header("content-encoding") or "", bytes)(self.body)
        return str(raw, "utf-8", errors="replace")


async def ask(
    app: Any, path: str, headers: Headers = [], *, method: str = "GET", body: bytes = b"",  # noqa: B006
) -> Answer:  # fmt: skip
    """Send one request; `path` may have a query. A Host header is added."""
    path, _, query = path.partition("?")
    given = [("host", "localhost"), *headers]
    if body:
        given.append(("content-length", str(len(body))))
    scope = {
        "type": "http", "http_version": "1.1", "asgi": {"version": "3.0"}, "method": method,
        "scheme": "http", "path": path, "raw_path": path.encode(), "root_path": "",
        "query_string": query.encode("latin-1"), "client": ("127.0.0.1", 5), "server": None,
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in given],
    }  # fmt: skip
    sent: list[Any] = []

    given_already = False
    answered = asyncio.Event()

    async def receive() -> Any:
        nonlocal given_already
        if given_already:
            await answered.wait()
            return {"type": "http.disconnect"}
        given_already = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body", False):
            answered.set()

    await app(scope, receive, send)
    return Answer(
        sent[0]["status"],
        [(name.decode().lower(), value.decode("latin-1")) for name, value in sent[0]["headers"]],
        b"".join(message.get("body", b"") for message in sent[1:]),
    )
