#!/usr/bin/env python3
"""Issue and renew the edges' certificate: certbot asks, Docker Swarm keeps it and hands it out.

Runs in certbot's own image, so it needs nothing but the standard library. It answers the ACME
server's HTTP-01 challenge through whichever edge is asked, stores chain and key as a secret named
by the chain's hash, and puts that secret into the edge service, whose edges restart one by one.
A file called `renew` in the state folder asks for a new certificate before its time.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import http.client
import http.server
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

CHALLENGES = ".well-known/acme-challenge"
AUTHORITY = Path("/etc/acme/ca.pem")  # who signs for the ACME server, where it is a private one
CHECK_EVERY = 6 * 3600.0  # seconds; certbot renews when a third of the lifetime is left
LOOK_EVERY = 3.0  # seconds between looks for the `renew` file
# An ACME server that counts failures is not asked again at once.
RETRY_AFTER = (10.0, 30.0, 120.0, 600.0, 3600.0)
PUBLISH_AFTER = (5.0, 10.0, 30.0, 60.0)  # the swarm counts no failures
TARGET = "certificate"  # the secret's file name in the edges, and its label's value
BUSY = ("updating", "rollback_started")


def main() -> None:
    """Keep the edges supplied with a certificate for ever."""
    scratch = Path(tempfile.mkdtemp())
    webroot = scratch / "webroot"
    (webroot / CHALLENGES).mkdir(parents=True)
    serve(webroot)
    state = Path("/state")
    while True:
        keep_supplied(webroot, scratch, state)
        rest_until(time.monotonic() + CHECK_EVERY, state / "renew")


def keep_supplied(webroot: Path, scratch: Path, state: Path) -> None:
    """Get a certificate if one is due, and give it to the edges; insist on both."""
    asked = (state / "renew").exists()
    certificate = insist(lambda: obtain(webroot, scratch, state), RETRY_AFTER, state, asked)
    # Whatever becomes of it in the swarm: this one is there, and none is ordered in its place.
    (state / "renew").unlink(missing_ok=True)
    insist(lambda: publish(certificate), PUBLISH_AFTER, state, True)


def obtain(webroot: Path, scratch: Path, state: Path) -> bytes:
    """Return a certificate: the one there is, or a new one when that is due or asked for."""
    wait_for_edges(webroot, os.environ["DOMAIN"])
    force = (state / "renew").exists() or not same_authority(state)
    return issue(scratch, state, force=force)


def same_authority(state: Path) -> bool:
    """Tell whether the certificate that there is comes from the authority that is to be asked."""
    try:
        kept = (state / "config/renewal" / f"{os.environ['DOMAIN']}.conf").read_text()
    except FileNotFoundError:
        return True  # there is none
    found = re.search(r"^server *= *(\S+)", kept, re.MULTILINE)
    return found is None or found[1] == os.environ["ACME_DIRECTORY"]


def insist[T](work: Callable[[], T], pauses: tuple[float, ...], state: Path, asked: bool) -> T:
    """Do something until it succeeds, with longer and longer pauses."""
    failures = 0
    while True:
        try:
            return work()
        except (OSError, http.client.HTTPException, RuntimeError, ValueError) as error:
            pause = pauses[min(failures, len(pauses) - 1)]
            failures += 1
            say(f"No certificate yet: {error}. Trying again in {pause:g} s.")
            rest_until(time.monotonic() + pause, state / "renew", unless=asked)


def say(text: str) -> None:
    """Print a line for the service's log."""
    print(text, file=sys.stderr, flush=True)


def rest_until(deadline: float, signal: Path, *, unless: bool = False) -> None:
    """Sleep until a time, or until somebody makes the file, `unless` it was there before."""
    while time.monotonic() < deadline and (unless or not signal.exists()):
        time.sleep(LOOK_EVERY)


class Challenges(http.server.SimpleHTTPRequestHandler):
    """Serve the files of the webroot; list nothing, log nothing."""

    def list_directory(self, path: str | os.PathLike[str]) -> None:
        """Refuse to show what there is."""
        self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base class's name
        """Keep quiet: anybody on the internet may ask for anything."""


def serve(webroot: Path, port: int = 8080) -> http.server.ThreadingHTTPServer:
    """Answer challenges in the background."""
    handler = functools.partial(Challenges, directory=str(webroot))
    server = http.server.ThreadingHTTPServer(("0.0.0.0", port), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def wait_for_edges(webroot: Path, domain: str, seconds: float = 60) -> None:
    """Wait until every edge passes challenges on to us, so that the ACME server asks in vain never.

    Goes on after that time: an edge that is down must not keep the others from their certificate.
    """
    probe = webroot / CHALLENGES / "probe"
    probe.write_text(socket.gethostname())
    deadline = time.monotonic() + seconds
    while True:
        edges = edge_addresses()
        if edges and all(passes(edge, domain, probe) for edge in edges):
            return
        if time.monotonic() > deadline:
            say(f"Not every edge passes challenges on ({', '.join(edges) or 'there is none'}).")
            return
        time.sleep(1)


def edge_addresses() -> list[str]:
    """List the edges' addresses on the network that we share with them."""
    try:
        found = socket.getaddrinfo("edge", 8080, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []
    return sorted({str(address[4][0]) for address in found})


def passes(edge: str, domain: str, probe: Path) -> bool:
    """Tell whether an edge answers a challenge with our file."""
    url = f"http://{edge}:8080/{CHALLENGES}/{probe.name}"
    request = urllib.request.Request(url, headers={"Host": domain})
    try:
        with urllib.request.urlopen(request, timeout=2) as response:  # noqa: S310 — an edge
            return bool(response.read().decode() == probe.read_text())
    except OSError:
        return False


def issue(scratch: Path, state: Path, *, force: bool) -> bytes:
    """Let certbot get or renew the certificate when that is due; give chain and key as PEM."""
    domain = os.environ["DOMAIN"]
    argv = [
        *("certbot", "certonly", "--non-interactive", "--agree-tos", "--quiet"),
        *(
            "--webroot",
            "--webroot-path",
            str(scratch / "webroot"),
            "--domain",
            domain,
            "--cert-name",
            domain,
        ),
        *("--email", os.environ["ACME_EMAIL"], "--server", os.environ["ACME_DIRECTORY"]),
        *(
            "--config-dir",
            str(state / "config"),
            "--work-dir",
            str(scratch / "work"),
            "--logs-dir",
            str(scratch / "logs"),
        ),
        "--force-renewal" if force else "--keep-until-expiring",
    ]
    private = "BEGIN CERTIFICATE" in AUTHORITY.read_text()
    done = subprocess.run(
        argv,
        env={**os.environ, **({"REQUESTS_CA_BUNDLE": str(AUTHORITY)} if private else {})},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(" ".join(done.stdout.split())[-600:])
    live = state / "config/live" / domain
    return (live / "fullchain.pem").read_bytes() + (live / "privkey.pem").read_bytes()


def publish(certificate: bytes) -> None:
    """Store the certificate as a secret and give it to the edges, unless they have it."""
    # The chain is public: its hash tells nothing of the key.
    chain = re.split(rb"-----BEGIN [A-Z ]*PRIVATE KEY", certificate)[0]
    name = f"certificate_{hashlib.sha256(chain).hexdigest()[:12]}"
    secret = {
        "Name": name,
        "Labels": {"bookstore.secret": TARGET},
        "Data": base64.b64encode(certificate).decode(),
    }
    known = {item["Spec"]["Name"]: item["ID"] for item in docker("GET", "/secrets")}
    identifier = known.get(name) or docker("POST", "/secrets/create", secret)["ID"]
    service = os.environ["EDGE_SERVICE"]
    for _attempt in range(60):
        current = docker("GET", f"/services/{service}")
        if current.get("UpdateStatus", {}).get("State") in BUSY:
            time.sleep(5)  # somebody deploys: theirs first
            continue
        spec = with_secret(current["Spec"], name, identifier)
        if spec == current["Spec"]:
            return
        version = current["Version"]["Index"]
        try:
            docker("POST", f"/services/{current['ID']}/update?version={version}", spec)
        except urllib.error.HTTPError as error:
            if b"out of sequence" in error.read():
                continue  # somebody was faster: look again
            raise
        say(f"The edges take the new certificate {name}, one by one.")
        return
    raise RuntimeError(f"{service} is being updated all the time")


def with_secret(spec: dict[str, Any], name: str, identifier: str) -> dict[str, Any]:
    """Give a service's specification with the certificate in it instead of an earlier one."""
    changed: dict[str, Any] = json.loads(json.dumps(spec))
    container = changed["TaskTemplate"]["ContainerSpec"]
    others = [s for s in container.get("Secrets") or [] if s["File"]["Name"] != TARGET]
    file = {"Name": TARGET, "UID": "0", "GID": "0", "Mode": 0o400}
    ours = {"File": file, "SecretID": identifier, "SecretName": name}
    container["Secrets"] = [*others, ours]
    return changed


def docker(method: str, path: str, body: object = None) -> Any:
    """Call Docker's API; return what it answers."""
    request = urllib.request.Request(  # noqa: S310 — http, as the stack file says
        f"{os.environ['DOCKER_API']}{api_version()}{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=20) as response:  # noqa: S310 — the same
        return json.loads(response.read() or b"null")


def api_version() -> str:
    """Ask the engine which version of its API it speaks; newer engines refuse older versions."""
    ping = f"{os.environ['DOCKER_API']}/_ping"
    with urllib.request.urlopen(ping, timeout=20) as response:  # noqa: S310 — the same
        version = response.headers.get("Api-Version", "")
    return f"/v{version}" if version else ""


if __name__ == "__main__":
    main()
