"""What is sent to a host arrives whole or does nothing there."""

from __future__ import annotations

import math
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from provisioning.ssh.transport import HostError
from tests.provisioning.conftest import Sshd


@dataclass
class Way:
    """A way to a host that ends in the middle: the port to call, and whence it goes on."""

    port: int
    origin: int = 0


@contextmanager
def cut_after(port: int, count: int) -> Iterator[Way]:
    """Lead to a port, and hang up when the caller has sent so many bytes; give the way's own."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def pass_on(source: socket.socket, target: socket.socket, left: float) -> None:
            with suppress(OSError):
                while left > 0 and (chunk := source.recv(min(65536, int(min(left, 65536))))):
                    target.sendall(chunk)
                    left -= len(chunk)
            for end in (source, target):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

        def serve() -> None:
            caller, _ = door.accept()
            with caller, socket.create_connection(("127.0.0.1", port)) as host:
                way.origin = host.getsockname()[1]
                back = threading.Thread(target=pass_on, args=(host, caller, math.inf))
                back.start()
                pass_on(caller, host, count)
                back.join()

        way = Way(door.getsockname()[1])
        thread = threading.Thread(target=serve)
        thread.start()
        yield way
        thread.join()


def commands_from(port: int) -> bool:
    """Tell whether a command of the session from this port still runs."""
    mark = f"SSH_CONNECTION=127.0.0.1 {port} ".encode()
    for environment in Path("/proc").glob("[0-9]*/environ"):
        with suppress(OSError):
            if mark in environment.read_bytes():
                return True
    return False


def test_what_is_cut_off_on_its_way_is_not_taken_for_the_whole(sshd: Sshd, tmp_path: Path) -> None:
    """A secret or a release of which half arrived would be kept under the name of the whole."""
    content, made = os.urandom(300_000), tmp_path / "made"
    with cut_after(sshd.port, 150_000) as way, Fleet([], Redactor()) as fleet:
        connection = fleet.to(sshd.host(port=way.port))
        with pytest.raises(HostError, match="the connection was lost during"):
            connection.run(f"cat > {made}", stdin=content)
    deadline = time.monotonic() + 60
    while commands_from(way.origin):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not made.exists()
    with Fleet([], Redactor()) as fleet:
        fleet.to(sshd.host()).run(f"cat > {made}", stdin=content)
    assert made.read_bytes() == content


def test_a_command_says_its_own_status_of_what_it_is_fed(sshd: Sshd, fleet: Fleet) -> None:
    connection = fleet.to(sshd.host())
    for command in ("wc -c; exit 3", "wc -c\nexit 3", "true; # nothing reads\necho 5; exit 3"):
        result = connection.run(command, stdin=b"\0\xff\n\n\n", check=False)
        assert (result.status, result.stdout.strip(), result.stderr) == (3, "5", "")
