"""Nodes, services and tasks of a swarm, read from what Docker's API and `docker inspect` print.

The one model of them, for the autoscaler in the swarm and for the operator's tools. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]
Reserved = tuple[int, int]  # CPU in billionths, memory in bytes

GONE = frozenset({"shutdown", "failed", "rejected", "orphaned", "remove", "complete"})
BROKEN = frozenset({"failed", "rejected", "orphaned"})
# While one of these lasts, a change of scale would make the bad image the one to roll back to.
ROLLOUT = {
    "updating": "a rollout is under way",
    "paused": "its rollout is paused",
    "rollback_started": "a rollback is under way",
    "rollback_paused": "its rollback is paused",
}
_CONSTRAINT = re.compile(r"\s*([\w./-]+)\s*(==|!=)\s*(.*?)\s*")


@dataclass(frozen=True)
class Node:
    """A host, as the managers see it."""

    id: str
    hostname: str = ""
    address: str = ""
    role: str = "worker"
    state: str = "ready"  # ready, down, unknown, disconnected
    availability: str = "active"  # active, pause, drain
    labels: Mapping[str, str] = field(default_factory=dict)
    leader: bool = False
    reachability: str = ""  # managers only
    engine: str = ""  # its version
    engine_labels: Mapping[str, str] = field(default_factory=dict)
    system: str = "linux"
    resources: Reserved = (0, 0)

    @property
    def usable(self) -> bool:
        """Tell whether it is up and takes new tasks."""
        return self.state == "ready" and self.availability == "active"

    @property
    def attributes(self) -> Mapping[str, str]:
        """Return what placement constraints may ask for."""
        return {
            "node.id": self.id,
            "node.hostname": self.hostname,
            "node.role": self.role,
            "node.platform.os": self.system,
            **{f"node.labels.{k}": v for k, v in self.labels.items()},
            **{f"engine.labels.{k}": v for k, v in self.engine_labels.items()},
        }

    def meets(self, constraints: Iterable[str]) -> bool:
        """Tell whether it meets all constraints; those on what is not known count as met."""
        attributes = self.attributes
        for text in constraints:
            match = _CONSTRAINT.fullmatch(text)
            if match is None:
                continue
            key, operator, value = match.groups()
            have = attributes.get(key, "" if ".labels." in key else None)
            if have is not None and (have.lower() == value.lower()) != (operator == "=="):
                return False
        return True


@dataclass(frozen=True)
class Task:
    """One task of a service."""

    id: str
    service: str = ""  # the service's id
    node: str = ""  # the node's id, "" while none is chosen
    state: str = "new"  # new, pending, …, running, …, failed
    created: str = ""
    addresses: Mapping[str, str] = field(default_factory=dict)  # network name to IP address
    reserved: Reserved = (0, 0)
    slot: int = 0  # which of the service's replicas it is
    wanted: str = "running"  # running, shutdown, remove, ready, complete
    image: str = ""
    current: bool = True  # made from the service's present specification
    error: str = ""
    exit_code: int | None = None
    at: str = ""  # when the state was reached
    container: str = ""

    @property
    def runs(self) -> bool:
        """Tell whether it runs (healthy, where it has a health check) and is to go on running."""
        return self.state == "running" and self.wanted == "running"


@dataclass(frozen=True)
class Service:
    """A service: `version` goes back with an update, so that no change of others is lost."""

    id: str
    name: str
    version: int
    spec: Json
    update: str = ""  # updating, paused, completed, rollback_started, … "" when never updated
    message: str = ""
    desired: int = 0  # tasks that should run; for a global service, one on each node that fits
    tasks: tuple[Task, ...] = ()  # oldest first

    @property
    def labels(self) -> Mapping[str, str]:
        """Return the service's own labels (not those of its containers)."""
        return self.spec.get("Labels") or {}

    @property
    def replicas(self) -> int | None:
        """Return the configured number of replicas; None for a service that has none to set."""
        mode = self.spec.get("Mode", {}).get("Replicated")
        return None if mode is None else int(mode.get("Replicas", 1))

    @property
    def rollout(self) -> str:
        """Say in words which change of it is not finished, "" where none is."""
        return ROLLOUT.get(self.update, "")

    @property
    def stack(self) -> str:
        """Name the stack it belongs to, "" where it belongs to none."""
        return str(self.labels.get("com.docker.stack.namespace", ""))

    @property
    def running(self) -> tuple[Task, ...]:
        """Return the tasks that run."""
        return tuple(t for t in self.tasks if t.runs)

    @property
    def image(self) -> str:
        """Return the image asked for."""
        return str(self.spec["TaskTemplate"]["ContainerSpec"]["Image"])

    @property
    def constraints(self) -> tuple[str, ...]:
        """Return its placement constraints."""
        placement = self.spec.get("TaskTemplate", {}).get("Placement") or {}
        return tuple(placement.get("Constraints") or ())


@dataclass(frozen=True)
class Snapshot:
    """The swarm at one moment."""

    services: tuple[Service, ...] = ()
    tasks: tuple[Task, ...] = ()
    nodes: tuple[Node, ...] = ()

    def service(self, name: str) -> Service | None:
        """Find a service by its name."""
        return next((s for s in self.services if s.name == name), None)


def parse(services: list[Json], tasks: list[Json], nodes: list[Json]) -> Snapshot:
    """Read lists of services, tasks and nodes; services come with their tasks, sorted by name."""
    specs = {row["ID"]: row["Spec"] for row in services}
    members = parse_nodes(nodes)
    found = tuple(parse_task(row, specs.get(row.get("ServiceID", ""))) for row in tasks)
    by_service: dict[str, list[Task]] = {}
    for task in sorted(found, key=lambda t: t.created):
        by_service.setdefault(task.service, []).append(task)
    whole = [
        replace(
            service,
            desired=_desired(service, members, by_service.get(service.id, [])),
            tasks=tuple(by_service.get(service.id, ())),
        )
        for service in map(parse_service, services)
    ]
    return Snapshot(tuple(sorted(whole, key=lambda s: s.name)), found, members)


def parse_nodes(rows: list[Json]) -> tuple[Node, ...]:
    """Read all nodes, sorted by name."""
    return tuple(sorted(map(parse_node, rows), key=lambda n: n.hostname))


def parse_service(row: Json) -> Service:
    """Read one service, without its tasks."""
    status = row.get("UpdateStatus") or {}
    return Service(
        id=row["ID"],
        name=row["Spec"]["Name"],
        version=int(row["Version"]["Index"]),
        spec=row["Spec"],
        update=status.get("State", ""),
        message=status.get("Message", ""),
    )


def parse_task(row: Json, service: Json | None = None) -> Task:
    """Read one task; `service` is its service's present specification."""
    addresses = {}
    for attachment in row.get("NetworksAttachments") or ():
        name = (attachment.get("Network") or {}).get("Spec", {}).get("Name", "")
        for address in attachment.get("Addresses") or ():
            addresses[name] = address.partition("/")[0]
    status, mine = row.get("Status") or {}, row.get("Spec") or {}
    container = status.get("ContainerStatus") or {}
    wanted = (service or {}).get("TaskTemplate", {})
    return Task(
        id=row["ID"],
        service=row.get("ServiceID", ""),
        node=row.get("NodeID", ""),
        state=status.get("State", "new"),
        created=row.get("CreatedAt", ""),
        addresses=addresses,
        reserved=reservations(mine),
        slot=int(row.get("Slot") or 0),
        wanted=row.get("DesiredState", ""),
        image=mine.get("ContainerSpec", {}).get("Image", ""),
        current=all(
            _essence(mine.get(part)) == _essence(wanted.get(part))
            for part in ("ContainerSpec", "Resources", "ForceUpdate")
        ),
        error=status.get("Err", ""),
        exit_code=container.get("ExitCode"),
        at=status.get("Timestamp", ""),
        container=container.get("ContainerID", ""),
    )


def parse_node(row: Json) -> Node:
    """Read one node."""
    spec, description = row["Spec"], row.get("Description") or {}
    engine, platform = description.get("Engine") or {}, description.get("Platform") or {}
    have = description.get("Resources") or {}
    manager, status = row.get("ManagerStatus") or {}, row.get("Status") or {}
    return Node(
        id=row["ID"],
        hostname=description.get("Hostname", ""),
        # A manager's own Status.Addr may read 0.0.0.0; its raft address does not.
        address=manager.get("Addr", "").rpartition(":")[0] or status.get("Addr", ""),
        role=spec.get("Role", ""),
        state=status.get("State", ""),
        availability=spec.get("Availability", ""),
        labels=spec.get("Labels") or {},
        leader=bool(manager.get("Leader")),
        reachability=manager.get("Reachability", ""),
        engine=engine.get("EngineVersion", ""),
        engine_labels=engine.get("Labels") or {},
        system=platform.get("OS", ""),
        resources=(int(have.get("NanoCPUs", 0)), int(have.get("MemoryBytes", 0))),
    )


def reservations(template: Mapping[str, Any]) -> Reserved:
    """Read what a replica reserves from a task's specification."""
    asked = (template.get("Resources") or {}).get("Reservations") or {}
    return int(asked.get("NanoCPUs", 0)), int(asked.get("MemoryBytes", 0))


def _desired(service: Service, nodes: Iterable[Node], tasks: Iterable[Task]) -> int:
    """Count the tasks that should run. A host that takes nothing new keeps what it has."""
    if service.replicas is not None:
        return service.replicas
    if "Global" not in service.spec.get("Mode", {}):
        return 0
    kept = {t.node for t in tasks if t.wanted == "running"}
    return sum(
        n.state == "ready"
        and (n.availability == "active" or (n.availability == "pause" and n.id in kept))
        and n.meets(service.constraints)
        for n in nodes
    )


def _essence(value: Any) -> Any:
    """Leave out what is empty: the engine shows some empty parts for services only."""
    if isinstance(value, dict):
        # A default grace period, too, is spelled out for services only.
        kept = {k: _essence(item) for k, item in value.items() if k != "StopGracePeriod"}
        return {key: item for key, item in kept.items() if item} or None
    if isinstance(value, list):
        return [_essence(item) for item in value] or None
    return value or None
