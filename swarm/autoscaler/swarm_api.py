"""The few calls of Docker's API that scaling needs, straight over HTTP.

Not with Docker's SDK: that rebuilds a service's specification from the parts it knows, and drops
the others. Here it goes back as it came, except for the number of replicas.
"""

from __future__ import annotations

import http.client
import json
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
Reserved = tuple[int, int]  # CPU in billionths, memory in bytes
TIMEOUT = 3.0  # seconds, for each of connecting, sending and receiving
ANSWER_LIMIT = 64 * 2**20  # bytes


class SwarmError(Exception):
    """The swarm could not be asked or refused: one sentence."""


class Conflict(SwarmError):
    """Somebody else changed the service at the same time; nothing was done."""


@dataclass(frozen=True)
class Service:
    """A service: `version` goes back with an update, so that no change of others is lost."""

    id: str
    name: str
    version: int
    spec: Json
    update_state: str = ""  # updating, paused, rollback_started, ... "" when never updated

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the service's own labels (not those of its containers)."""
        return self.spec.get("Labels") or {}

    @property
    def replicas(self) -> int | None:
        """Return the configured number of replicas; None for a service that has none to set."""
        mode = self.spec.get("Mode", {}).get("Replicated")
        return None if mode is None else int(mode.get("Replicas", 1))


@dataclass(frozen=True)
class Task:
    """A replica, as the managers see it."""

    id: str
    service: str
    node: str
    state: str  # new, pending, ..., running, ..., failed
    created: str
    addresses: Mapping[str, str] = field(default_factory=dict)  # network name to IP address
    reserved: Reserved = (0, 0)
    slot: int = 0  # which of the service's replicas it is


@dataclass(frozen=True)
class Node:
    """A host; `attributes` are what placement constraints may ask for."""

    id: str
    usable: bool
    resources: Reserved
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Snapshot:
    """The swarm at one moment. `tasks` are those that are meant to run."""

    services: tuple[Service, ...]
    tasks: tuple[Task, ...]
    nodes: tuple[Node, ...]


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
        return _service(self._call("GET", f"/services/{service_id}"))

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


def parse(services: list[Json], tasks: list[Json], nodes: list[Json]) -> Snapshot:
    """Make a snapshot of what the API answered."""
    return Snapshot(
        tuple(map(_service, services)), tuple(map(_task, tasks)), tuple(map(_node, nodes))
    )


def reservations(template: Mapping[str, Any]) -> Reserved:
    """Read what a replica reserves from a task's specification."""
    asked = (template.get("Resources") or {}).get("Reservations") or {}
    return int(asked.get("NanoCPUs", 0)), int(asked.get("MemoryBytes", 0))


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


def _service(item: Json) -> Service:
    state = (item.get("UpdateStatus") or {}).get("State", "")
    spec = item["Spec"]
    return Service(item["ID"], spec["Name"], int(item["Version"]["Index"]), spec, state)


def _task(item: Json) -> Task:
    addresses = {}
    for attachment in item.get("NetworksAttachments") or ():
        name = (attachment.get("Network") or {}).get("Spec", {}).get("Name", "")
        for address in attachment.get("Addresses") or ():
            addresses[name] = address.partition("/")[0]
    return Task(
        item["ID"],
        item.get("ServiceID", ""),
        item.get("NodeID", ""),
        (item.get("Status") or {}).get("State", ""),
        item.get("CreatedAt", ""),
        addresses,
        reservations(item.get("Spec") or {}),
        int(item.get("Slot") or 0),
    )


def _node(item: Json) -> Node:
    spec, description = item["Spec"], item.get("Description") or {}
    engine, platform = description.get("Engine") or {}, description.get("Platform") or {}
    have = description.get("Resources") or {}
    attributes = {
        "node.id": item["ID"],
        "node.hostname": description.get("Hostname", ""),
        "node.role": spec.get("Role", ""),
        "node.platform.os": platform.get("OS", ""),
    }
    attributes |= {f"node.labels.{k}": v for k, v in (spec.get("Labels") or {}).items()}
    attributes |= {f"engine.labels.{k}": v for k, v in (engine.get("Labels") or {}).items()}
    return Node(
        item["ID"],
        spec.get("Availability") == "active" and item.get("Status", {}).get("State") == "ready",
        (int(have.get("NanoCPUs", 0)), int(have.get("MemoryBytes", 0))),
        attributes,
    )
