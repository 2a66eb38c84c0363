"""One operator at a time, and a record of who did what: the lock and the audit trail."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime

import paramiko

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.ssh.transport import BEGIN, LOST, Connection, HostError, LockLost

STATE = "/var/lib/bookstore"
AUDIT = f"{STATE}/audit.log"
LOCK = "/run/bookstore/lock"  # in memory: a full disk must not keep anybody from cleaning it up
BEAT = 10.0  # seconds between signs of life of the lock's holder
TAKEN, OURS = "lock-is-taken", "lock-is-ours"
SILENCE = 30  # seconds without one after which the lock frees itself


@dataclass(frozen=True)
class Entry:
    """One line of the audit trail."""

    at: str
    who: str
    command: str
    outcome: str

    def __str__(self) -> str:
        """Return the line as an operator reads it."""
        return f"{self.at}  {self.who:<24} {self.command:<40} {self.outcome}"


def operator() -> str:
    """Name whoever runs this: user@machine."""
    try:
        user = getpass.getuser()
    except OSError:  # a container may give a user that has no name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def now() -> str:
    """Return the time in UTC to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


class Lease:
    """A lock that is held on some hosts, and what each of them last said of it."""

    def __init__(self, token: str) -> None:
        self.token = token
        self._heard: dict[str, float] = {}

    def hear(self, host: str) -> None:
        """Note that a host has just confirmed the lock."""
        self._heard[host] = _clock()

    def forget(self, host: str) -> None:
        """Note that a host is gone, and with it the lock there."""
        self._heard.pop(host, None)

    def fence(self, host: str) -> str:
        """Return what must hold on a host for a command to run there; raise when the lock is lost.

        One host that confirms it is enough: whoever else wants it asks all that answer.
        """
        if not any(_clock() - heard < SILENCE for heard in self._heard.values()):
            raise LockLost(LOST)
        return f"grep -qsF {self.token} {LOCK}.holder" if host in self._heard else ""


@contextmanager
def exclusive(cluster: Cluster, command: str) -> Iterator[None]:
    """Keep other operators out while a command runs.

    The lock lives as long as this process: when it dies, sleeps or loses the network, the host
    notices within SILENCE seconds and the lock is free again. Whoever lost it stops: no command
    runs any more. It is taken on every manager that answers, so two operators who reach different
    ones still meet.
    """
    managers = cluster.inventory.managers
    # On connections of its own, so that it outlasts a command whose connection is lost, and works
    # where sshd allows one session for each.
    answers = cluster.fleet.each(managers, lambda c: cluster.fleet.apart(c.endpoint))
    reached = [a for a in answers.values() if isinstance(a, Connection)]
    if not reached:
        raise OperatorError("\n".join(str(answer) for answer in answers.values()))
    cluster.fleet.all(
        [h for h in managers if isinstance(answers[h.name], Connection)],
        lambda c: c.run("true", sudo=True, shown="become root"),
    )
    lease = Lease(secrets.token_hex(8))
    holder = {"who": operator(), "since": now(), "command": command, "token": lease.token}
    with ExitStack() as stack:
        for connection in reached:
            stack.enter_context(closing(connection))
            stack.enter_context(_locked(connection, lease, json.dumps(holder)))
        cluster.fleet.fence = lease.fence
        try:
            yield
        finally:
            cluster.fleet.fence = None


@contextmanager
def recorded(cluster: Cluster, command: str) -> Iterator[None]:
    """Write a command and how it ended to the audit trail of every manager that answers."""
    outcome = "interrupted"
    try:
        yield
        outcome = "done"
    except OperatorError as error:
        outcome = f"failed: {_first_sentence(str(error))}"
        raise
    finally:
        entry = Entry(now(), operator(), cluster.redact(command), cluster.redact(outcome))
        line = shlex.quote(json.dumps(asdict(entry)))
        unfinished = f'[ -z "$(tail -c 1 {AUDIT} 2>/dev/null | tr -d "\\\\0")" ] || echo >> {AUDIT}'
        write = f"umask 077; mkdir -p {STATE}; {unfinished}; echo {line} >> {AUDIT}"
        # A manager that is lost misses this line; the others have it.
        cluster.fleet.each(
            cluster.inventory.managers,
            lambda c: c.run(write, sudo=True, shown="write the audit trail", fenced=False),
        )


def trail(cluster: Cluster, count: int) -> list[Entry]:
    """Read the last entries of the audit trail, oldest first, from all managers that answer."""
    read = f"tail -n {count} {AUDIT} 2>/dev/null || true"
    answers = cluster.fleet.each(
        cluster.inventory.managers, lambda c: c.run(read, sudo=True).stdout
    )
    lines = dict.fromkeys(
        line for text in answers.values() if isinstance(text, str) for line in text.splitlines()
    )
    return sorted(filter(None, map(_entry, lines)), key=lambda e: e.at)[-count:]


def _entry(line: str) -> Entry | None:
    """Read a line of the trail; one that a power cut or a full disk left unfinished is none."""
    try:
        row = json.loads(line.strip("\0"))
        return Entry(**{f.name: str(row[f.name]) for f in fields(Entry)})
    except (ValueError, KeyError, TypeError):
        return None


@contextmanager
def _locked(connection: Connection, lease: Lease, holder: str) -> Iterator[None]:
    channel = connection.converse(
        f"mkdir -p {LOCK.rpartition('/')[0]} && : >>{LOCK} && exec 9>>{LOCK} || exit; "
        f"flock -n 9 || {{ echo {TAKEN} $(cat {LOCK}.holder); exit 1; }}; "
        f"echo {shlex.quote(holder)} > {LOCK}.holder || exit; echo {OURS}; "
        f"while read -r -t {SILENCE} _; do echo {OURS}; done; rm -f {LOCK}.holder",
        BEGIN,
    )
    with channel:
        _wait_for(connection, channel)
        lease.hear(connection.name)
        done = threading.Event()

        def beat() -> None:
            channel.settimeout(SILENCE)
            try:
                while not done.wait(BEAT):
                    channel.sendall(b"\n")
                    if not channel.recv(4096):
                        break
                    lease.hear(connection.name)
            except OSError:
                pass
            if not done.is_set():
                lease.forget(connection.name)  # whatever runs next will see

        pulse = threading.Thread(target=beat, daemon=True)
        pulse.start()
        try:
            yield
        finally:
            done.set()
            channel.shutdown_write()
            pulse.join()


def _wait_for(connection: Connection, channel: paramiko.Channel) -> None:
    """Wait until the lock is ours; raise with the reason when it is not."""
    said = ""
    try:
        while f"{OURS}\n" not in said and (chunk := channel.recv(4096)):
            said += chunk.decode("utf-8", "replace")
    except TimeoutError:
        raise HostError(connection.name, f"the lock gives no answer within {BEGIN:g} s.") from None
    if f"{OURS}\n" in said:
        return
    # One pass over what it said besides: the channel has ended.
    complaint = channel.makefile_stderr("rb").read().decode("utf-8", "replace").strip()
    if TAKEN in said:
        try:
            row = json.loads(said.partition(TAKEN)[2].partition("\n")[0])
            by = f"{row['who']} since {row['since']} ({row['command']})"
        except (ValueError, KeyError, TypeError):
            by = "somebody who has not said a name yet"
        raise HostError(
            connection.name,
            f"the cluster is being changed by {by}. Wait for it to end; a lock whose holder "
            f"died frees itself within {SILENCE} seconds.",
        )
    last = " / ".join((complaint or said).strip().splitlines()[-3:]) or "it said nothing"
    raise HostError(connection.name, f"the lock cannot be taken there: {last}.")


def _first_sentence(text: str) -> str:
    """Return a message's first line, and the next where it only announces it."""
    first, *more = text.splitlines()
    return f"{first} {more[0].strip()}" if first.endswith(":") and more else first


def _clock() -> float:
    """Return seconds that go on while this machine sleeps."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if sys.platform == "linux" else time.time()
