"""One person's connection to the shop: what was sent over it, and what came back."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import brotli
import gevent
import zstandard

from loadtest.people.connection import Connection, Response

PATIENCE = 30.0  # seconds that a person waits for an answer
DIAL = 10.0  # seconds that connecting may take
CODINGS = "gzip, deflate, br, zstd"
_HUNG_UP = (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError)


class Undecodable(Exception):
    """A body that is not what its Content-Encoding says: one sentence."""


@dataclass(frozen=True)
class Answer:
    """What came back. `status` 0: nothing did, and `problem` says why.

    `opened` is when the connection that carried the request first was opened (seconds since the
    epoch), `sent` how often it was sent: as browsers do, a request that is safe to repeat is sent
    again where a connection that was kept open ends without a word.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    body: bytes = b""
    problem: str = ""
    opened: float = 0.0
    sent: int = 1


class Client:
    """Connections to one shop, one at a time; with `keep` false each request opens its own."""

    def __init__(
        self,
        origin: str,
        trusted: ssl.SSLContext | None = None,
        addresses: Mapping[str, str] | None = None,
        *,
        keep: bool = True,
    ) -> None:
        parts = urlsplit(origin)
        self.host = parts.hostname or ""
        self.secure = parts.scheme == "https"
        self.port = parts.port or (443 if self.secure else 80)
        self.address = (addresses or {}).get(self.host, self.host)
        self._family = family(self.address)
        self.trusted = trusted
        self.keep = keep
        self._connection: Connection | None = None
        self._opened = 0.0

    def close(self) -> None:
        """Hang up."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Send a request; return what came back within PATIENCE, or why nothing did."""
        opened, sent = 0.0, 0
        with gevent.Timeout(PATIENCE, TimeoutError(f"no answer in {PATIENCE:.0f} s")):
            try:
                while True:
                    if self._connection is not None and self._connection.ended():
                        self.close()
                    reused = self._connection is not None
                    asked = time.time()
                    sent += 1
                    try:
                        connection = self._connection or self._open()
                    except BaseException:
                        opened = opened or asked  # it could not be opened
                        raise
                    opened = opened or self._opened
                    try:
                        answer = connection.ask(method, target, headers, body)
                    except _HUNG_UP:
                        self.close()
                        if not reused or method != "GET" or sent > 1:
                            raise
                        continue
                    return self._read(answer, opened, sent)
            except (OSError, http.client.HTTPException, Undecodable) as error:
                self.close()
                return Answer(0, problem=_sentence(error), opened=opened, sent=sent)
            except BaseException:
                self.close()  # stopped in the middle: what is left of the answer must not stay
                raise

    def _open(self) -> Connection:
        """Connect, which takes at most DIAL seconds."""
        plain = self._dial()
        try:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.secure:
                context = self.trusted or ssl.create_default_context()
                plain = context.wrap_socket(plain, server_hostname=self.host)
            plain.settimeout(None)  # `ask` has a limit for all of it
        except BaseException:
            plain.close()
            raise
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = 443 if self.secure else 80
        made = Connection(plain, host if self.port == usual else f"{host}:{self.port}")
        self._connection, self._opened = made, time.time()
        return made

    def _dial(self) -> socket.socket:
        """Connect to an address as it is; a name is looked up, by gevent in a thread."""
        if self._family is None:
            return socket.create_connection((self.address, self.port), timeout=DIAL)
        made = socket.socket(self._family, socket.SOCK_STREAM)
        try:
            made.settimeout(DIAL)
            made.connect((self.address, self.port))
        except BaseException:
            made.close()
            raise
        return made

    def _read(self, answer: Response, opened: float, sent: int) -> Answer:
        if answer.closes or not self.keep:
            self.close()
        headers = {name.lower(): value for name, value in answer.headers}
        cookies = tuple(v for name, v in answer.headers if name.lower() == "set-cookie")
        plain = decode(answer.body, headers.get("content-encoding", ""))
        return Answer(answer.status, headers, cookies, plain, opened=opened, sent=sent)


def family(address: str) -> socket.AddressFamily | None:
    """Return the family of an address; None for a name."""
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return None
    return socket.AF_INET6 if version == 6 else socket.AF_INET


def decode(body: bytes, coding: str) -> bytes:
    """Return a body without its Content-Encoding; raise Undecodable where it is not what it says.

    A body that ends too early, or goes on after its end, is not.
    """
    coding = coding.strip().lower()
    if not body or coding in ("", "identity"):
        return body
    try:
        if coding == "zstd":
            frame = zstandard.ZstdDecompressor().decompressobj()
            plain, rest, ended = frame.decompress(body), frame.unused_data, frame.eof
        elif coding == "br":
            return bytes(brotli.decompress(body))
        elif coding in ("gzip", "deflate"):
            inflater = zlib.decompressobj(31 if coding == "gzip" else 15)
            plain = inflater.decompress(body) + inflater.flush()
            rest, ended = inflater.unused_data, inflater.eof
        else:
            raise Undecodable(f"Content-Encoding {coding} was not asked for")
    except (zlib.error, brotli.error, zstandard.ZstdError) as error:
        raise Undecodable(f"the content is not {coding}: {error}") from None
    if not ended or rest:
        raise Undecodable(f"the {coding} content {'is cut short' if not ended else 'goes on'}")
    return plain


def _sentence(error: Exception) -> str:
    match error:
        case http.client.IncompleteRead():
            return "the answer is cut short"
        case http.client.RemoteDisconnected() | ConnectionResetError() | BrokenPipeError():
            return f"the connection ended without an answer ({type(error).__name__})"
        case TimeoutError():
            return str(error) or "no answer in time"
        case Undecodable():
            return str(error)
        case _:
            return f"{type(error).__name__}: {error}"
