"""The services and tasks of the swarm as they are now, read from a manager."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from provisioning.ssh.transport import Connection

GONE = frozenset({"shutdown", "failed", "rejected", "orphaned", "remove", "complete"})
BROKEN = frozenset({"failed", "rejected", "orphaned"})


@dataclass(frozen=True)
class Task:
    """One task of a service."""

    id: str
    service: str  # the service's name
    node: str  # the node's id, "" while none is chosen
    slot: int
    state: str
    wanted: str  # running, shutdown, remove, ready, complete
    image: str
    current: bool  # made from the service's present specification
    error: str
    exit_code: int | None
    at: str  # when the state was reached
    created: str
    container: str = ""
    addresses: tuple[tuple[str, str], ...] = ()  # network and address, one pair each

    @property
    def runs(self) -> bool:
        """Tell whether it runs (healthy, where it has a health check) and is to go on running."""
        return self.state == "running" and self.wanted == "running"


@dataclass(frozen=True)
class Service:
    """One service."""

    id: str
    name: str
    spec: dict[str, Any]
    desired: int  # tasks that should run; for a global service, those on nodes that qualify
    update: str  # "", updating, paused, completed, rollback_started, rollback_paused, …
    message: str
    tasks: tuple[Task, ...]

    @property
    def stack(self) -> str:
        """Name the stack it belongs to, "" where it belongs to none."""
        return str((self.spec.get("Labels") or {}).get("com.docker.stack.namespace", ""))

    @property
    def replicas(self) -> int | None:
        """Give the number of replicas asked for; None for global services and jobs."""
        replicated = self.spec["Mode"].get("Replicated")
        return None if replicated is None else int(replicated["Replicas"])

    @property
    def running(self) -> tuple[Task, ...]:
        """Give the tasks that run."""
        return tuple(t for t in self.tasks if t.runs)

    @property
    def image(self) -> str:
        """Give the image asked for."""
        return str(self.spec["TaskTemplate"]["ContainerSpec"]["Image"])


def parse(inspected: str, listed: str, tasks: str) -> tuple[Service, ...]:
    """Put together `docker service inspect`, `service ls` and `inspect --type task`."""
    counts = {}
    for line in listed.splitlines():
        row = json.loads(line)
        counts[row["ID"]] = int(row["Replicas"].split()[0].partition("/")[2])
    rows = json.loads(inspected or "[]")
    specs = {row["ID"]: row["Spec"] for row in rows}
    by_service: dict[str, list[Task]] = {}
    for row in json.loads(tasks or "[]"):
        spec = specs.get(row["ServiceID"])
        if spec is not None:
            by_service.setdefault(row["ServiceID"], []).append(_task(row, spec))
    services = []
    for row in rows:
        status = row.get("UpdateStatus") or {}
        wanted = next((n for i, n in counts.items() if row["ID"].startswith(i)), 0)
        services.append(
            Service(
                id=row["ID"],
                name=row["Spec"]["Name"],
                spec=row["Spec"],
                desired=wanted,
                update=status.get("State", ""),
                message=status.get("Message", ""),
                tasks=tuple(sorted(by_service.get(row["ID"], []), key=lambda t: t.created)),
            )
        )
    return tuple(sorted(services, key=lambda s: s.name))


def read(connection: Connection) -> tuple[Service, ...]:
    """Ask a manager for all services and their tasks."""
    script = (
        'ids=$(docker service ls -q); [ -n "$ids" ] || exit 0; '
        "docker service inspect $ids | tr -d '\\n'; echo; echo ---; "
        "docker service ls --format '{{json .}}'; echo ---; "
        "tasks=$(docker service ps -q --no-trunc $ids 2>/dev/null); "
        "[ -z \"$tasks\" ] || docker inspect --type task $tasks 2>/dev/null | tr -d '\\n'; true"
    )
    out = connection.run(script, sudo=True, shown="read the services").stdout
    if not out.strip():
        return ()
    parts = out.split("\n---\n")
    return parse(*(part.strip() for part in [*parts, "", ""][:3]))


def _task(row: dict[str, Any], spec: dict[str, Any]) -> Task:
    status = row.get("Status") or {}
    container = status.get("ContainerStatus") or {}
    mine, wanted = row["Spec"], spec["TaskTemplate"]
    return Task(
        id=row["ID"],
        service=spec["Name"],
        node=row.get("NodeID", ""),
        slot=row.get("Slot", 0),
        state=status.get("State", "new"),
        wanted=row.get("DesiredState", ""),
        image=mine.get("ContainerSpec", {}).get("Image", ""),
        current=all(
            _essence(mine.get(part)) == _essence(wanted.get(part))
            for part in ("ContainerSpec", "Resources", "ForceUpdate")
        ),
        error=status.get("Err", ""),
        exit_code=container.get("ExitCode"),
        at=status.get("Timestamp", ""),
        created=row.get("CreatedAt", ""),
        container=container.get("ContainerID", ""),
        addresses=tuple(
            (attachment["Network"]["Spec"]["Name"], address.partition("/")[0])
            for attachment in row.get("NetworksAttachments") or []
            for address in attachment.get("Addresses") or []
        ),
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
