"""The acme service: what it answers, and how a certificate gets into the edge service."""

from __future__ import annotations

import http.server
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from swarm.edge import acme

CERTIFICATE = b"a chain and a key"


def edge_spec(*secrets: dict[str, Any]) -> dict[str, Any]:
    """Give the specification of an edge service with these secrets."""
    return {"Name": "edge_traefik", "TaskTemplate": {"ContainerSpec": {"Secrets": [*secrets]}}}


def secret(target: str, name: str) -> dict[str, Any]:
    """Give a secret as a service's specification refers to it."""
    file = {"Name": target, "UID": "0", "GID": "0", "Mode": 0o400}
    return {"File": file, "SecretID": f"id-of-{name}", "SecretName": name}


class Engine:
    """Docker's API as far as the acme service may use it."""

    def __init__(self) -> None:
        self.secrets: list[dict[str, Any]] = []
        self.spec = edge_spec()
        self.version = 7
        self.out_of_sequence = 0
        self.failing = 0  # answers still to fail
        self.updates = 0

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Answer one call."""
        if self.failing:
            self.failing -= 1
            return 503, {"message": "the swarm has no leader"}
        match method, path.removeprefix("/v1.52").partition("?")[0]:
            case "GET", "/_ping":
                return 200, "OK"
            case "GET", "/secrets":
                return 200, [{"ID": f"id-of-{s['Name']}", "Spec": s} for s in self.secrets]
            case "POST", "/secrets/create":
                self.secrets.append(body)
                return 201, {"ID": f"id-of-{body['Name']}"}
            case "GET", "/services/edge_traefik":
                return 200, {"ID": "edge", "Version": {"Index": self.version}, "Spec": self.spec}
            case "POST", "/services/edge/update":
                if self.out_of_sequence:
                    self.out_of_sequence -= 1
                    return 500, {"message": "update out of sequence"}
                assert path.endswith(f"version={self.version}")
                self.spec, self.updates = body, self.updates + 1
                return 200, {}
        return 403, {}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[Engine]:
    """An engine on loopback that the acme service is pointed at."""
    state = Engine()

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_call(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length) or b"null")
            status, answer = state.answer(self.command, self.path, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Api-Version", "1.52")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = handle_call

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DOCKER_API", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("EDGE_SERVICE", "edge_traefik")
        yield state
        server.shutdown()


def mounted(engine: Engine) -> list[str]:
    """List the names of the secrets that the edges get."""
    return [s["SecretName"] for s in engine.spec["TaskTemplate"]["ContainerSpec"]["Secrets"]]


def test_a_certificate_becomes_a_secret_of_the_edges_named_by_its_hash(engine: Engine) -> None:
    acme.publish(CERTIFICATE)
    (name,) = mounted(engine)
    assert name.startswith("certificate_")
    assert [s["Name"] for s in engine.secrets] == [name]
    assert engine.secrets[0]["Labels"] == {"bookstore.secret": "certificate"}


def test_the_same_certificate_again_changes_nothing(engine: Engine) -> None:
    acme.publish(CERTIFICATE)
    acme.publish(CERTIFICATE)
    assert len(engine.secrets) == 1
    assert engine.updates == 1


def test_a_renewed_certificate_takes_the_place_of_the_old_one_and_others_stay(
    engine: Engine,
) -> None:
    engine.spec = edge_spec(secret("other", "other_1"), secret("certificate", "certificate_old"))
    acme.publish(CERTIFICATE)
    assert mounted(engine)[0] == "other_1"
    assert len(mounted(engine)) == 2
    assert "certificate_old" not in mounted(engine)


def test_a_service_that_somebody_else_changed_meanwhile_is_read_again(engine: Engine) -> None:
    engine.out_of_sequence = 2
    acme.publish(CERTIFICATE)
    assert engine.updates == 1


def test_challenges_are_answered_and_nothing_else(tmp_path: Path) -> None:
    folder = tmp_path / acme.CHALLENGES
    folder.mkdir(parents=True)
    (folder / "token").write_text("the answer")
    server = acme.serve(tmp_path, port=0)
    base = f"http://127.0.0.1:{server.server_port}/"
    try:
        assert httpx.get(f"{base}{acme.CHALLENGES}/token").text == "the answer"
        for path in ("", f"{acme.CHALLENGES}/", "etc/passwd", "%2e%2e/%2e%2e/etc/passwd"):
            assert httpx.get(base + path).status_code == 404
    finally:
        server.shutdown()
        server.server_close()


def test_the_name_of_a_certificate_tells_nothing_of_its_key(engine: Engine) -> None:
    chain = b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    for kind in (b"PRIVATE KEY", b"EC PRIVATE KEY"):
        acme.publish(chain + b"-----BEGIN " + kind + b"-----\nMIIC\n-----END")
    assert len(mounted(engine)) == 1
    assert len({s["Name"] for s in engine.secrets}) == 1


class Certbot:
    """A program called certbot that writes down its arguments and makes a certificate."""

    def __init__(self, folder: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls = folder / "calls"
        self.state = state
        program = folder / "certbot"
        config = state / "config"
        program.write_text(
            "#!/bin/sh\n"
            f'echo "$@" >> {self.calls}\n'
            'while [ "$1" != --server ]; do shift; done\n'
            f"mkdir -p {config}/live/shop.test {config}/renewal\n"
            f'echo "server = $2" > {config}/renewal/shop.test.conf\n'
            f"echo chain > {config}/live/shop.test/fullchain.pem\n"
            f"echo key > {config}/live/shop.test/privkey.pem\n"
        )
        program.chmod(0o755)
        authority = folder / "ca.pem"
        authority.write_text("# none")
        monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        monkeypatch.setenv("DOMAIN", "shop.test")
        monkeypatch.setenv("ACME_EMAIL", "ops@shop.test")
        monkeypatch.setattr(acme, "AUTHORITY", authority)
        monkeypatch.setattr(acme, "edge_addresses", lambda: ["127.0.0.1"])
        monkeypatch.setattr(acme, "passes", lambda *_: True)

    def orders(self) -> int:
        """Count how often a new certificate was demanded."""
        return self.calls.read_text().count("--force-renewal") if self.calls.exists() else 0


@pytest.fixture
def certbot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Certbot:
    folder, state = tmp_path / "bin", tmp_path / "state"
    folder.mkdir()
    state.mkdir()
    webroot = tmp_path / "webroot" / acme.CHALLENGES
    webroot.mkdir(parents=True)
    return Certbot(folder, state, monkeypatch)


def round_(tmp_path: Path) -> None:
    """Go once through what the service does for ever."""
    acme.keep_supplied(tmp_path / "webroot", tmp_path, tmp_path / "state")


def test_another_authority_renews_the_certificate_once(
    engine: Engine, certbot: Certbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = []
    for directory in ("https://staging.test", "https://staging.test", "https://real.test") * 2:
        monkeypatch.setenv("ACME_DIRECTORY", directory)
        round_(tmp_path)
        orders.append(certbot.orders())
    assert orders == [0, 0, 1, 2, 2, 3]


def test_a_publication_that_fails_orders_no_other_certificate(
    engine: Engine, certbot: Certbot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_DIRECTORY", "https://real.test")
    monkeypatch.setattr(acme, "PUBLISH_AFTER", (0.01,))
    monkeypatch.setattr(acme, "LOOK_EVERY", 0.01)
    (certbot.state / "renew").touch()
    engine.failing = 12
    round_(tmp_path)
    assert engine.failing == 0
    assert certbot.orders() == 1
    assert not (certbot.state / "renew").exists()
    assert len(mounted(engine)) == 1
