"""Kept answers, within a budget of bytes; the one not asked for longest goes first."""

import hashlib
import sys
from collections import OrderedDict
from functools import cached_property
from typing import NamedTuple

from prometheus_client import Counter, Gauge

from bookstore.web.cache import encoding
from bookstore.web.cache.versions import Versions
from bookstore.web.health import REGISTRY, counters
from bookstore.web.placeholders import MARK

_OVERHEAD = 4096  # bytes of an entry besides its key, its headers and bodies, roughly

EVENTS = Counter(
    "bookstore_page_cache", "Page cache: hits, misses, evictions", ["event"], registry=REGISTRY
)
_BYTES = Gauge("bookstore_page_cache_bytes", "Bytes that the page cache holds", registry=REGISTRY)
_evicted = EVENTS.labels("eviction")
_MARK = MARK.encode()


class Key(NamedTuple):
    """All that an answer which is the same for everybody may depend on: a handler is given this
    and nothing else of the request. Of a file that is its path, whether the address names its
    version, and the host, which is checked."""

    path: str
    page: bool = False
    versioned: bool = False
    scheme: str = ""
    host: str = ""
    query: bytes = b""
    language: str = ""
    fragment: bool = False
    signed_in: bool = False

    def size(self) -> int:
        """Return the bytes of what a stranger chose of it."""
        return sum(map(sys.getsizeof, (self.path, self.host, self.query)))


class Entry:
    """One answer: its headers, its body, and its body in each encoding that was asked for; and the
    number of the person, if there is one, who gets another answer."""

    def __init__(
        self, status: int, headers: list[tuple[bytes, bytes]], body: bytes, tags: list[str],
        version: int, route: str, owner: str | None = None,
    ) -> None:  # fmt: skip
        self.status = status
        self.tags = tags
        self.version = version
        self.owner = owner
        self.headers = headers
        self.body = body
        self.personal = _MARK in body
        kinds = [value for name, value in headers if name == b"content-type"] or [b""]
        self.compressible = encoding.compressible(kinds[-1].decode("latin-1"), len(body))
        self.encoded: dict[str, bytes] = {}
        self.around = _OVERHEAD + sum(len(name) + len(value) for name, value in headers)
        self.count, self.seconds = counters("GET", route, status)
        self.not_modified, _seconds = counters("GET", route, 304)

    @cached_property
    def etag(self) -> str:
        """Return what tells this body from others; one with marks is never asked for it."""
        return hashlib.sha256(self.body).hexdigest()[:20]

    def size(self) -> int:
        """Return how many bytes it takes."""
        return len(self.body) + sum(map(len, self.encoded.values())) + self.around


class Entries:
    """The answers that are kept."""

    def __init__(self, versions: Versions, *, budget: int) -> None:
        self.bytes = 0
        self._versions = versions
        self._budget = budget
        self._kept: OrderedDict[Key, Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def fresh(self, key: Key) -> Entry | None:
        """Return the answer that is kept under a key and not out of date."""
        entry = self._kept.get(key)
        if entry is None:
            return None
        if entry.version < max(self._versions.floor, self._versions.of(entry.tags)):
            self._drop(key)
            return None
        self._kept.move_to_end(key)
        return entry

    def keep(self, key: Key, entry: Entry) -> None:
        """Keep an answer."""
        if key in self._kept:
            self._drop(key)
        self._kept[key] = entry
        self._grow(key.size() + entry.size())

    def encoded(self, key: Key, entry: Entry, name: str) -> bytes:
        """Return the body in an encoding, which is kept with the answer."""
        if name == encoding.IDENTITY:
            return entry.body
        if name not in entry.encoded:
            entry.encoded[name] = encoding.encode(
                entry.body, name, encoding.KEPT if key.page else encoding.FILE
            )
            if self._kept.get(key) is entry:
                self._grow(len(entry.encoded[name]))
        return entry.encoded[name]

    def counted(self) -> int:
        """Return the bytes of all that is kept, added up anew."""
        return sum(key.size() + entry.size() for key, entry in self._kept.items())

    def _grow(self, size: int) -> None:
        self.bytes += size
        while self.bytes > self._budget:
            self._drop(next(iter(self._kept)))
            _evicted.inc()
        _BYTES.set(self.bytes)

    def _drop(self, key: Key) -> None:
        entry = self._kept.pop(key)
        self.bytes -= key.size() + entry.size()
        _BYTES.set(self.bytes)
