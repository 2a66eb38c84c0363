"""One operator at a time, and a record of who did what: the lock and the audit trail."""

from __future__ import annotations

import getpass
import json
import shlex
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.ssh.transport import Connection, HostError

STATE = "/var/lib/bookstore"
AUDIT = f"{STATE}/audit.log"
LOCK = f"{STATE}/lock"
BEAT = 10.0  # seconds between signs of life of the lock's holder
SILENCE = 30  # seconds without one after which the lock frees itself


@dataclass(frozen=True)
class Entry:
    """One line of the audit trail."""

    at: str
    who: str
    command: str
    outcome: str

    def __str__(self) -> str:
        """Give the line as an operator reads it."""
        return f"{self.at}  {self.who:<24} {self.command:<40} {self.outcome}"


def operator() -> str:
    """Name whoever runs this: user@machine."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def now() -> str:
    """Give the time in UTC to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def exclusive(cluster: Cluster, command: str) -> Iterator[None]:
    """Keep other operators out while a command runs.

    The lock lives as long as this process: when it dies or loses the network, the host notices
    within SILENCE seconds and the lock is free again. It is taken on every manager that answers,
    so two operators who reach different ones still meet.
    """
    answers = cluster.fleet.each(cluster.inventory.managers, lambda c: c)
    reached = [h for h in cluster.inventory.managers if isinstance(answers[h.name], Connection)]
    if not reached:
        raise OperatorError("\n".join(str(answer) for answer in answers.values()))
    holder = json.dumps({"who": operator(), "since": now(), "command": command})
    with ExitStack() as stack:
        for host in reached:
            stack.enter_context(_locked(cluster, host, holder))
        yield


@contextmanager
def recorded(cluster: Cluster, command: str) -> Iterator[None]:
    """Write a command and how it ended to the audit trail of every manager that answers."""
    outcome = "interrupted"
    try:
        yield
        outcome = "done"
    except OperatorError as error:
        outcome = f"failed: {str(error).splitlines()[0]}"
        raise
    finally:
        entry = Entry(now(), operator(), cluster.redact(command), cluster.redact(outcome))
        line = shlex.quote(json.dumps(asdict(entry)))
        write = f"umask 077; mkdir -p {STATE}; echo {line} >> {AUDIT}"
        # A manager that is lost misses this line; the others have it.
        cluster.fleet.each(
            cluster.inventory.managers,
            lambda c: c.run(write, sudo=True, shown="write the audit trail"),
        )


def trail(cluster: Cluster, count: int) -> list[Entry]:
    """Read the last entries of the audit trail, oldest first, from all managers that answer."""
    read = f"tail -n {count} {AUDIT} 2>/dev/null || true"
    answers = cluster.fleet.each(
        cluster.inventory.managers, lambda c: c.run(read, sudo=True).stdout
    )
    lines = dict.fromkeys(
        line
        for text in answers.values()
        if isinstance(text, str)
        for line in text.splitlines()
        if line.startswith("{")
    )
    return sorted((Entry(**json.loads(line)) for line in lines), key=lambda e: e.at)[-count:]


@contextmanager
def _locked(cluster: Cluster, host: Host, holder: str) -> Iterator[None]:
    connection = cluster.to(host)
    channel = connection.converse(
        f"mkdir -p {STATE}; exec 9>>{LOCK}; flock -n 9 || {{ cat {LOCK}.holder; exit 1; }}"
        f"; echo {shlex.quote(holder)} > {LOCK}.holder; echo ours"
        f"; while read -r -t {SILENCE} _; do :; done; rm -f {LOCK}.holder"
    )
    with channel:
        said = channel.recv(4096).decode("utf-8", "replace").strip()
        if said != "ours":
            try:
                row = json.loads(said)
                by = f"{row['who']} since {row['since']} ({row['command']})"
            except (ValueError, KeyError):
                by = f"somebody ({said or 'nothing known'})"
            raise HostError(
                host.name,
                f"the cluster is being changed by {by}. Wait for it to end; a lock whose holder "
                f"died frees itself within {SILENCE} seconds.",
            )
        done = threading.Event()

        def beat() -> None:
            while not done.wait(BEAT):
                try:
                    channel.sendall(b"\n")
                except OSError:
                    return  # the host is lost; whatever runs there next will say so

        pulse = threading.Thread(target=beat, daemon=True)
        pulse.start()
        try:
            yield
        finally:
            done.set()
            channel.shutdown_write()
            pulse.join()
