"""The acme service: what it answers, and how a certificate gets into the edge service."""

from __future__ import annotations

import http.server
import json
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
        self.updates = 0

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Answer one call."""
        match method, path.removeprefix("/v1.41").partition("?")[0]:
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
