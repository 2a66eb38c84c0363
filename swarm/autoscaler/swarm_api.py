"""The few calls of Docker's API that scaling needs, straight over HTTP.

Not with Docker's SDK: that rebuilds a service's specification from the parts it knows, and drops
the others. Here it goes back as it came, except for the number of replicas.
"""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Mapping
from typing import Any

from swarm.model import Json, Service, Snapshot, parse, parse_service

TIMEOUT = 3.0  # seconds, for each of connecting, sending and receiving
ANSWER_LIMIT = 64 * 2**20  # bytes


class SwarmError(Exception):
    """The swarm could not be asked or refused: one sentence."""


class Conflict(SwarmError):
    """Somebody else changed the service at the same time; nothing was done."""


def get(url: str, timeout: float = TIMEOUT) -> str:
    """Fetch a page of text; raise SwarmError with a sentence when that fails."""
    status, body, _ = _request("GET", url, None, timeout)
    if status != 200:
        raise SwarmError(f"{url} answers {status}.")
    return body


class Swarm:
    """Docker's API at an address such as http://socket:2375."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._prefix = ""  # the API's version, from the first answer

    def snapshot(self) -> Snapshot:
        """Read services, tasks and nodes."""
        query = urllib.parse.quote(json.dumps({"desired-state": ["running"]}))
        return parse(
            self._call("GET", "/services"),
            self._call("GET", f"/tasks?filters={query}"),
            self._call("GET", "/nodes"),
        )

    def service(self, service_id: str) -> Service:
        """Read one service afresh."""
        return parse_service(self._call("GET", f"/services/{service_id}"))

    def scale(self, service: Service, replicas: int) -> None:
        """Set the replicas of a service as it was read; raise Conflict when it has changed."""
        spec = json.loads(json.dumps(service.spec))
        spec["Mode"]["Replicated"]["Replicas"] = replicas
        self._call("POST", f"/services/{service.id}/update?version={service.version}", spec)

    def _call(self, method: str, path: str, body: Json | None = None) -> Any:
        if not self._prefix:
            _, _, headers = _request("GET", f"{self._url}/_ping", None, TIMEOUT)
            version = headers.get("api-version", "")
            # Reading and writing in one version, the engine's own, keeps every field.
            self._prefix = f"/v{version}" if version else ""
        status, text, _ = _request(method, f"{self._url}{self._prefix}{path}", body, TIMEOUT)
        if status < 300:
            return json.loads(text)
        reason = _message(text)
        if status == 409 or "out of sequence" in reason:
            raise Conflict(f"The service was changed at the same time ({reason}).")
        raise SwarmError(f"Docker's API refuses {method} {path.partition('?')[0]}: {reason}.")


def _request(
    method: str, url: str, body: Json | None, timeout: float
) -> tuple[int, str, Mapping[str, str]]:
    parts = urllib.parse.urlsplit(url)
    path = urllib.parse.urlunsplit(("", "", parts.path or "/", parts.query, ""))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        data = None if body is None else json.dumps(body)
        connection.request(method, path, data, {"Content-Type": "application/json"})
        response = connection.getresponse()
        content = response.read(ANSWER_LIMIT)
        headers = {name.lower(): value for name, value in response.getheaders()}
        return response.status, content.decode("utf-8", "replace"), headers
    except (OSError, http.client.HTTPException) as error:
        why = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        place = f"{parts.scheme}://{parts.netloc}"
        raise SwarmError(f"{place} cannot be asked: {why or type(error).__name__}.") from None
    finally:
        connection.close()


def _message(text: str) -> str:
    """Find the reason in the API's answer."""
    try:
        reason = json.loads(text)["message"]
    except (ValueError, KeyError, TypeError):
        reason = text.strip() or "no reason given"
    return str(reason).rstrip(".")
