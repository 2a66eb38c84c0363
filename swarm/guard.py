#!/usr/bin/env python3
"""Docker's API for one purpose: a proxy that looks into what is asked for.

Whoever may update a service may run anything as root on its host. So an update passes only when it
changes nothing but what the service behind this proxy is there to change:

    guard.py replicas               the number of replicas, within the service's own bounds
    guard.py certificate SERVICE    which certificate that one service is given

Needs nothing but the standard library: it also runs in certbot's image.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import sys
import urllib.parse
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SOCKET = "/var/run/docker.sock"
LIMIT = 4 * 2**20  # bytes of a request
TIMEOUT = 30.0
CERTIFICATE = "certificate"  # the secret's file, and the value of its label
LABEL = "bookstore.secret"
SCALING = "bookstore.autoscale."
UPDATE = re.compile(r"(?P<version>/v[0-9.]+)?/services/(?P<id>[A-Za-z0-9_.-]+)/update")
CREATE = re.compile(r"(/v[0-9.]+)?/secrets/create")
READS = {
    "replicas": re.compile(r"(/v[0-9.]+)?/(_ping|services(/[A-Za-z0-9_.-]+)?|tasks|nodes)"),
    "certificate": re.compile(r"(/v[0-9.]+)?/(_ping|secrets|services/{service})"),
}

Json = dict[str, Any]
Answer = tuple[int, bytes, str, str]  # status, body, its type, the API's version
Ask = Callable[[str, str, bytes | None], Answer]


class Refused(Exception):
    """The request is not what this proxy is there for; why, in a sentence."""


class Guard:
    """Decides what passes to the engine."""

    def __init__(self, purpose: str, service: str, ask: Ask) -> None:
        self._purpose = purpose
        self._service = service
        self._ask = ask
        pattern = READS[purpose].pattern.replace("{service}", re.escape(service))
        self._reads = re.compile(pattern)

    def answer(self, method: str, target: str, body: bytes) -> Answer:
        """Pass a request on, or refuse it."""
        parts = urllib.parse.urlsplit(target)
        if method in ("GET", "HEAD"):
            if not self._reads.fullmatch(parts.path):
                raise Refused(f"{parts.path} is not to be read here.")
            return self._ask(method, target, None)
        if method != "POST":
            raise Refused(f"{method} is not to be used here.")
        wanted = _object(body)
        if self._purpose == "certificate" and CREATE.fullmatch(parts.path):
            self._check_secret(wanted)
            passed = parts.path
        elif match := UPDATE.fullmatch(parts.path):
            version = self._check_update(match, parts.query, wanted)
            passed = f"{parts.path}?version={version}"
        else:
            raise Refused(f"{parts.path} is not to be changed here.")
        # What was examined is passed on, and not what came: the engine reads a key that is there
        # twice otherwise than we do.
        return self._ask(method, passed, json.dumps(wanted).encode())

    def _check_secret(self, secret: Json) -> None:
        name, labels = str(secret.get("Name", "")), secret.get("Labels")
        if not re.fullmatch(r"certificate_[0-9a-f]{12}", name) or labels != {LABEL: CERTIFICATE}:
            raise Refused("Only certificates are to be stored here.")
        if secret.keys() - {"Name", "Labels", "Data"}:
            raise Refused("A certificate has a name, a label and its data, and nothing else.")

    def _check_update(self, match: re.Match[str], query: str, wanted: Json) -> str:
        prefix = match["version"] or ""
        asked = urllib.parse.parse_qs(query, keep_blank_values=True)
        if asked.keys() != {"version"} or len(asked["version"]) != 1:
            raise Refused("An update names the version that it changes, and nothing else.")
        service = self._read(f"{prefix}/services/{match['id']}")
        # The engine refuses the update should the service change after this look.
        if str(service["Version"]["Index"]) != asked["version"][0]:
            raise Refused("The service was changed meanwhile: its version is out of sequence.")
        spec = service["Spec"]
        if self._purpose == "replicas":
            _check_replicas(spec, wanted)
        elif spec["Name"] != self._service:
            raise Refused(f"Only {self._service} is to be changed here.")
        else:
            self._check_certificate(prefix, spec, wanted)
        return asked["version"][0]

    def _check_certificate(self, prefix: str, spec: Json, wanted: Json) -> None:
        kept, given = _without_certificate(wanted)
        if kept != _without_certificate(spec)[0]:
            raise Refused("Only the certificate is to be changed here.")
        for entry in given:
            secret = self._read(f"{prefix}/secrets/{_word(entry.get('SecretID'))}")["Spec"]
            if (secret.get("Labels") or {}).get(LABEL) != CERTIFICATE or secret[
                "Name"
            ] != entry.get("SecretName"):
                raise Refused("Only a certificate is to be given to the edges here.")

    def _read(self, path: str) -> Json:
        status, body, _, _ = self._ask("GET", path, None)
        if status != 200:
            raise Refused(f"{path} cannot be read ({status}).")
        return _object(body)


def _check_replicas(spec: Json, wanted: Json) -> None:
    """Let pass what changes the replicas alone, within the bounds that the service's labels set."""
    labels = spec.get("Labels") or {}
    before, after = (_without_replicas(s) for s in (spec, wanted))
    if before is None or after is None or before != after:
        raise Refused("Only the number of replicas is to be changed here.")
    count = wanted["Mode"]["Replicated"]["Replicas"]
    now = spec["Mode"]["Replicated"].get("Replicas", 1)
    most = labels.get(f"{SCALING}max", "")
    if not any(key.startswith(SCALING) for key in labels):
        raise Refused("The service does not ask to be scaled: it has no label for that.")
    if type(count) is not int or count < 0 or (most.isdecimal() and count > max(int(most), now)):
        raise Refused(f"{count} replicas are outside the bounds that the service's labels set.")


def _without_replicas(spec: Json) -> Json | None:
    mode = spec.get("Mode")
    if not isinstance(mode, dict) or not isinstance(mode.get("Replicated"), dict):
        return None
    rest = {k: v for k, v in mode["Replicated"].items() if k != "Replicas"}
    return {**spec, "Mode": {**mode, "Replicated": rest}}


def _without_certificate(spec: Json) -> tuple[Json, list[Json]]:
    """Split a specification into the certificate's entries and all the rest."""
    copied: Json = json.loads(json.dumps(spec))
    container = (copied.get("TaskTemplate") or {}).get("ContainerSpec")
    if not isinstance(container, dict):
        raise Refused("The service has no containers.")
    entries = container.pop("Secrets", None) or []
    files = [e.get("File") or {} for e in entries]
    ours = [e for e, f in zip(entries, files, strict=True) if f.get("Name") == CERTIFICATE]
    rest = [e for e in entries if e not in ours]
    if len(ours) > 1:
        raise Refused("One certificate is enough.")
    container["Secrets"] = rest
    return copied, ours


def _object(body: bytes) -> Json:
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise Refused("The body is no JSON object.")
    return value


def _word(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9]+", value):
        raise Refused("A secret is named by its id.")
    return value


class _Unix(http.client.HTTPConnection):
    """HTTP over the engine's socket."""

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect(SOCKET)


def ask_engine(method: str, target: str, body: bytes | None) -> Answer:
    """Ask the engine; nothing of the caller's headers is passed on."""
    connection = _Unix("docker", timeout=TIMEOUT)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, target, body, headers)
        response = connection.getresponse()
        kind = response.headers.get("Content-Type", "application/json")
        return response.status, response.read(), kind, response.headers.get("Api-Version", "")
    finally:
        connection.close()


def handler_of(guard: Guard) -> type[BaseHTTPRequestHandler]:
    """Return the handler of HTTP requests."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = TIMEOUT

        def _do(self) -> None:
            length = self.headers.get("Content-Length", "0")
            if not length.isdecimal() or int(length) > LIMIT or "Transfer-Encoding" in self.headers:
                self.close_connection = True
                self._say(413, json.dumps({"message": "The request is too long."}).encode())
                return
            body = self.rfile.read(int(length))
            try:
                status, said, kind, version = guard.answer(self.command, self.path, body)
            except Refused as refusal:
                print(f"Refused {self.command} {self.path}: {refusal}", file=sys.stderr, flush=True)
                status = 409 if "out of sequence" in str(refusal) else 403
                said, kind, version = json.dumps({"message": str(refusal)}).encode(), "", ""
            except (OSError, http.client.HTTPException) as error:
                said = json.dumps({"message": f"The engine does not answer ({error})."}).encode()
                status, kind, version = 502, "", ""
            self._say(status, said, kind, version)

        do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = _do

        def _say(self, status: int, body: bytes, kind: str = "", version: str = "") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind or "application/json")
            self.send_header("Content-Length", str(len(body)))
            if version:
                self.send_header("Api-Version", version)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base's name
            """Keep quiet about what passes."""

    return Handler


def main(argv: list[str]) -> int:
    """Serve on port 2375 until stopped."""
    purpose, service = (*argv, "", "")[:2]
    if purpose not in READS or (purpose == "certificate") != bool(service):
        print(__doc__, file=sys.stderr)
        return 2
    guard = Guard(purpose, service, ask_engine)
    ThreadingHTTPServer(("0.0.0.0", 2375), handler_of(guard)).serve_forever()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
