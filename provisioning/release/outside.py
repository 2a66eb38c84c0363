"""Ask an edge over HTTPS as a reader does: from outside, by the shop's name."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.release.certificate import Certificate, parse
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.transport import HostError

TIMEOUT = 5.0  # seconds, for connecting and for each answer
PORT = 443
HEAD_START = 1.5  # seconds for the best way before the others are tried as well


class Stream(Protocol):
    """What a socket and a channel through another host have in common."""

    def sendall(self, data: bytes, /) -> object:
        """Send all of it, or raise."""

    def recv(self, size: int, /) -> bytes:
        """Return at most `size` bytes, none at the end."""

    def close(self) -> None:
        """Give the connection up."""


@dataclass(frozen=True)
class Answer:
    """What an edge said."""

    certificate: Certificate
    status: int  # of HTTP
    trouble: str = ""  # why a browser would refuse the certificate

    @property
    def good(self) -> bool:
        """Tell whether a reader gets a page: a valid certificate, and an answer below 500."""
        return not self.trouble and self.status < 500

    @property
    def words(self) -> str:
        """Say what is wrong, "" when nothing is."""
        if self.trouble:
            private = "issuer" in self.trouble or "self-signed" in self.trouble
            hint = (
                "; where a staging or private authority signs, name its root as certificate_ca_file"
                if private
                else ""
            )
            return f"its certificate is not valid ({self.trouble}{hint})"
        return "" if self.good else f"it answers {self.status}"


class Outside:
    """Ways to the edges that do not begin on them; the one that works is remembered."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._ways: dict[str, Callable[[], Stream]] = {}

    def ask(self, host: Host) -> Answer:
        """Ask one edge for the shop's front page; raise HostError when it does not answer."""
        domain = self._cluster.spec.domain
        der, _ = self._exchange(host, _anybody(), domain)
        certificate = parse(ssl.DER_cert_to_PEM_cert(der))
        try:
            _, status = self._exchange(host, self._reader(), domain)
        except ssl.SSLCertVerificationError as error:
            return Answer(certificate, 0, error.verify_message)
        return Answer(certificate, status)

    def trouble(self, host: Host) -> str:
        """Say why an edge serves no reader, "" when it does."""
        try:
            return self.ask(host).words
        except OperatorError as error:
            return str(error).removeprefix(f"{host.name}: ")

    def look(self) -> dict[str, Answer | OperatorError]:
        """Ask all edges."""

        def attempt(host: Host) -> Answer | OperatorError:
            try:
                return self.ask(host)
            except OperatorError as error:
                return error

        edges = self._cluster.edges
        with ThreadPoolExecutor(len(edges)) as pool:
            return dict(zip((h.name for h in edges), pool.map(attempt, edges), strict=True))

    def wrong(self) -> dict[str, str]:
        """Say which edges serve no reader, and why."""
        said = {name: words_of(name, answer) for name, answer in self.look().items()}
        return {name: words for name, words in said.items() if words}

    def _reader(self) -> ssl.SSLContext:
        context = ssl.create_default_context()
        # As browsers do; private authorities often leave out what strictness asks for.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if file := self._cluster.spec.certificate_ca_file:
            context.load_verify_locations(cafile=file)
        return context

    def _exchange(self, host: Host, context: ssl.SSLContext, domain: str) -> tuple[bytes, int]:
        try:
            with closing(self._connect(host)) as stream:
                return exchange(stream, context, domain)
        except ssl.SSLCertVerificationError:
            raise
        except (OSError, ValueError) as error:
            why = str(error) or type(error).__name__
            raise HostError(host.name, f"port {PORT} gives no answer over TLS ({why})") from None

    def _connect(self, host: Host) -> Stream:
        if way := self._ways.get(host.name):
            return way()
        ways = self._possible(host)
        with ThreadPoolExecutor(len(ways)) as pool:
            tries = [pool.submit(ways[0])]
            if wait(tries, HEAD_START).not_done or tries[0].exception():
                # All at once: that a host does not answer takes seconds to see, by every way.
                tries += [pool.submit(way) for way in ways[1:]]
        works = [(w, t.result()) for w, t in zip(ways, tries, strict=False) if not t.exception()]
        for _, stream in works[1:]:
            stream.close()
        if works:
            self._ways[host.name], stream = works[0]
            return stream
        error = tries[0].exception()
        if not isinstance(error, OSError | OperatorError):
            raise error or AssertionError("unreachable")
        why = str(error) or type(error).__name__
        raise HostError(host.name, f"port {PORT} cannot be reached ({why})")

    def _possible(self, host: Host) -> list[Callable[[], Stream]]:
        """List the ways: directly, else from the bastion, else from another host, else itself."""
        fleet = self._cluster.fleet
        first = partial(fleet.through_jump, host, PORT) if host.jump else partial(_direct, host)
        others = [h for h in self._cluster.hosts if h != host and not h.is_edge][:1]
        return [first, *(partial(_through, fleet, h, host) for h in (*others, host))]


def words_of(name: str, answer: Answer | OperatorError) -> str:
    """Say why an edge serves no reader, "" when it does."""
    if isinstance(answer, OperatorError):
        return str(answer).removeprefix(f"{name}: ")
    return answer.words


def exchange(stream: Stream, context: ssl.SSLContext, domain: str) -> tuple[bytes, int]:
    """Speak TLS and HTTP over a stream; return the certificate (DER) and the answer's status."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=domain)

    def step[T](action: Callable[[], T]) -> T:
        while True:
            try:
                return action()
            except ssl.SSLWantReadError:
                stream.sendall(outgoing.read())
                data = stream.recv(65536)
                if not data:
                    raise ConnectionError("the connection was closed") from None
                incoming.write(data)
            finally:
                if outgoing.pending:
                    stream.sendall(outgoing.read())

    step(tls.do_handshake)
    der = tls.getpeercert(binary_form=True) or b""
    request = f"GET / HTTP/1.1\r\nHost: {domain}\r\nConnection: close\r\n\r\n".encode()
    step(lambda: tls.write(request))
    head = b""
    while b"\r\n" not in head:
        head += step(lambda: tls.read(4096))
    return der, int(head.split(b" ", 2)[1])


def _anybody() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def _direct(host: Host) -> Stream:
    return socket.create_connection((host.address, PORT), TIMEOUT)


def _through(fleet: Fleet, other: Host, host: Host) -> Stream:
    return fleet.to(other).channel_to(host.swarm_address, PORT, TIMEOUT)
