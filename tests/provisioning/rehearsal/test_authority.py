"""Certificates of a rehearsal's authority, as the newest Python checks them."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from provisioning.rehearsal import authority


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give the path of an authority of the test's own."""
    path = tmp_path / "authority.crt"
    monkeypatch.setattr(authority, "AUTHORITY", path)
    return path


def shake_hands(trusted: Path, certified: Path, name: str) -> None:
    """Let a client that checks strictly meet a server."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certified)
    client = ssl.create_default_context(cafile=str(trusted))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def serve() -> None:
        with suppress(ssl.SSLError), server.wrap_socket(theirs, server_side=True) as met:
            met.recv(1)  # a client that does not believe it says so, and is gone

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(ours, server_hostname=name) as met:
            met.send(b"1")
    finally:
        ours.close()
        thread.join(30)
        theirs.close()


def test_a_strict_client_believes_what_the_authority_issues(root: Path, tmp_path: Path) -> None:
    authority.create_authority()
    made = tmp_path / "server.pem"
    made.write_bytes(b"".join(authority.issue("database.internal")))
    shake_hands(root, made, "database.internal")
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        shake_hands(root, made, "other.internal")
