"""Judge whether a deployment has succeeded, is under way or has failed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from swarm.model import BROKEN, GONE, Service, Task

ENOUGH = 3  # failed tasks for each wanted one after which a service is given up


@dataclass(frozen=True)
class Verdict:
    """What is to be said of one service."""

    service: str
    state: Literal["healthy", "waiting", "failed"]
    words: str


def judge(service: Service, since: str) -> Verdict:
    """Say how far a service has come after a deployment begun at `since` (the swarm's clock).

    A service is healthy when as many tasks as wanted run with its present specification and no
    update is under way; it has failed when the swarm gave up or went back.
    """
    current = sum(t.current for t in service.running)
    count = f"{current} of {service.desired} run the new release"
    if service.replicas == 0:
        count = "not wanted here"
    if service.update.startswith("rollback") and service.message:
        return Verdict(service.name, "failed", f"was rolled back by the swarm ({service.message})")
    if service.update == "paused":
        return Verdict(service.name, "failed", f"stopped half-way ({service.message})")
    broken = failures(service, since)
    if not current and len(broken) >= ENOUGH * max(service.desired, 1):
        return Verdict(service.name, "failed", f"does not start: {len(broken)} tasks failed")
    if (
        service.update == "updating"
        or current < service.desired
        or (service.desired == 0 and service.replicas != 0)
    ):
        why = f"; {len(broken)} failed" if broken else ""
        return Verdict(service.name, "waiting", count + why)
    old = len(service.running) - current
    if old:
        return Verdict(service.name, "waiting", f"{count}, {old} of the old still to stop")
    return Verdict(service.name, "healthy", count)


def failures(service: Service, since: str) -> list[Task]:
    """List the tasks that were made since then and ended, which none of a service's should.

    One that its health check ended may have left with exit code 0: that is a failure too.
    """
    return [
        task
        for task in service.tasks
        if task.created >= since and (task.state in BROKEN or (task.current and task.state in GONE))
    ]


def settled(verdicts: Iterable[Verdict]) -> bool:
    """Tell whether all services are healthy."""
    return all(v.state == "healthy" for v in verdicts)
