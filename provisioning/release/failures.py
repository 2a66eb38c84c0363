"""What failed tasks said before they died: the part of a failed deployment people look for."""

from __future__ import annotations

import json
from collections.abc import Iterable

from provisioning.cluster import Cluster
from provisioning.release import gate
from swarm.model import Service, Task

LOG_LINES = 20


def last_words(cluster: Cluster, services: Iterable[Service], since: str) -> list[str]:
    """Tell, for each service, how its last failed task ended, with its last log lines."""
    lines = []
    for service in services:
        broken = gate.failures(service, since)
        if not broken:
            continue
        task = broken[-1]
        code = f", exit code {task.exit_code}" if task.exit_code else ""
        error = task.error or "it was stopped"
        lines.append(f"Task {service.name}.{task.slot} failed: {error}{code}")
        check = health(cluster, task)
        if check:
            lines += ["  Its health check said:", *(f"  | {line}" for line in check)]
        logs = tail(cluster, task.id)
        lines += ["  Its last log lines:", *(f"  | {line}" for line in logs)]
    return [cluster.redact(line) for line in lines]


def tail(cluster: Cluster, what: str) -> list[str]:
    """Return the last log lines of a task or service."""
    out = cluster.manager().run(
        f"timeout 10 docker service logs --raw --tail {LOG_LINES} {what} 2>&1",
        sudo=True,
        check=False,
    )
    return out.stdout.splitlines()[-LOG_LINES:] or ["(none)"]


def health(cluster: Cluster, task: Task) -> list[str]:
    """Return what the failing health check of a task's container printed last."""
    if not task.container:
        return []
    ask = f"docker inspect --format '{{{{json .State.Health}}}}' {task.container} 2>/dev/null"
    answers = cluster.fleet.each(
        cluster.hosts, lambda c: c.run(ask, sudo=True, check=False, timeout=10).stdout
    )
    for answer in answers.values():
        if isinstance(answer, str) and answer.strip():
            return parse_health(answer)
    return []


def parse_health(text: str) -> list[str]:
    """Read a container's State.Health: the last lines of the last check that failed."""
    state = json.loads(text) or {}
    failed = [row for row in state.get("Log") or [] if row.get("ExitCode")]
    return failed[-1].get("Output", "").strip().splitlines()[-5:] if failed else []
