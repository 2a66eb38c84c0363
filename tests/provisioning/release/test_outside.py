"""Edges asked over TLS from outside: real handshakes on loopback."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.release import outside
from provisioning.release.outside import Outside
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from tests.provisioning.certificates import DAY, NOW, certificate
from tests.provisioning.conftest import Sshd
from tests.provisioning.factories import inventory

OK = b"HTTP/1.1 200 OK\r\n\r\nhello"


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Serve TLS on loopback with a certificate; the edges' port is there."""
    stop = threading.Event()
    servers: list[tuple[socket.socket, threading.Thread]] = []

    def start(pem: Path, answer: bytes = OK) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        listener = socket.create_server(("127.0.0.1", 0))
        monkeypatch.setattr(outside, "PORT", listener.getsockname()[1])

        def run() -> None:
            while not stop.is_set():
                try:
                    raw, _ = listener.accept()
                except OSError:
                    return
                try:
                    with context.wrap_socket(raw, server_side=True) as tls:
                        if tls.recv(1000):
                            tls.sendall(answer)
                except OSError:
                    raw.close()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        servers.append((listener, thread))

    yield start
    stop.set()
    for listener, thread in servers:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@pytest.fixture
def look(sshd: Sshd, tmp_path: Path) -> Iterator[tuple[Path, Outside]]:
    """Give an authority that is believed, and an edge on loopback."""
    authority = certificate(tmp_path, "authority.test")
    host = sshd.host(edge=True)
    made = inventory(certificate_ca_file=authority).model_copy(update={"host": (host,)})
    with Fleet([], Redactor()) as fleet:
        yield authority, Outside(Cluster(made, fleet))


def test_a_valid_certificate_and_an_answer_are_good(
    look: tuple[Path, Outside], serve: Callable[..., None], tmp_path: Path
) -> None:
    authority, edges = look
    serve(certificate(tmp_path, "shop.test", authority=authority))
    assert edges.wrong() == {}
    (answer,) = edges.look().values()
    assert not isinstance(answer, OperatorError)
    assert answer.certificate.names == ("shop.test",)
    assert answer.certificate.issuer == "authority.test"


@pytest.mark.parametrize(
    ("name", "signed", "until", "said"),
    [
        ("shop.test", False, NOW + DAY, "self-signed certificate"),
        ("other.test", True, NOW + DAY, "Hostname mismatch"),
        ("shop.test", True, NOW - DAY, "certificate has expired"),
    ],
)
def test_a_certificate_that_browsers_refuse_is_not_good(
    look: tuple[Path, Outside],
    serve: Callable[..., None],
    tmp_path: Path,
    name: str,
    signed: bool,
    until: datetime.datetime,
    said: str,
) -> None:
    authority, edges = look
    serve(certificate(tmp_path, name, authority=authority if signed else None, until=until))
    (words,) = edges.wrong().values()
    assert words.startswith("its certificate is not valid")
    assert said in words


def test_an_error_page_is_not_good(
    look: tuple[Path, Outside], serve: Callable[..., None], tmp_path: Path
) -> None:
    authority, edges = look
    pem = certificate(tmp_path, "shop.test", authority=authority)
    serve(pem, b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    assert edges.wrong() == {"alpha": "it answers 503"}


def test_an_edge_that_does_not_answer_gets_a_sentence(
    look: tuple[Path, Outside], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside, "PORT", 1)
    (words,) = look[1].wrong().values()
    assert words.startswith("port 1 cannot be reached")


def test_an_edge_behind_a_bastion_is_asked_through_it(
    sshd: Sshd,
    look: tuple[Path, Outside],
    serve: Callable[..., None],
    tmp_path: Path,
) -> None:
    authority, _ = look
    serve(certificate(tmp_path, "shop.test", authority=authority))
    host = sshd.host(edge=True, jump="bastion")
    made = inventory(certificate_ca_file=authority).model_copy(update={"host": (host,)})
    with Fleet([sshd.jump()], Redactor()) as fleet:
        assert Outside(Cluster(made, fleet)).wrong() == {}
