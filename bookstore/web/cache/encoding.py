"""Content encodings: which one a browser wants, and the work of compressing.

All answers are compressed on the event loop, so each level is one that takes a fraction of a
millisecond for a page, and a few for a file, of which there are few and each is compressed once.
"""

import gzip
from functools import cache, lru_cache
from typing import NamedTuple

import brotli
import zstandard
from werkzeug.datastructures import Accept
from werkzeug.http import parse_accept_header

IDENTITY = "identity"
_OURS = ("zstd", "br", "gzip")  # the one that we like best first
_COMPRESSIBLE = ("text/", "application/javascript", "application/json", "image/svg+xml")
_SMALLEST = 400  # bytes; less is not worth compressing


class Effort(NamedTuple):
    """The level of each encoding."""

    zstd: int
    br: int
    gzip: int


ONCE = Effort(1, 1, 1)
KEPT = Effort(5, 4, 4)
FILE = Effort(9, 7, 9)


def compressible(content_type: str, size: int) -> bool:
    """Tell whether content of a type and size is worth compressing."""
    return content_type.startswith(_COMPRESSIBLE) and size > _SMALLEST


@lru_cache(maxsize=256)
def best(accepted: str) -> str:
    """Return the encoding that an Accept-Encoding header likes best, among equals the one that
    we do."""
    wishes = parse_accept_header(accepted[:200], Accept)
    chosen = max(_OURS, key=wishes.quality)  # the first of equals
    return chosen if wishes.quality(chosen) > _explicit(wishes) else IDENTITY


def _explicit(wishes: Accept) -> float:
    """Return how much content as it is was asked for by name; anybody takes it as a last resort."""
    return max((quality for name, quality in wishes if name.lower() == IDENTITY), default=0)


def encode(body: bytes, encoding: str, effort: Effort) -> bytes:
    """Compress: quickly what is sent once, well what is kept, best what lasts."""
    if encoding == "zstd":
        return _compressor(effort.zstd).compress(body)
    if encoding == "br":
        return bytes(brotli.compress(body, quality=effort.br))
    if encoding == "gzip":
        return gzip.compress(body, effort.gzip)
    return body


@cache
def _compressor(level: int) -> zstandard.ZstdCompressor:
    """Return a compressor, which costs more to make than to use."""
    return zstandard.ZstdCompressor(level=level)
