"""One machine without a swarm: compose file, routes as the real Traefik takes them, script."""

import http.server
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from bookstore.web import segments
from provisioning.rehearsal.machine import GUIDE, SET_UP, commands, rehearsed
from tests.support.server import free_port

SWARM = Path(__file__).parents[2] / "swarm"
HOST = "books.example.org"
TEXT = (SWARM / "compose.https.yml").read_text()
COMPOSE = yaml.safe_load(TEXT)
ROUTES = (SWARM / "edge" / "machine.yml").read_text()
SCRIPT = SWARM / "machine.sh"


def routes() -> Any:
    """Return the routes as Traefik has them once it has filled in the domain."""
    return yaml.safe_load(ROUTES.replace('{{ env "DOMAIN" }}', HOST))


def test_the_edges_of_a_swarm_and_of_one_machine_agree_where_they_do_the_same() -> None:
    of_swarm = yaml.safe_load((SWARM / "edge" / "traefik.yml").read_text())
    ours = routes()
    for name in ("headers", "compress", "retry", "sign-in-limit"):
        assert ours["http"]["middlewares"][name] == of_swarm["http"]["middlewares"][name]
    assert ours["http"]["serversTransports"] == of_swarm["http"]["serversTransports"]
    strict = ours["tls"]["options"]["default"].pop("sniStrict")
    assert strict is True
    assert ours["tls"]["options"] == of_swarm["tls"]["options"]


def test_nothing_but_http_and_https_is_published() -> None:
    published = {name: s["ports"] for name, s in COMPOSE["services"].items() if "ports" in s}
    assert published == {"edge": ["80:8080", "443:8443"]}
    assert COMPOSE["networks"]["back"] == {"internal": True}
    assert COMPOSE["services"]["database"]["networks"] == ["back"]


def test_every_file_that_is_mounted_exists() -> None:
    files = re.findall(r"- \./([\w./]+):", TEXT)
    assert {"edge/machine.yml", "edge/away.html"} < set(files)
    assert [f for f in files if f != "authorities" and not (SWARM / f).is_file()] == []


def test_every_variable_is_in_the_guide() -> None:
    guide = GUIDE.read_text()
    named = {
        *re.findall(r"\$\{([A-Z_]+)", TEXT),
        *re.findall(r"setting ([A-Z]+)", SCRIPT.read_text()),
    }
    assert {"IMAGE", "DATABASE_MEMORY", "BACKUPS", "KEEP"} < named
    assert [name for name in sorted(named) if f"`{name}`" not in guide] == []


def test_a_variable_without_default_says_what_to_do_where_it_is_missing() -> None:
    needed = set(re.findall(r"\$\{([A-Z_]+):\?", TEXT))
    bare = set(re.findall(r"\$\{([A-Z_]+)\}", TEXT))
    assert needed == {"IMAGE", "DATABASE_PASSWORD", "SECRET_KEY", "DOMAIN", "ACME_EMAIL"}
    assert bare <= needed


class Copy(http.server.BaseHTTPRequestHandler):
    """A copy of the shop that says who it is; it is ready unless told otherwise."""

    name = "?"
    ready = True

    def do_GET(self) -> None:
        self.answer(200 if self.ready or not self.path.startswith("/readyz") else 503)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(200)

    def answer(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(self.name)))
        self.end_headers()
        self.wfile.write(self.name.encode())

    def log_message(self, *_message: object) -> None:
        """Keep quiet."""


class Away(Copy):
    """The page for when nobody is there."""

    name = "away"

    def do_GET(self) -> None:
        self.answer(503)

    do_POST = do_GET


class Machine:
    """Two copies of the shop and the page behind the real Traefik, over HTTP and over HTTPS."""

    def __init__(self, folder: Path) -> None:
        self.port, self.secure = free_port(), free_port()
        self.servers: dict[str, http.server.ThreadingHTTPServer] = {}
        text = ROUTES.replace('{{ env "DOMAIN" }}', HOST)
        for name, port in (("shop1", 8000), ("shop2", 8000), ("away", 8080)):
            kind = type(name, (Away if name == "away" else Copy,), {"name": name})
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), kind)
            threading.Thread(target=server.serve_forever, daemon=True).start()
            self.servers[name] = server
            text = text.replace(f"http://{name}:{port}", f"http://127.0.0.1:{server.server_port}")
        (folder / "dynamic.yml").write_text(text)
        arguments = [
            *("--global.checknewversion=false", "--global.sendanonymoususage=false"),
            f"--entrypoints.websecure.address=127.0.0.1:{self.port}",
            "--entrypoints.websecure.http.middlewares=headers@file,compress@file",
            f"--entrypoints.tls.address=127.0.0.1:{self.secure}",
            "--entrypoints.tls.http.tls=true",
            f"--providers.file.filename={folder / 'dynamic.yml'}",
        ]
        self._log = (folder / "traefik.log").open("wb")
        traefik = Path(sys.executable).parent / "traefik"
        self._traefik = subprocess.Popen([traefik, *arguments], stdout=self._log, stderr=self._log)

    def ask(self, path: str = "/", method: str = "GET") -> httpx.Response:
        data = {"a": "b"} if method == "POST" else None
        return httpx.request(
            method, f"http://127.0.0.1:{self.port}{path}", headers={"Host": HOST}, data=data
        )

    def wait_for(self, names: set[str]) -> None:
        """Wait until exactly these answer."""
        deadline = time.monotonic() + 60
        seen: set[str] = set()
        while seen != names:
            assert time.monotonic() < deadline, seen
            try:
                seen = {self.ask().text for _ in range(6)}
            except httpx.TransportError:
                time.sleep(0.1)

    def lose(self, name: str) -> None:
        """End a copy: nobody listens on its port any more."""
        self.servers[name].shutdown()
        self.servers[name].server_close()

    def close(self) -> None:
        self._traefik.kill()
        self._traefik.wait(10)
        self._log.close()
        for name in self.servers:
            self.lose(name)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(tmp_path)
    try:
        made.wait_for({"shop1", "shop2"})
        yield made
    finally:
        made.close()


def test_a_copy_that_dies_fails_no_request_and_without_any_there_is_a_page(
    machine: Machine,
) -> None:
    machine.lose("shop1")
    answers = [machine.ask(method=method) for method in ("GET", "POST") * 6]
    assert {(a.status_code, a.text) for a in answers} == {(200, "shop2")}
    machine.lose("shop2")
    gone = [machine.ask(method=method) for method in ("GET", "POST") * 3]
    assert {(a.status_code, a.text) for a in gone} == {(503, "away")}


def test_without_a_certificate_there_is_no_connection_instead_of_a_false_one(
    machine: Machine,
) -> None:
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", machine.secure), timeout=10) as plain,
        pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"),
    ):
        anybody.wrap_socket(plain, server_hostname=HOST)


def test_a_copy_that_is_not_ready_gets_no_reader(machine: Machine) -> None:
    handler: Any = machine.servers["shop1"].RequestHandlerClass
    handler.ready = False
    machine.wait_for({"shop2"})
    handler.ready = True
    machine.wait_for({"shop1", "shop2"})


def test_what_is_private_is_closed_and_signing_in_is_limited(machine: Machine) -> None:
    assert {machine.ask(f"/{path}").status_code for path in segments.PRIVATE} == {404}
    tries: list[int] = []
    with httpx.Client(headers={"Host": HOST}) as client:
        while 429 not in tries and len(tries) < 90:  # it refills meanwhile
            login = client.post(f"http://127.0.0.1:{machine.port}/login", data={"a": "b"})
            tries.append(login.status_code)
    assert {*tries[:30]} == {200}
    assert tries[-1] == 429
    assert machine.ask("/login").status_code == 200


def test_the_guides_blocks_are_there_and_their_examples_are_all_replaced() -> None:
    blocks = commands(GUIDE.read_text())
    assert {*SET_UP, "deploy", "backup", "restore"} == set(blocks)
    for name, script in blocks.items():
        here = rehearsed(script, **{"registry.example.org/bookstore:1.1": "registry/next"})
        assert "example.org" not in here, name
        subprocess.run(["bash", "-n"], input=here, text=True, check=True)
    assert "ACME_DIRECTORY=https://acme.bookstore.test/dir\n" in rehearsed(blocks["settings"])


@pytest.mark.parametrize(
    "arguments", [[], ["deploy"], ["up", "now"], ["restore"], ["nonsense"], ["setting", "DOMAIN"]]
)
def test_the_script_shows_how_it_is_used(arguments: list[str]) -> None:
    done = subprocess.run([SCRIPT, *arguments], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: ")
    for command in ("up", "deploy IMAGE", "status", "backup", "schedule", "restore FOLDER"):
        assert f"\n  {command} " in done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="it refuses everybody but root")
def test_the_script_says_where_its_settings_are_missing(tmp_path: Path) -> None:
    shutil.copy(SCRIPT, tmp_path)
    done = subprocess.run(
        [tmp_path / "machine.sh", "up"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("There is no .env beside this file.")
