"""Bring the database up to date before a release, by a task that runs once."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping
from typing import Any

from provisioning import live
from provisioning.errors import OperatorError
from provisioning.facts import seat
from provisioning.failures import tail
from provisioning.fleet import Fleet
from provisioning.history import Release
from provisioning.inventory import Inventory
from provisioning.stacks import Document, as_mapping
from provisioning.transport import Connection

MIGRATED = "bookstore.migrate"  # the label of the service whose image knows `bookstore migrate`
PATIENCE = 600.0  # seconds


def find(release: Release) -> tuple[Document, Mapping[str, Any]] | None:
    """Find the service to migrate with: the one labelled bookstore.migrate=true."""
    for document in release.stacks.values():
        for service in document["services"].values():
            labels = as_mapping((service.get("deploy") or {}).get("labels"))
            if labels.get(MIGRATED) == "true":
                return document, service
    return None


def command(name: str, document: Document, service: Mapping[str, Any]) -> str:
    """Give the command that starts the migration with the service's settings and secrets."""
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


def migrate(
    inventory: Inventory, fleet: Fleet, release: Release, say: Callable[[str], None]
) -> None:
    """Run the migration and wait for it; raise with its last lines if it fails."""
    found = find(release)
    if found is None:
        return
    connection = seat(inventory, fleet)
    name = f"{inventory.cluster.name}-migrate"
    started = time.monotonic()
    say("  migrating the database")
    connection.run(f"docker service rm {name} >/dev/null 2>&1; true", sudo=True)
    connection.run(command(name, *found), sudo=True, shown="start the migration")
    try:
        task = _finished(connection, name, started + PATIENCE)
        if task is None or task.state != "complete":
            raise OperatorError(_story(inventory, fleet, name, task))
    finally:
        connection.run(f"docker service rm {name}", sudo=True, check=False)
    say(f"  migrated the database ({time.monotonic() - started:.0f} s)")


def _finished(connection: Connection, name: str, deadline: float) -> live.Task | None:
    """Wait for the migration's task to end; None when time runs out before it does."""
    while time.monotonic() < deadline:
        for service in live.read(connection):
            for task in service.tasks:
                if service.name == name and task.state in live.GONE:
                    return task
        time.sleep(1)
    return None


def _story(inventory: Inventory, fleet: Fleet, name: str, task: live.Task | None) -> str:
    why = f"did not end within {PATIENCE:g} seconds" if task is None else f"failed ({task.error})"
    lines = [f"  | {fleet.redact(line)}" for line in tail(inventory, fleet, name)]
    return "\n".join(
        [f"The database migration {why}, so nothing was deployed. Its last lines:", *lines]
    )
