"""Stacks that earlier releases had and the newest has not, such as `app` once it is `services`."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable

from provisioning.cluster import Cluster
from provisioning.release.history import Release
from swarm.model import Service

REMOVAL = 120.0  # seconds


def left_over(
    releases: Iterable[Release], wanted: Collection[str], services: Iterable[Service]
) -> list[str]:
    """List stacks of ours whose services run and which are wanted no longer. Pure."""
    ours = {stack for release in releases for stack in release.stacks}
    return sorted(ours & {service.stack for service in services} - set(wanted))


def remove(cluster: Cluster, stacks: Iterable[str], say: Callable[[str], None]) -> None:
    """Remove stacks; what they refer to is cleared away with everything that nothing uses."""
    for stack in stacks:
        say(f"Removing the stack {stack}, which is wanted no longer …")
        cluster.manager().run(f"docker stack rm {shlex.quote(stack)}", sudo=True, timeout=REMOVAL)
