"""Keep the pages that are the same for everybody, in front of the framework.

A handler offers its page with `cacheable(response, tag)`. What differs from visitor to visitor,
the tokens and keys of forms, is left out of what is kept and put in as each answer is sent, so
that a page with a form is kept as well. Everything else that a page may depend on is its key, and
the handler is given nothing but that: a request that was made from the key.
"""

import asyncio
import posixpath
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import quote

from werkzeug.http import parse_etags

from bookstore.settings import Settings
from bookstore.web import inbound, urls
from bookstore.web.cache import encoding, ranges
from bookstore.web.cache.entries import EVENTS, Entries, Entry, Key
from bookstore.web.cache.versions import Versions
from bookstore.web.csrf import token_of
from bookstore.web.headers import on_every_answer
from bookstore.web.idempotency import new_key
from bookstore.web.inbound import Inbound
from bookstore.web.placeholders import CSRF_MARK, FLAG, HEADER, KEY_MARK, OWNER
from bookstore.web.sessions import (
    PERSON_COOKIE,
    cookie_name,
    new_token,
    session_cookie,
    token_in,
)

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST = 512 * 1024  # bytes of one page or file
_PAGES = (urls.home(), urls.books())
_FILES = ("/static/", "/covers/")
_LONGEST = 1000  # bytes of a query or a path
# Said anew with each answer, or not at all: Expires is a moment, and Cache-Control says it better.
_REPLACED = {b"content-length", b"x-request-id", b"etag", b"last-modified", b"accept-ranges",
             b"expires"}  # fmt: skip
_hit, _miss = EVENTS.labels("hit"), EVENTS.labels("miss")


class PageCache:
    """An ASGI application around the shop's own."""

    def __init__(
        self, app: App, settings: Settings, csrf_key: bytes, versions: Versions,
        *, budget: int,
    ) -> None:  # fmt: skip
        self.entries = Entries(versions, budget=budget)
        self._app = app
        self._settings = settings
        self._csrf_key = csrf_key
        self._always = [
            (name.lower().encode(), value.encode()) for name, value in on_every_answer(settings)
        ]
        self._person_cookie = cookie_name(settings, PERSON_COOKIE)
        self._versions = versions
        self._rendering: dict[Key, asyncio.Future[None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with a page that is kept, or keep what the application answers."""
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            return await self._app(scope, receive, send)
        started = time.perf_counter()
        asked = inbound.read(scope)
        key = self._key(asked)
        if key is None:
            return await self._app(_without_range(scope, asked), receive, send)
        entry = self.entries.fresh(key)
        if entry is None and key in self._rendering:
            await asyncio.shield(self._rendering[key])
            entry = self.entries.fresh(key)
        rendered = entry is None
        if entry is None:
            entry = await self._render(key, scope, asked)
        if self._is_owners(entry, asked):
            return await self._app(_without_range(scope, asked), receive, send)
        if rendered:
            _miss.inc()
            return await self._send(key, entry, scope, send, asked, rendered=True)
        _hit.inc()
        await self._send(key, entry, scope, send, asked)
        entry.seconds.observe(time.perf_counter() - started)
        return None

    def _is_owners(self, entry: Entry, asked: Inbound) -> bool:
        """Tell whether the handler has another page for whoever asks, by the cookie's word: it
        looks itself who that is."""
        return entry.owner is not None and entry.owner == asked.cookies.get(self._person_cookie)

    def _key(self, asked: Inbound) -> Key | None:
        """Return under what the answer to a request may be kept, or None."""
        path = asked.path
        if path in _PAGES or path.startswith(urls.FOR_EVERYBODY):
            if asked.wish is not None or len(asked.query) > _LONGEST or len(path) > _LONGEST:
                return None
            session = token_in(asked.cookies, self._settings)
            return Key(
                path,
                page=True,
                scheme=asked.scheme,
                host=asked.host,
                query=asked.query,
                language=asked.language,
                fragment=asked.fragment,
                signed_in=session is not None and session.startswith("s"),
            )
        file = _straight(path) if path.startswith(_FILES) else ""
        if not file.startswith(_FILES) or len(file) > _LONGEST:
            return None
        # However a file is spelled, it is one; `v` tells that its address is a lasting one.
        return Key(file, host=asked.host, versioned=inbound.first(asked.query, "v") is not None)

    async def _render(self, key: Key, scope: Scope, asked: Inbound) -> Entry:
        """Have the shop answer; keep its answer if it offers it; others wait meanwhile."""
        waiting = self._rendering.setdefault(key, asyncio.get_running_loop().create_future())
        version = self._versions.now
        start: Message = {}
        body = bytearray()
        answered = asyncio.Event()
        given = False

        async def receive() -> Message:
            nonlocal given
            if not given:
                given = True
                return {"type": "http.request", "body": b"", "more_body": False}
            await answered.wait()  # a reader who goes away does not end what others wait for
            return {"type": "http.disconnect"}

        async def collect(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))
                if not message.get("more_body", False):
                    answered.set()

        try:
            await self._app(self._request_of(key, scope, asked), receive, collect)
            entry = self._entry_of(key, start, bytes(body), version)
            if entry.tags and entry.status == 200 and len(body) <= LARGEST:
                self.entries.keep(key, entry)
        finally:
            if self._rendering.get(key) is waiting:
                del self._rendering[key]
            if not waiting.done():
                waiting.set_result(None)
        return entry

    def _request_of(self, key: Key, scope: Scope, asked: Inbound) -> Scope:
        """Return the request that a key stands for; the request's id is for the log alone."""
        headers = {
            "host": asked.host,
            "accept-language": asked.language,
            "x-request-id": asked.request_id,
        }
        if key.fragment:
            headers["hx-request"] = "true"
        if key.signed_in:
            headers["cookie"] = session_cookie(self._settings, "s" + "0" * 43).partition(";")[0]
        inner = inbound.with_headers(
            scope, [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
        )
        inner["method"] = "GET"
        if key.page:
            inner[FLAG] = True
        else:
            inner["path"], inner["raw_path"] = key.path, quote(key.path).encode()
            inner["query_string"] = b"v=" if key.versioned else b""
        return inner

    def _entry_of(self, key: Key, start: Message, body: bytes, version: int) -> Entry:
        tags: list[str] = []
        owner = None
        kept = [*self._always] if key.page else [(b"accept-ranges", b"bytes")]
        for name, value in start["headers"]:
            lower = name.lower()
            if lower == HEADER.encode():
                tags = [tag for tag in value.decode().split(",") if tag]
            elif lower == OWNER.encode():
                owner = value.decode()
            elif lower not in _REPLACED:
                kept.append((lower, value))
        if not key.page and start["status"] == 200:
            tags = ["files"]  # named by their contents, or the same until the process ends
        names = {name for name, _value in kept}
        if names & {b"set-cookie", b"transfer-encoding"}:
            tags = []
        return Entry(start["status"], kept, body, tags, version, _route(key.path), owner)

    async def _send(
        self, key: Key, entry: Entry, scope: Scope, send: Send, asked: Inbound,
        *, rendered: bool = False,
    ) -> None:  # fmt: skip
        out = [*entry.headers, (b"x-request-id", asked.request_id.encode())]
        status, body, name = entry.status, entry.body, encoding.IDENTITY
        if entry.compressible:
            name = encoding.best(asked.headers.get("accept-encoding", ""))
        if entry.personal:
            body, cookie = self._personal(entry.body, asked)
            body = encoding.encode(body, name, encoding.ONCE)
            if cookie is not None:
                out.append((b"set-cookie", cookie))
        elif status == 200:
            out.append((b"etag", f'W/"{entry.etag}"'.encode()))
            part = None if key.page or scope["method"] == "HEAD" else _part(asked, body)
            if _is_known(asked, entry):
                status, body, name = 304, b"", encoding.IDENTITY
            elif part is not None:
                status, body, content_range = part
                name = encoding.IDENTITY
                out.append((b"content-range", content_range))
            elif rendered and key.page:  # many a page is asked for once
                body = encoding.encode(body, name, encoding.ONCE)
            else:
                body = self.entries.encoded(key, entry, name)
        else:
            body = encoding.encode(body, name, encoding.ONCE)
        if entry.compressible:
            out.append((b"vary", b"Accept-Encoding"))
        if name != encoding.IDENTITY:
            out.append((b"content-encoding", name.encode()))
        if status != 304:
            out.append((b"content-length", str(len(body)).encode()))
        if not rendered:
            (entry.not_modified if status == 304 else entry.count).inc()
        await send({"type": "http.response.start", "status": status, "headers": out})
        body = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _personal(self, body: bytes, asked: Inbound) -> tuple[bytes, bytes | None]:
        """Put this visitor's token and fresh keys where the marks stand."""
        cookie = None
        session = token_in(asked.cookies, self._settings)
        if session is None:
            session = new_token(signed_in=False)
            cookie = session_cookie(self._settings, session).encode()
        body = body.replace(CSRF_MARK.encode(), token_of(self._csrf_key, session).encode())
        first, *rest = body.split(KEY_MARK.encode())
        return first + b"".join(new_key().encode() + piece for piece in rest), cookie


def _without_range(scope: Scope, asked: Inbound) -> Scope:
    """Return a request for the whole: parts are given of files that are kept, and whoever answers
    otherwise need not know of them."""
    if "range" not in asked.headers:
        return scope
    return inbound.with_headers(
        scope, [(name, value) for name, value in scope["headers"] if name != b"range"]
    )


def _straight(path: str) -> str:
    """Return a path without its dot segments and empty ones."""
    return posixpath.normpath(path) if "/." in path or "//" in path else path


def _is_known(asked: Inbound, entry: Entry) -> bool:
    """Tell whether the browser has the answer already."""
    given = asked.headers.get("if-none-match")
    return given is not None and parse_etags(given).contains_weak(entry.etag)


def _part(asked: Inbound, body: bytes) -> tuple[int, bytes, bytes] | None:
    """Return status, body and Content-Range of the part that is asked for; None for the whole, as
    also to whoever holds a part of what may be another version (If-Range)."""
    if "if-range" in asked.headers:
        return None
    try:
        part = ranges.part(asked.headers.get("range"), len(body))
    except ranges.OutOfRange:
        return 416, b"", f"bytes */{len(body)}".encode()
    if part is None:
        return None
    start, end = part
    return 206, body[start:end], f"bytes {start}-{end - 1}/{len(body)}".encode()


def _route(path: str) -> str:
    if path in _PAGES:
        return path
    if path.endswith("/similar"):
        return "/books/<int:book_id>/similar"
    return {
        "books": "/books/<int:book_id>",
        "categories": "/categories/<code>",
        "authors": "/authors/<name>",
        "covers": "/covers/<name>",
    }.get(path.split("/")[1], "/static/<path:filename>")
