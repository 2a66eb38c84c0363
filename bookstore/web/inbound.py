"""What a request says of itself, read once: whoever renders, caches, checks or logs looks here and
not into headers, so that two of them cannot read the same request differently.

Of a header that comes more than once, all the values count, joined as RFC 9110 (5.2) says, cookies
with a semicolon; of two cookies of one name, the first.
"""

import re
import secrets
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl

from quart import request

from bookstore.web import i18n

type Scope = MutableMapping[str, Any]

_IN_SCOPE = "bookstore.inbound"
_USUAL_PORT = {"http": ":80", "https": ":443"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_READ = {
    b"accept-encoding": b", ",
    b"accept-language": b", ",
    b"cookie": b"; ",
    b"host": b", ",
    b"hx-current-url": b", ",
    b"hx-history-restore-request": b", ",
    b"hx-request": b", ",
    b"hx-request-type": b", ",
    b"if-none-match": b", ",
    b"if-range": b", ",
    b"origin": b", ",
    b"range": b", ",
    b"referer": b", ",
    b"sec-fetch-site": b", ",
    b"x-forwarded-for": b",",
    b"x-forwarded-host": b",",
    b"x-forwarded-proto": b",",
    b"x-request-id": b", ",
}


class Inbound(NamedTuple):
    """One request. `fragment` means that htmx asks for a part of a page; `wish` is the language
    that the address asks for; `headers` are those of _READ that came."""

    scheme: str
    host: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    cookies: Mapping[str, str]
    wish: str | None
    language: str
    htmx: bool
    fragment: bool
    request_id: str

    @property
    def origin(self) -> str:
        """Return the origin that the request was sent to."""
        return f"{self.scheme}://{self.host}"


def read(scope: Scope) -> Inbound:
    """Return what an ASGI scope says; it is read at the first call and remembered in the scope."""
    known: Inbound | None = scope.get(_IN_SCOPE)
    return known or remember(scope, joined(scope["headers"]))


def joined(headers: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """Return the values of the headers that anybody reads."""
    found: dict[bytes, bytes] = {}
    for name, value in headers:
        if name in _READ:
            found[name] = found[name] + _READ[name] + value if name in found else value
    return found


def remember(scope: Scope, found: Mapping[bytes, bytes]) -> Inbound:
    """Return what a scope says whose headers were gone through, and remember it in the scope."""
    scope[_IN_SCOPE] = read = _read(scope, found)
    return read


def with_headers(scope: Scope, headers: list[tuple[bytes, bytes]]) -> Scope:
    """Return a copy of a scope with other headers, to be read anew."""
    return {name: value for name, value in scope.items() if name != _IN_SCOPE} | {
        "headers": headers
    }


def inbound() -> Inbound:
    """Return what the request at hand says."""
    return read(cast(Scope, request.scope))


def _read(scope: Scope, found: Mapping[bytes, bytes]) -> Inbound:
    headers = {name.decode(): value.decode("latin-1") for name, value in found.items()}
    cookies = _cookies(headers.get("cookie", ""))
    query: bytes = scope["query_string"]
    wish = first(query, "lang")
    htmx = headers.get("hx-request") == "true"
    given = headers.get("x-request-id", "")
    scheme = scope.get("scheme", "http")
    return Inbound(
        scheme=scheme,
        host=headers.get("host", "").lower().removesuffix(_USUAL_PORT.get(scheme, "")),
        path=scope["path"],
        query=query,
        headers=headers,
        cookies=cookies,
        wish=wish,
        language=i18n.negotiate(
            wish, cookies.get(i18n.COOKIE), headers.get("accept-language", "")[:200]
        ),
        htmx=htmx,
        fragment=htmx
        and "hx-history-restore-request" not in headers
        and headers.get("hx-request-type") != "full",
        request_id=given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8),
    )


def _cookies(header: str) -> dict[str, str]:
    cookies: dict[str, str] = {}
    if header:
        for pair in header.split(";"):
            name, _, value = pair.partition("=")
            cookies.setdefault(name.strip(), value.strip())
    return cookies


def first(query: bytes, name: str) -> str | None:
    """Return the first value that a query gives a name."""
    if name.encode() not in query:
        return None
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return next((value for key, value in pairs if key == name), None)
