"""The edge's limit of sign-ins, as the real Traefik understands the labels of the stack files."""

import http.server
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.server import free_port

ROOT = Path(__file__).parents[2]
HOST = "books.example.org"
SIGN_IN = "/login"
BURST = 30


class _Upstream(http.server.BaseHTTPRequestHandler):
    """Says yes to everything, as a shop would that never gets tired."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._yes
        raise AttributeError(name)

    def _yes(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_message: object) -> None:
        """Keep quiet."""


def labels_of(stack: str) -> dict[str, str]:
    """Return the labels of a stack's services, all together, as the engine would have them."""
    text = (ROOT / "swarm" / f"{stack}.yml").read_text()
    for name, value in (("DOMAIN", HOST), ("ACCOUNTS_SEGMENTS", "register|login|logout|account"),
                        ("ORDERS_SEGMENTS", "basket|checkout|orders")):  # fmt: skip
        text = text.replace(f"${{{name}}}", value)
    found: dict[str, str] = {}
    for service in yaml.safe_load(text.replace("$$", "$"))["services"].values():
        found |= service.get("deploy", {}).get("labels", {})
    return found


def configuration(stack: str, upstream: int) -> dict[str, Any]:
    """Return the routers of a stack's labels and the edge's own limit, for Traefik to read."""
    routers: dict[str, dict[str, Any]] = {}
    for label, value in labels_of(stack).items():
        parts = label.split(".")
        if parts[:3] == ["traefik", "http", "routers"]:
            routers.setdefault(parts[3], {})[parts[4]] = value
    for router in routers.values():
        router["service"] = "upstream"
        given = router.get("middlewares", "").split(",")
        router["middlewares"] = [name for name in given if name == "sign-in-limit@file"]
        if "priority" in router:
            router["priority"] = int(router["priority"])
    edge = yaml.safe_load((ROOT / "swarm" / "edge" / "traefik.yml").read_text())
    limit = edge["http"]["middlewares"]["sign-in-limit"]
    servers = [{"url": f"http://127.0.0.1:{upstream}"}]
    return {
        "http": {
            "routers": routers,
            "middlewares": {"sign-in-limit": limit},
            "services": {"upstream": {"loadBalancer": {"servers": servers}}},
        }
    }


@pytest.fixture(params=["app", "services"])
def edge(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """The port of a Traefik with the routes of a stack."""
    upstream = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Upstream)
    threading.Thread(target=upstream.serve_forever, daemon=True).start()
    port = free_port()
    dynamic = tmp_path / "dynamic.yml"
    dynamic.write_text(yaml.safe_dump(configuration(request.param, upstream.server_port)))
    static = tmp_path / "traefik.yml"
    static.write_text(
        yaml.safe_dump(
            {
                "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
                "entryPoints": {"web": {"address": f"127.0.0.1:{port}"}},
                "providers": {"file": {"filename": str(dynamic), "watch": False}},
            }
        )
    )
    traefik = Path(sys.executable).parent / "traefik"
    with (tmp_path / "traefik.log").open("wb") as log:
        process = subprocess.Popen([traefik, f"--configFile={static}"], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 60
        while ask(port, "GET", "/") != 200:
            assert time.monotonic() < deadline, (tmp_path / "traefik.log").read_text()
            time.sleep(0.1)
        yield port
    finally:
        process.kill()
        process.wait(timeout=10)
        upstream.shutdown()
        upstream.server_close()


def ask(port: int, method: str, path: str) -> int:
    """Send a request letter by letter; return the status, 0 without an answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
            connection.sendall(
                f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n"
                "Connection: close\r\n\r\n".encode()
            )
            return int(connection.makefile("rb").readline().split()[1])
    except (OSError, IndexError):
        return 0


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", SIGN_IN),
        ("post", SIGN_IN),
        ("Post", SIGN_IN),
        ("POST", "/login?next=/basket"),
        ("POST", "/%6cogin"),
        ("POST", "/login/"),
        ("POST", "/login/code/some-token"),
        ("PUT", SIGN_IN),
    ],
)
def test_sign_ins_are_limited_however_they_are_spelled(edge: int, method: str, path: str) -> None:
    statuses = Counter(ask(edge, method, path) for _time in range(2 * BURST))
    assert statuses[429] >= BURST // 2
    assert statuses[200] >= BURST


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", SIGN_IN), ("HEAD", SIGN_IN), ("POST", "/basket"), ("POST", "/logins"), ("GET", "/")],
)
def test_nothing_else_is(edge: int, method: str, path: str) -> None:
    assert {ask(edge, method, path) for _time in range(2 * BURST)} == {200}


@pytest.mark.parametrize("path", ["/internal/accounts/person_of", "/metrics", "/readyz"])
def test_what_is_private_stays_so(edge: int, path: str) -> None:
    assert ask(edge, "POST", path) == 404
