"""What is sent to a host arrives whole or does nothing there; what it sends is whole, or told."""

from __future__ import annotations

import io
import math
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
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
def cut_after(
    port: int, there: float, back: float = math.inf, *, pause: float = 0.0
) -> Iterator[Way]:
    """Lead to a port, after a pause, and hang up after so many bytes either way."""
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
            time.sleep(pause)
            with caller, socket.create_connection(("127.0.0.1", port)) as host:
                way.origin = host.getsockname()[1]
                answers = threading.Thread(target=pass_on, args=(host, caller, back))
                answers.start()
                pass_on(caller, host, there)
                answers.join()

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


def test_a_host_that_answers_and_is_slow_to_speak_is_waited_for(sshd: Sshd) -> None:
    """It is busy, and not away."""
    with cut_after(sshd.port, math.inf, pause=1.5) as way, Fleet([], Redactor()) as fleet:
        fleet.connect_timeout = 0.5
        assert fleet.to(sshd.host(port=way.port)).run("echo in").stdout == "in\n"


def wait_for_its_end(way: Way) -> None:
    deadline = time.monotonic() + 60
    while commands_from(way.origin):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_what_is_cut_off_on_its_way_is_not_taken_for_the_whole(sshd: Sshd, tmp_path: Path) -> None:
    """A secret or a release of which half arrived would be kept under the name of the whole."""
    content, made = os.urandom(300_000), tmp_path / "made"
    with cut_after(sshd.port, 150_000) as way, Fleet([], Redactor()) as fleet:
        connection = fleet.to(sshd.host(port=way.port))
        with pytest.raises(HostError, match="the connection was lost during"):
            connection.run(f"cat > {made}", stdin=content)
    wait_for_its_end(way)
    assert not made.exists()
    with Fleet([], Redactor()) as fleet:
        fleet.to(sshd.host()).run(f"cat > {made}", stdin=content)
    assert made.read_bytes() == content


@pytest.mark.parametrize("kind", [bytes, io.BytesIO])
def test_a_stream_that_is_cut_off_does_not_look_ended(
    kind: Callable[[bytes], bytes | io.BytesIO], sshd: Sshd, tmp_path: Path
) -> None:
    """A database would be loaded by half, and what is piped on would be taken for all."""
    content, made = os.urandom(3_000_000), tmp_path / "made"
    command = f"cat > {made}.part | cat; sleep 0.1; mv {made}.part {made}"
    with cut_after(sshd.port, 1_600_000) as way, Fleet([], Redactor()) as fleet:
        connection = fleet.to(sshd.host(port=way.port))
        with pytest.raises(HostError, match="the connection was lost during"):
            connection.run(command, stdin=kind(content))
    wait_for_its_end(way)
    assert not made.exists()
    assert 0 < Path(f"{made}.part").stat().st_size < len(content)
    with Fleet([], Redactor()) as fleet:
        fleet.to(sshd.host()).run(command, stdin=kind(content))
    assert made.read_bytes() == content


def test_a_stream_that_cannot_be_read_to_its_end_here_does_not_look_ended_there(
    sshd: Sshd, fleet: Fleet, tmp_path: Path
) -> None:
    made = tmp_path / "made"

    class Torn(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 1_500_000:
                raise EOFError("the file is damaged")
            return super().read(size)

    with pytest.raises(EOFError, match="damaged"):
        fleet.to(sshd.host()).run(
            f"cat > {made}.part && mv {made}.part {made}", stdin=Torn(os.urandom(5_000_000))
        )
    assert fleet.to(sshd.host()).run("echo still here").stdout == "still here\n"
    assert not made.exists()


def test_a_command_that_does_not_read_its_stream_ends_as_it_likes(sshd: Sshd, fleet: Fleet) -> None:
    connection, content = fleet.to(sshd.host()), os.urandom(3_000_000)
    for command in ("echo no >&2; exit 3", "head -c 5 >/dev/null; echo no >&2; exit 3"):
        result = connection.run(command, stdin=content, check=False, timeout=60)
        assert (result.status, result.stdout, result.stderr) == (3, "", "no\n")


@pytest.mark.parametrize("way_out", ["sink", "echo"])
def test_what_a_host_sends_and_is_cut_off_is_told(way_out: str, sshd: Sshd) -> None:
    """Of a dump, of covers, of logs."""
    came: list[bytes | str] = []
    with cut_after(sshd.port, math.inf, back=1_500_000) as way, Fleet([], Redactor()) as fleet:
        connection = fleet.to(sshd.host(port=way.port))
        with pytest.raises(HostError, match=r"the connection was lost during `dump all`"):
            connection.run(
                "head -c 4000000 /dev/zero",
                shown="dump all",
                **{way_out: came.append},  # type: ignore[arg-type]
            )
    assert 0 < sum(map(len, came)) < 4_000_000


def test_a_command_says_its_own_status_of_what_it_is_fed(sshd: Sshd, fleet: Fleet) -> None:
    connection = fleet.to(sshd.host())
    for command in ("wc -c; exit 3", "wc -c\nexit 3", "true; # nothing reads\necho 5; exit 3"):
        result = connection.run(command, stdin=b"\0\xff\n\n\n", check=False)
        assert (result.status, result.stdout.strip(), result.stderr) == (3, "5", "")
