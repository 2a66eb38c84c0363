"""Keep the pages that are the same for everybody, in front of the framework.

A handler offers its page with `cacheable(response, tag)`. What differs from visitor to visitor,
the tokens and keys of forms, is left out of what is kept and put in as each answer is sent, so
that a page with a form is kept as well. Everything else that a page depends on is part of its
key: host, address, language, page or fragment, and whether the cookie looks signed in.

`Versions` says what is out of date: the catalogue counts each change, here at once and on the
other replicas within a second.
"""

import asyncio
import gzip
import hashlib
import posixpath
import secrets
import sys
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import brotli
import zstandard
from prometheus_client import Counter, Gauge
from quart import Response

from bookstore.settings import Settings
from bookstore.web import i18n
from bookstore.web.cache.placeholders import CSRF_MARK, FLAG, KEY_MARK, rendering_for_everybody
from bookstore.web.csrf import token_of
from bookstore.web.headers import on_every_answer
from bookstore.web.health import REGISTRY, counters
from bookstore.web.idempotency import new_key
from bookstore.web.sessions import TOKEN, cookie_name, new_token, session_cookie

type Scope = MutableMapping[str, Any]
type Message = MutableMapping[str, Any]
type Receive = Callable[[], Awaitable[Message]]
type Send = Callable[[Message], Awaitable[None]]
type App = Callable[[Scope, Receive, Send], Awaitable[None]]

LARGEST = 512 * 1024  # bytes of one page or file
_HEADER = b"x-page-cache"  # from the handler to us; never sent
_REPLACED = {b"content-length", b"x-request-id", b"etag", b"last-modified"}
_FILES = ("/static/", "/covers/")
_COMPRESSIBLE = (b"text/", b"application/javascript", b"application/json", b"image/svg+xml")

EVENTS = Counter(
    "bookstore_page_cache", "Page cache: hits, misses, evictions", ["event"], registry=REGISTRY
)
BYTES = Gauge("bookstore_page_cache_bytes", "Bytes that the page cache holds", registry=REGISTRY)
# A compressor costs more to make than to use. All answers are compressed on the event loop.
_WELL, _QUICKLY = zstandard.ZstdCompressor(level=9), zstandard.ZstdCompressor(level=1)
_hit, _miss, _evicted = (EVENTS.labels(name) for name in ("hit", "miss", "eviction"))


class Versions:
    """When each thing that pages show last changed, by tag ("catalogue", "book 12"), counted in
    changes, not in time."""

    def __init__(self) -> None:
        self.now = 0
        self.floor = 0
        self._last: dict[str, int] = {}

    def of(self, tags: Iterable[str]) -> int:
        """Return the number of the last change to what any of the tags stands for."""
        return max((self._last.get(tag, 0) for tag in tags), default=0)

    def changed(self, *tags: str) -> None:
        """Say that what these tags stand for has changed: pages begun before are out of date."""
        self.now += 1
        for tag in tags:
            self._last[tag] = self.now

    def everything_changed(self) -> None:
        """Say that every page kept so far is out of date."""
        self.now += 1
        self.floor = self.now
        self._last.clear()


def cacheable(response: Response, *tags: str) -> Response:
    """Offer a page to the cache; it is kept until one of the tags changes."""
    if rendering_for_everybody():
        response.headers[_HEADER.decode()] = ",".join(tags)
    return response


class _Key(NamedTuple):
    host: bytes
    path: str
    query: tuple[tuple[str, str], ...]
    language: str
    fragment: bool
    signed_in: bool

    def size(self) -> int:
        """Return the bytes of what a stranger chose of it."""
        texts = (self.host, self.path, *(text for pair in self.query for text in pair))
        return sum(map(sys.getsizeof, texts)) + sum(map(sys.getsizeof, self.query))


class _Entry:
    """One kept answer: its headers, its body in pieces around the marks, its encodings."""

    def __init__(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, tag: str,
                 version: int, route: str) -> None:  # fmt: skip
        self.status = status
        self.tags = tag.split(",") if tag else []
        self.version = version
        self.kept = False
        self.headers = headers
        self.body = body
        self.personal = CSRF_MARK.encode() in body or KEY_MARK.encode() in body
        kind = dict(headers).get(b"content-type", b"")
        self.compressible = kind.startswith(_COMPRESSIBLE) and len(body) > 400
        self.etag = b'W/"' + hashlib.sha256(body).hexdigest()[:20].encode() + b'"'
        self.encoded: dict[bytes, bytes] = {b"identity": body}
        self.around = 4096 + sum(len(name) + len(value) for name, value in headers)
        self.count, self.seconds = counters("GET", route, status)
        self.not_modified, _seconds = counters("GET", route, 304)

    def size(self) -> int:
        return sum(map(len, self.encoded.values())) + self.around


class PageCache:
    """An ASGI application around the shop's own."""

    def __init__(
        self, app: App, settings: Settings, csrf_key: bytes, versions: Versions,
        *, budget: int,
    ) -> None:  # fmt: skip
        self._app = app
        self._settings = settings
        self._session_cookie = cookie_name(settings)
        self._csrf_key = csrf_key
        self._always = [
            (name.lower().encode(), value.encode()) for name, value in on_every_answer(settings)
        ]
        self._versions = versions
        self._budget = budget
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()
        self._bytes = 0
        self._rendering: dict[_Key, asyncio.Future[None]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in {"GET", "HEAD"}:
            return await self._app(scope, receive, send)
        path: str = scope["path"]
        page = path == "/" or path.startswith("/books/")
        query = scope["query_string"]
        if not page:
            file = _straight(path) if path.startswith(_FILES) else ""
            if not file.startswith(_FILES):
                return await self._app(scope, receive, send)
            # However a file is spelled, it is one; `v` tells that its address is a lasting one.
            path, query = file, b"v" if query.startswith(b"v=") else b""
            scope = {**scope, "path": path, "query_string": query}
        started = time.perf_counter()
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if b"range" in headers or (page and b"lang=" in query) or len(query) > 1000:
            return await self._app(scope, receive, send)
        session, lang = self._cookies(headers.get(b"cookie", b""))
        signed_in = page and session is not None and session.startswith("s")
        key = _Key(
            headers.get(b"host", b""),
            path,
            tuple(sorted(parse_qsl(query.decode("latin-1"), keep_blank_values=not page))),
            i18n.negotiate(None, lang, headers.get(b"accept-language", b"").decode("latin-1")),
            page and _wants_fragment(headers),
            signed_in,
        )
        entry = self._fresh(key)
        if entry is None and key in self._rendering:
            await asyncio.shield(self._rendering[key])
            entry = self._fresh(key)
        if entry is None:
            _miss.inc()
            return await self._render(key, scope, send, headers, session, page)
        _hit.inc()
        await self._send(entry, scope, send, headers, session)
        entry.seconds.observe(time.perf_counter() - started)
        return None

    def _cookies(self, header: bytes) -> tuple[str | None, str | None]:
        session = lang = None
        if header:
            for part in header.decode("latin-1").split(";"):
                name, _, value = part.strip().partition("=")
                if name == self._session_cookie and TOKEN.fullmatch(value):
                    session = value
                elif name == i18n.COOKIE:
                    lang = value
        return session, lang

    def _fresh(self, key: _Key) -> _Entry | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        if entry.version < max(self._versions.floor, self._versions.of(entry.tags)):
            self._drop(key)
            return None
        self._entries.move_to_end(key)
        return entry

    def _drop(self, key: _Key) -> None:
        entry = self._entries.pop(key)
        entry.kept = False
        self._bytes -= entry.size()
        BYTES.set(self._bytes)

    async def _render(
        self, key: _Key, scope: Scope, send: Send,
        headers: dict[bytes, bytes], session: str | None, page: bool,
    ) -> None:  # fmt: skip
        """Have the shop answer; keep its answer if it offers it; others wait meanwhile."""
        waiting = self._rendering.setdefault(key, asyncio.get_running_loop().create_future())
        version = self._versions.now
        start: Message = {}
        body = bytearray()
        answered = asyncio.Event()
        asked = False

        async def ask() -> Message:
            nonlocal asked
            if not asked:
                asked = True
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

        inner = {**scope, FLAG: key.language} if page else {**scope}
        # The shop must answer in full: what it says to a condition is not worth keeping.
        inner["headers"] = [
            (name, value)
            for name, value in scope["headers"]
            if name not in {b"if-none-match", b"if-modified-since"}
        ]
        inner["method"] = "GET"
        try:
            await self._app(inner, ask, collect)
            entry = self._entry_of(start, bytes(body), scope, version, page)
            if entry.tags and entry.status == 200 and len(body) <= LARGEST:
                self._keep(key, entry)
        finally:
            if self._rendering.get(key) is waiting:
                del self._rendering[key]
            if not waiting.done():
                waiting.set_result(None)
        await self._send(entry, scope, send, headers, session, counted=True)

    def _entry_of(
        self, start: Message, body: bytes, scope: Scope, version: int, page: bool
    ) -> _Entry:
        tag = ""
        kept = [*self._always] if page else []
        for name, value in start["headers"]:
            lower = name.lower()
            if lower == _HEADER:
                tag = value.decode()
            elif lower not in _REPLACED:
                kept.append((lower, value))
        cookies = [value for name, value in kept if name == b"set-cookie"]
        if not page and start["status"] == 200:
            tag = "files"  # named by their contents, or the same until the process ends
        if cookies or b"transfer-encoding" in dict(kept):
            tag = ""
        return _Entry(start["status"], kept, body, tag, version, _route(scope["path"]))

    def _keep(self, key: _Key, entry: _Entry) -> None:
        if key in self._entries:
            self._drop(key)
        self._entries[key] = entry
        entry.kept = True
        entry.around += key.size()
        self._bytes += entry.size()
        while self._bytes > self._budget:
            self._drop(next(iter(self._entries)))
            _evicted.inc()
        BYTES.set(self._bytes)

    async def _send(
        self, entry: _Entry, scope: Scope, send: Send, headers: dict[bytes, bytes],
        session: str | None, *, counted: bool = False,
    ) -> None:  # fmt: skip
        request_id = headers.get(b"x-request-id", b"")
        if not 8 <= len(request_id) <= 64 or not request_id.isalnum():
            request_id = secrets.token_hex(8).encode()
        out = [*entry.headers, (b"x-request-id", request_id)]
        status = entry.status
        if entry.personal:
            body, cookie = self._personal(entry.body, session)
            if cookie is not None:
                out.append((b"set-cookie", cookie))
            encoding = _best_encoding(headers) if entry.compressible else b"identity"
            body = _encode(body, encoding, once=False)
        elif status == 200 and headers.get(b"if-none-match") == entry.etag:
            status, body, encoding = 304, b"", b"identity"
        else:
            encoding = _best_encoding(headers) if entry.compressible else b"identity"
            if counted:  # many a page is asked for once
                body = _encode(entry.body, encoding, once=False)
            else:
                body = self._encoded(entry, encoding)
        if not entry.personal and entry.status == 200:
            out.append((b"etag", entry.etag))
        if entry.compressible:
            out.append((b"vary", b"Accept-Encoding"))
            if encoding != b"identity":
                out.append((b"content-encoding", encoding))
        if status != 304:
            out.append((b"content-length", str(len(body)).encode()))
        if not counted:
            (entry.not_modified if status == 304 else entry.count).inc()
        await send({"type": "http.response.start", "status": status, "headers": out})
        body = b"" if scope["method"] == "HEAD" else body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    def _encoded(self, entry: _Entry, encoding: bytes) -> bytes:
        if encoding not in entry.encoded:
            grown = _encode(entry.body, encoding, once=True)
            if entry.kept:
                self._bytes += len(grown)
            entry.encoded[encoding] = grown
        return entry.encoded[encoding]

    def _personal(self, body: bytes, session: str | None) -> tuple[bytes, bytes | None]:
        """Put this visitor's token and fresh keys where the marks stand."""
        cookie = None
        if session is None:
            session = new_token(signed_in=False)
            cookie = session_cookie(self._settings, session).encode()
        body = body.replace(CSRF_MARK.encode(), token_of(self._csrf_key, session).encode())
        first, *rest = body.split(KEY_MARK.encode())
        return first + b"".join(new_key().encode() + piece for piece in rest), cookie


def _straight(path: str) -> str:
    """Return a path without its dot segments and empty ones."""
    return posixpath.normpath(path) if "/." in path or "//" in path else path


def _wants_fragment(headers: dict[bytes, bytes]) -> bool:
    return (
        headers.get(b"hx-request") == b"true"
        and b"hx-history-restore-request" not in headers
        and headers.get(b"hx-request-type") != b"full"
    )


def _best_encoding(headers: dict[bytes, bytes]) -> bytes:
    """Return the best encoding that the browser takes; q=0 is rare enough to mean none of them."""
    accepted = headers.get(b"accept-encoding", b"")
    if b"q=0" in accepted.replace(b"q=0.", b""):
        return b"identity"
    names = [name.partition(b";")[0].strip() for name in accepted.split(b",")]
    return next((name for name in (b"zstd", b"br", b"gzip") if name in names), b"identity")


def _encode(body: bytes, encoding: bytes, *, once: bool) -> bytes:
    """Compress: well what is kept, quickly what is sent once."""
    if encoding == b"zstd":
        return (_WELL if once else _QUICKLY).compress(body)
    if encoding == b"br":
        return bytes(brotli.compress(body, quality=4 if once else 1))
    if encoding == b"gzip":
        return gzip.compress(body, 4 if once else 1)
    return body


def _route(path: str) -> str:
    if path == "/":
        return "/"
    return {"books": "/books/<int:book_id>", "covers": "/covers/<name>"}.get(
        path.split("/")[1], "/static/<path:filename>"
    )
