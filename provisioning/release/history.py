"""Our own release history: each release is a config in the swarm, so it outlives any manager."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

from provisioning.errors import OperatorError
from provisioning.release.stacks import Document
from provisioning.ssh.transport import Connection
from swarm.model import Service

KEPT = 5  # releases whose secrets and configs are never collected as garbage
LISTED = 50  # releases remembered


@dataclass(frozen=True)
class Release:
    """What was deployed: the stacks as they were, by digest, with secrets by name only."""

    number: int
    at: str
    who: str
    image: str
    stacks: dict[str, Document]
    note: str = ""

    def __str__(self) -> str:
        """Give the release as an operator reads it."""
        note = f"  {self.note}" if self.note else ""
        return f"{self.number:>4}  {self.at}  {self.who:<24} {self.image}{note}"

    def uses(self) -> set[str]:
        """Name the secrets and configs it refers to."""
        return {
            entry["name"]
            for document in self.stacks.values()
            for kind in ("secrets", "configs")
            for entry in (document.get(kind) or {}).values()
            if entry and "name" in entry
        }


def read(connection: Connection, cluster: str) -> list[Release]:
    """Read all releases, oldest first."""
    out = connection.run(
        f"ids=$(docker config ls -q --filter label=bookstore.release={cluster}); "
        "[ -z \"$ids\" ] || docker config inspect --format '{{json .Spec.Data}}' $ids | "
        'while read -r line; do echo "$line" | tr -d \'"\' | base64 -d; echo; done',
        sudo=True,
        shown="read the releases",
    ).stdout
    rows = (json.loads(line) for line in out.splitlines() if line.strip())
    return sorted((Release(**row) for row in rows), key=lambda r: r.number)


def write(connection: Connection, cluster: str, release: Release) -> None:
    """Remember a release."""
    connection.run(
        f"docker config create --label bookstore.release={cluster} "
        f"{release_name(cluster, release.number)} -",
        sudo=True,
        stdin=json.dumps(asdict(release)).encode(),
        shown=f"remember release {release.number}",
    )


def release_name(cluster: str, number: int) -> str:
    """Name the config that holds a release."""
    return f"{cluster}_release_{number:06d}"


def find(releases: list[Release], wanted: int | None) -> Release:
    """Give the release to go back to: by number, or the one before the last."""
    if wanted is None:
        if len(releases) < 2:
            raise OperatorError("There is no earlier release to go back to.")
        return releases[-2]
    for release in releases:
        if release.number == wanted:
            return release
    known = ", ".join(str(r.number) for r in releases) or "none"
    raise OperatorError(f"There is no release {wanted}. Known are: {known}.")


def garbage(
    cluster: str, names: Iterable[str], releases: list[Release], services: Iterable[Service]
) -> list[str]:
    """Name the secrets and configs of ours that neither a service nor a kept release uses.

    Certificates are not ours to collect: whoever renews them does.
    """
    used = {name for release in releases[-KEPT:] for name in release.uses()}
    for service in services:
        container = service.spec["TaskTemplate"]["ContainerSpec"]
        used |= {s["SecretName"] for s in container.get("Secrets") or []}
        used |= {c["ConfigName"] for c in container.get("Configs") or []}
    forgotten = {release_name(cluster, r.number) for r in releases[:-LISTED]}
    ours = re.compile(rf"{re.escape(cluster)}_\w+_[0-9a-f]{{12}}")
    return sorted(
        name
        for name in names
        if name in forgotten or (ours.fullmatch(name) and name not in used)
        if not name.startswith(f"{cluster}_certificate_")
    )
