"""AWS as hosts of a rehearsal see it: moto over HTTPS, and the metadata of instances.

`python -m tests.rehearsal.aws FOLDER` runs in the network of the VPC, whose router has AWS'
addresses.
"""

from __future__ import annotations

import json
import secrets
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from provisioning.rehearsal import guests, network
from provisioning.rehearsal.authority import AUTHORITY, issue
from provisioning.rehearsal.layout import CLOUD, ROUTER, VPC
from provisioning.rehearsal.system import run, wait_for

METADATA = "169.254.169.254"
TRUSTED = "truststore.pki.rds.amazonaws.com"
PLAIN = 5000  # where whoever arranges the account speaks to it
ENDPOINT = f"http://{ROUTER}:{PLAIN}"
ROLE = "instance-role"


@contextmanager
def serving(folder: Path, instances: dict[str, str]) -> Iterator[None]:
    """Serve AWS to the hosts of a rehearsal; `instances` has their ids by address."""
    (folder / "instances.json").write_text(json.dumps(instances))
    run(["ip", "-n", network.namespace(VPC), "address", "add", f"{METADATA}/32", "dev", "hosts"])
    names = f"address=/amazonaws.com/{ROUTER}"
    guests_resolver = f"echo {names} >>/etc/rehearsal/dnsmasq.conf"
    run(guests.shell(CLOUD, f"{guests_resolver}; systemctl restart rehearsal-resolver"))
    argv = network.inside(VPC, sys.executable, "-m", "tests.rehearsal.aws", str(folder))
    with (folder / "aws.log").open("wb") as log:
        process = subprocess.Popen(argv, stdout=log, stderr=log, cwd=Path(__file__).parents[2])
        try:
            wait_for(lambda: guests.answers(CLOUD, ROUTER, 443), "AWS does not answer", 120)
            yield
        finally:
            process.terminate()
            process.wait(30)
            run(["ip", "-n", network.namespace(VPC), "address", "delete", f"{METADATA}/32",
                 "dev", "hosts"])  # fmt: skip


class Metadata(BaseHTTPRequestHandler):
    """The metadata service, version 2: a session's token first."""

    instances: dict[str, str]
    sessions: set[str]

    def do_PUT(self) -> None:
        """Begin a session."""
        session = secrets.token_hex(16)
        self.sessions.add(session)
        self._answer(200, session)

    def do_GET(self) -> None:
        """Tell an instance of itself."""
        address = self.client_address[0]
        if self.headers.get("X-aws-ec2-metadata-token") not in self.sessions:
            self._answer(401, "")
            return
        credentials = "/latest/meta-data/iam/security-credentials/"
        keys = {
            "Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": "ASIAEXAMPLE",
            "SecretAccessKey": "secret", "Token": "token", "LastUpdated": "2026-01-01T00:00:00Z",
            "Expiration": "2099-01-01T00:00:00Z",
        }  # fmt: skip
        known = {
            "/latest/meta-data/instance-id": self.instances[address],
            "/latest/meta-data/local-ipv4": address,
            credentials: ROLE,
            credentials + ROLE: json.dumps(keys),
        }
        self._answer(200 if self.path in known else 404, known.get(self.path, ""))

    def _answer(self, status: int, text: str) -> None:
        self.send_response(status)
        if self.command == "PUT":
            self.send_header("X-aws-ec2-metadata-token-ttl-seconds", "60")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def main(folder: Path) -> None:
    """Serve until the process is ended."""
    Metadata.instances = json.loads((folder / "instances.json").read_text())
    Metadata.sessions = set()
    metadata = ThreadingHTTPServer((METADATA, 80), Metadata)
    moto = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        if environ.get("HTTP_HOST") == TRUSTED:
            start("200 OK", [("Content-Type", "text/plain")])
            return [AUTHORITY.read_bytes()]
        answered: Iterable[bytes] = moto(environ, start)
        return answered

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.sni_callback = lambda connection, name, _: setattr(
        connection, "context", _context(name or TRUSTED)
    )
    plain = make_server(ROUTER, PLAIN, application, threaded=True)
    secure = make_server(ROUTER, 443, application, threaded=True, ssl_context=context)
    for server in (metadata, plain):
        Thread(target=server.serve_forever, daemon=True).start()
    secure.serve_forever()


@cache
def _context(name: str) -> ssl.SSLContext:
    """Return what proves a name, by the authority that hosts trust."""
    certificate, key = issue(name)
    with tempfile.NamedTemporaryFile() as file:
        file.write(certificate + key)
        file.flush()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file.name)
    return context


if __name__ == "__main__":
    main(Path(sys.argv[1]))
