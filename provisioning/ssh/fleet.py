"""Connections to all hosts of the inventory: opened in parallel but never too many at once."""

from __future__ import annotations

import base64
import logging
import random
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self

import paramiko

from provisioning.errors import Interrupted, OperatorError
from provisioning.inventory import Endpoint, Host, Jump
from provisioning.ssh.reasons import check_key, explain, passing
from provisioning.ssh.redaction import Redactor
from provisioning.ssh.transport import CONNECT_TIMEOUT, SPEAK_TIMEOUT, Connection, Fence, HostError

CONNECT_TRIES = 4
PARALLEL_CONNECTS = 6  # sshd starts to refuse at about ten unauthenticated connections
PARALLEL_HOSTS = 16

# What goes wrong is raised as a sentence; the tracebacks that paramiko logs besides say no more.
logging.getLogger("paramiko").addHandler(logging.NullHandler())


class Fleet:
    """Connections to all hosts, opened when first needed and kept."""

    def __init__(self, jumps: Iterable[Jump], redact: Redactor) -> None:
        self.redact = redact
        self._jumps = {jump.name: jump for jump in jumps}
        self._open: dict[str, Connection] = {}
        self._apart: list[Connection] = []
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()
        self._handshakes = threading.BoundedSemaphore(PARALLEL_CONNECTS)
        self.connect_timeout = CONNECT_TIMEOUT
        self.speak_timeout = SPEAK_TIMEOUT
        self._tries = CONNECT_TRIES
        self.fence: Fence | None = None  # set while a lock is held

    def __enter__(self) -> Self:
        """Return the fleet itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close every connection."""
        self.close()

    def to(self, host: Endpoint) -> Connection:
        """Return the open connection to a host, opening it if need be."""
        with self._guard:
            lock = self._locks.setdefault(host.name, threading.Lock())
        with lock:
            connection = self._open.get(host.name)
            if connection is None or not connection.is_open:
                connection = self._open[host.name] = self._connect(host)
            return connection

    def apart(self, host: Endpoint) -> Connection:
        """Return another connection to a host, which nothing else uses."""
        connection = self._connect(host)
        with self._guard:  # whoever watches for weeks does not keep those that are closed
            self._apart = [*(c for c in self._apart if c.is_open), connection]
        return connection

    def hurry(self, seconds: float) -> None:
        """Wait no longer than this for a host, and try once: some are known to be away."""
        self.connect_timeout, self.speak_timeout, self._tries = seconds, seconds, 1

    def through_jump(self, host: Host, port: int) -> paramiko.Channel:
        """Open a stream to a host's port through the bastion that leads to it."""
        return self.to(self._jumps[str(host.jump)]).channel_to(host.address, port)

    def each[T](
        self, hosts: Iterable[Host], work: Callable[[Connection], T]
    ) -> Mapping[str, T | OperatorError]:
        """Do the same on many hosts at once; a host that fails leaves the others alone."""

        def attempt(host: Host) -> T | OperatorError:
            try:
                return work(self.to(host))
            except OperatorError as error:
                return error

        hosts = list(hosts)
        pool = ThreadPoolExecutor(PARALLEL_HOSTS)
        try:
            answers = list(pool.map(attempt, hosts))
        except KeyboardInterrupt:
            self._hang_up()  # nobody waits for the answers any more
            raise Interrupted(
                "What had been begun on the hosts goes on there to its end; run the same command "
                "again to go on."
            ) from None
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return dict(zip([h.name for h in hosts], answers, strict=True))

    def all[T](self, hosts: Iterable[Host], work: Callable[[Connection], T]) -> dict[str, T]:
        """Do the same on many hosts at once and need every answer; name all hosts that failed."""
        answers = self.each(hosts, work)
        failures = [str(a) for a in answers.values() if isinstance(a, OperatorError)]
        if failures:
            raise OperatorError("\n".join(failures))
        return {name: a for name, a in answers.items() if not isinstance(a, OperatorError)}

    def forget(self, host: Endpoint) -> None:
        """Close the connection to a host that goes away: another may come under its name."""
        if connection := self._open.pop(host.name, None):
            connection.close()

    def close(self) -> None:
        """Close every connection."""
        self._hang_up()
        for connection in self._apart:
            connection.close()
        self._apart.clear()

    def _hang_up(self) -> None:
        for connection in list(self._open.values()):
            connection.close()
        self._open.clear()

    def _fenced(self, host: str) -> str:
        return self.fence(host) if self.fence else ""

    def _connect(self, host: Endpoint) -> Connection:
        jump = self._jumps[host.jump] if isinstance(host, Host) and host.jump else None
        for attempt in range(1, self._tries + 1):
            started = time.monotonic()
            try:
                check_key(host.key_file)
                bastion = self.to(jump) if jump else None
                with self._handshakes:
                    where = (host.address, host.port)
                    sock = (
                        bastion.channel_to(*where)
                        if bastion
                        else socket.create_connection(where, self.connect_timeout)
                    )
                    client = _client(host, sock, self.speak_timeout)
                    return Connection(host, client, self.redact, self._fenced)
            except (EOFError, OSError, paramiko.SSHException) as error:
                # Only what time may heal is tried again: sshd hung up because it had too many
                # callers, or it has just been restarted.
                silent = time.monotonic() - started >= self.speak_timeout
                if attempt == self._tries or silent or not passing(error):
                    raise HostError(host.name, explain(host, error, jump)) from None
            time.sleep(random.uniform(0.5, 1.5) * 0.25 * 2**attempt)  # noqa: S311 - jitter
        raise AssertionError("unreachable")


def _client(
    host: Endpoint, sock: paramiko.Channel | socket.socket, timeout: float
) -> paramiko.SSHClient:
    client = paramiko.SSHClient()  # refuses every host key but the pinned one
    kind, _, blob = host.host_key.partition(" ")
    known = host.address if host.port == 22 else f"[{host.address}]:{host.port}"
    client.get_host_keys().add(known, kind, paramiko.Ed25519Key(data=base64.b64decode(blob)))
    try:
        client.connect(
            host.address,
            port=host.port,
            username=host.user,
            key_filename=str(host.key_file),
            look_for_keys=False,
            timeout=timeout,
            banner_timeout=timeout,
            auth_timeout=timeout,
            sock=sock,
        )
    except BaseException:
        client.close()
        sock.close()
        raise
    transport = client.get_transport()
    if transport is not None:
        transport.set_keepalive(10)
    return client
