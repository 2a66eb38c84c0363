"""Bring the database up to date before a release, by a task that runs once."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from typing import Any

from provisioning.cluster import Cluster, snapshot
from provisioning.errors import OperatorError
from provisioning.release.failures import tail
from provisioning.release.history import Release
from provisioning.release.stacks import Document, as_mapping
from provisioning.ssh.transport import Connection
from swarm.model import GONE, Task

MIGRATED = "bookstore.migrate"  # the label of the service whose image knows `bookstore migrate`
PATIENCE = 600.0  # seconds


def find(release: Release) -> list[tuple[str, Document, Mapping[str, Any]]]:
    """Find the services to migrate with, and their stacks: those labelled bookstore.migrate=true.
    Each brings the tables of the contexts that it serves up to date."""
    return [
        (name, document, service)
        for document in release.stacks.values()
        for name, service in document["services"].items()
        if as_mapping((service.get("deploy") or {}).get("labels")).get(MIGRATED) == "true"
    ]


def command(name: str, document: Document, service: Mapping[str, Any]) -> str:
    """Return the command that starts the migration with the service's settings and secrets."""
    words = [
        *("docker", "service", "create", "--detach", "--quiet", "--name", name),
        *("--mode", "replicated-job", "--restart-condition", "none", "--no-healthcheck"),
        "--with-registry-auth",
        "--no-resolve-image",
    ]
    for key, value in as_mapping(service.get("environment")).items():
        words += ["--env", f"{key}={value}"]
    for item in service.get("secrets") or []:
        entry = item if isinstance(item, dict) else {"source": item}
        options = {
            "source": document["secrets"][entry["source"]].get("name", entry["source"]),
            "target": entry.get("target", entry["source"]),
            **{k: str(entry[k]) for k in ("uid", "gid") if k in entry},
            **({"mode": f"{int(entry['mode']):04o}"} if "mode" in entry else {}),
        }
        words += ["--secret", ",".join(f"{k}={v}" for k, v in options.items())]
    networks = service.get("networks") or []
    for key in networks:
        entry = (document.get("networks") or {}).get(key) or {}
        if entry.get("external"):
            words += ["--network", str(entry.get("name", key))]
    placement = (service.get("deploy") or {}).get("placement") or {}
    for rule in placement.get("constraints") or []:
        words += ["--constraint", rule]
    return shlex.join([*words, service["image"], "migrate"])


def migrate(cluster: Cluster, release: Release, say: Callable[[str], None]) -> None:
    """Run the migrations and wait for them; raise with the last lines of one that fails."""
    found = find(release)
    for service, document, settings in found:
        of = f" of {service}" if len(found) > 1 else ""
        say(f"  migrating the database{of}")
        started = time.monotonic()
        _migrate(cluster, document, settings)
        say(f"  migrated the database{of} ({time.monotonic() - started:.0f} s)")


def _migrate(cluster: Cluster, document: Document, service: Mapping[str, Any]) -> None:
    connection = cluster.manager()
    name = f"{cluster.name}-migrate"
    connection.run(f"docker service rm {name} >/dev/null 2>&1; true", sudo=True)
    connection.run(command(name, document, service), sudo=True, shown="start the migration")
    try:
        task = _finished(connection, name, time.monotonic() + PATIENCE)
        if task is None or task.state != "complete":
            raise OperatorError(_story(cluster, name, task))
    finally:
        connection.run(f"docker service rm {name}", sudo=True, check=False)


def _finished(connection: Connection, name: str, deadline: float) -> Task | None:
    """Wait for the migration's task to end; None when time runs out before it does."""
    while time.monotonic() < deadline:
        for service in snapshot(connection).services:
            for task in service.tasks:
                if service.name == name and task.state in GONE:
                    return task
        time.sleep(1)
    return None


def _story(cluster: Cluster, name: str, task: Task | None) -> str:
    why = f"did not end within {PATIENCE:g} seconds" if task is None else f"failed ({task.error})"
    lines = [f"  | {cluster.redact(line)}" for line in tail(cluster, name)]
    return "\n".join(
        [f"The database migration {why}, so nothing was deployed. Its last lines:", *lines]
    )
