"""The head of a request, looked through before the server sees it."""

import re

UNKNOWN = -1  # bytes of a body whose end only the server finds
_LENGTH = re.compile(rb"\ncontent-length:[ \t]*(\d{1,15})[ \t]*\r\n")
# What browsers, htmx and proxies say and nobody here reads. Each header costs a parser that is
# written in Python some microseconds; of a usual head these are half.
UNREAD = frozenset({
    b"accept", b"cache-control", b"dnt", b"hx-boosted", b"hx-source", b"hx-target", b"pragma",
    b"priority", b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform", b"sec-fetch-dest",
    b"sec-fetch-mode", b"sec-fetch-user", b"sec-gpc", b"sec-purpose",
    b"upgrade-insecure-requests", b"x-forwarded-port", b"x-forwarded-server", b"x-real-ip",
})  # fmt: skip


_UNREAD = re.compile(rb"\n(?:%b):[^\n]*" % b"|".join(sorted(UNREAD)), re.IGNORECASE)


def fault(lower: bytes) -> str | None:
    """Return why the server is not to see a head, given in lower case, if there is a reason."""
    if b"\nupgrade:" in lower or lower.startswith(b"pri * http/2"):
        return "another protocol"
    if lower.count(b"\n") != lower.count(b"\r\n"):  # a head's end to some parsers, not to all
        return "no request"
    return None


def length(lower: bytes) -> int:
    """Return how many bytes of a body a head announces, or UNKNOWN."""
    if b"\ntransfer-encoding:" in lower:
        return UNKNOWN
    if b"\ncontent-length:" not in lower:
        return 0
    lengths = _LENGTH.findall(lower)
    return int(lengths[0]) if len(lengths) == 1 else UNKNOWN


def shortened(head: bytes) -> bytes:
    """Return a head without the headers that nobody reads. One in which a header goes on in the
    next line stays as it is."""
    if b"\n " in head or b"\n\t" in head:
        return head
    return _UNREAD.sub(b"", head)
