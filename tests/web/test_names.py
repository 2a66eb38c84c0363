"""Connections by name, where the resolver's answers are ours: which address is taken, and what is
said when none will do."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bookstore.web.serving import hypercorn, uvicorn
from bookstore.web.serving.connections import Connections, Limits
from bookstore.web.serving.names import Names
from tests.data.test_tls import authority

NAME = "shop.test"
FIRST, SECOND = "127.0.0.2", "127.0.0.3"

type Run = Callable[[Any], Any]


@pytest.fixture(params=[hypercorn.Loop, uvicorn.Loop], ids=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Run something in each of the loops, while the name stands for two addresses."""
    found = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in (FIRST, SECOND)
    ]
    really = socket.getaddrinfo
    monkeypatch.setattr(
        socket, "getaddrinfo",
        lambda name, *how, **ways: found if name == NAME else really(name, *how, **ways),
    )  # fmt: skip
    loop = request.param
    with asyncio.Runner(loop_factory=lambda: loop(Connections(Limits(16, 10)))) as runner:
        yield runner.run


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((SECOND, 0))
        return int(probe.getsockname()[1])


def test_the_second_address_will_do(run: Run) -> None:
    async def connect(port: int) -> str:
        _reader, writer = await asyncio.open_connection(NAME, port)
        writer.close()
        return str(writer.get_extra_info("peername")[0])

    with socket.create_server((SECOND, 0)) as listener:
        assert run(connect(listener.getsockname()[1])) == SECOND


def test_what_was_wrong_with_each_address_is_told(run: Run) -> None:
    with pytest.raises(OSError, match="Connect") as told:
        run(asyncio.open_connection(NAME, free_port()))
    assert isinstance(told.value.__cause__, OSError)
    assert told.value.__cause__ is not told.value


def test_a_certificate_that_is_refused_is_the_last_word(run: Run, tmp_path: Path) -> None:
    stranger = authority(tmp_path / "stranger", "stranger", host=NAME)
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(stranger / "cert.pem", stranger / "key.pem")

    def shake_hands(listener: socket.socket) -> None:
        with listener.accept()[0] as visitor, suppress(OSError):
            theirs.wrap_socket(visitor, server_side=True)

    with socket.create_server((FIRST, 0)) as listener:
        threading.Thread(target=shake_hands, args=[listener], daemon=True).start()
        port = listener.getsockname()[1]
        with pytest.raises(ssl.SSLCertVerificationError):
            run(asyncio.open_connection(NAME, port, ssl=ssl.create_default_context()))


def test_a_thread_that_is_not_to_be_had_is_asked_for_again(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names()

    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        with pytest.raises(OSError, match="can't start new thread"):
            run(names.addresses(NAME))
    assert run(names.addresses(NAME)) == [FIRST, SECOND]
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        assert run(names.addresses(NAME)) == [FIRST, SECOND]
