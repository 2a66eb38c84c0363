"""Scale services by hand and wait until their tasks are where they should be."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from provisioning.cluster import Cluster
from provisioning.errors import Interrupted, OperatorError
from provisioning.inventory import Host
from provisioning.release.alive import PAUSE
from provisioning.release.stacks import SCALE
from provisioning.ssh.transport import LockLost
from swarm.autoscaler.labels import PREFIX as AUTOSCALED
from swarm.model import GONE, Node, Service

PATIENCE = 180.0  # seconds for tasks to move
POLL = 1.0


def scales(service: Service) -> bool:
    """Tell whether a service may be scaled while it runs."""
    return service.labels.get(SCALE) == "live"


def refuse_rollout(services: Iterable[Service]) -> None:
    """Refuse while a service is being updated: scaling then would spoil its way back."""
    for service in services:
        if service.rollout:
            raise OperatorError(
                f"{service.name} is being updated ({service.update}). Wait for it, or deploy anew."
            )


def scale(cluster: Cluster, name: str, count: int) -> None:
    """Set a service's replicas."""
    cluster.manager().run(f"docker service scale --detach {name}={count}", sudo=True)


@contextmanager
def autoscaler_paused(cluster: Cluster, services: Iterable[Service]) -> Iterator[None]:
    """Have the autoscaler leave services alone: it would take away what is started on purpose."""
    held = [
        service.name
        for service in services
        if any(label.startswith(AUTOSCALED) for label in service.labels)
        and service.labels.get(PAUSE) != "true"
    ]
    wrong: BaseException | None = None
    try:
        for name in held:
            _label(cluster, name, f"--label-add {PAUSE}=true")
        yield
    except BaseException as error:
        wrong = error
        raise
    finally:
        if paused := [name for name in held if not _resumed(cluster, name)]:
            said = str(wrong) if isinstance(wrong, OperatorError | Interrupted) else ""
            for name in paused:
                said += f"\nThe autoscaler is still paused: ./run ops autoscaler resume {name}"
            kinds: tuple[type[BaseException], ...] = (LockLost, KeyboardInterrupt)
            kind = next((kind for kind in kinds if isinstance(wrong, kind)), OperatorError)
            raise (Interrupted if kind is KeyboardInterrupt else kind)(said.strip()) from wrong


def _resumed(cluster: Cluster, name: str) -> bool:
    try:
        _label(cluster, name, f"--label-rm {PAUSE}")
    except OperatorError:
        return False
    return True


def _label(cluster: Cluster, name: str, change: str) -> None:
    cluster.manager().run(f"docker service update --quiet --detach {change} {name}", sudo=True)


def until_full(cluster: Cluster, names: set[str]) -> None:
    """Wait until all replicas of these services run."""
    until(
        lambda: all(
            len(s.running) == s.desired == s.replicas for s in cluster.services() if s.name in names
        ),
        f"{', '.join(sorted(names))} did not get all replicas running",
    )


def until_empty(cluster: Cluster, node: Node) -> None:
    """Wait until a node runs no task."""
    until(
        lambda: (
            not any(t.node == node.id and t.state not in GONE for t in cluster.snapshot().tasks)
        ),
        f"{node.hostname} still runs tasks",
    )


def until_ready(cluster: Cluster, host: Host) -> None:
    """Wait until a host's node is ready."""
    until(lambda: cluster.node_of(host).state == "ready", f"{host.name} is not ready")


def until_calm(cluster: Cluster, name: str) -> None:
    """Wait until a service is not being rolled out: to change its labels begins that, too."""
    until(
        lambda: not any(s.rollout for s in cluster.services() if s.name == name),
        f"{name} is still being updated",
    )


def until_well(cluster: Cluster) -> None:
    """Wait until every service runs as many tasks as it should, and none is being rolled out."""
    until(
        lambda: all(
            len(s.running) >= s.desired and not s.rollout for s in cluster.services() if s.stack
        ),
        "not every service runs all its tasks",
    )


def until(true: Callable[[], bool], problem: str | Callable[[], str]) -> None:
    """Wait until something is true; raise with the problem when it does not become so."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            said = problem if isinstance(problem, str) else problem()
            raise OperatorError(f"After {PATIENCE:g} s {said}. See ./run ops status")
        time.sleep(POLL)
