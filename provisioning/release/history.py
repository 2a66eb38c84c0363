"""Our own release history: configs in the swarm, so it outlives any manager.

A release is written down before anything is changed. How it ended is a second config, for configs
cannot be changed: a release without one was interrupted.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from provisioning.errors import OperatorError
from provisioning.release.stacks import Document
from provisioning.ssh.transport import Connection
from swarm.model import Service

KEPT = 5  # releases whose secrets, configs and images are never collected as garbage
LISTED = 50  # releases remembered
DONE, UNDONE, INTERRUPTED = "done", "taken back", "interrupted"


@dataclass(frozen=True)
class Release:
    """What was rendered to be deployed: images by digest, secrets by name only.

    What lives by itself (scale, certificate) is not in it: it is filled in when it is deployed.
    """

    number: int
    at: str
    who: str
    image: str
    stacks: dict[str, Document]
    note: str = ""
    named: str = ""  # the inventory's image at that time
    outcome: str = INTERRUPTED
    specs: dict[str, Any] = field(default_factory=dict)  # the services as the engine had them

    def __str__(self) -> str:
        """Return the release as an operator reads it."""
        ended = "" if self.outcome == DONE else self.outcome
        note = ", ".join(filter(None, (self.note, ended)))
        return f"{self.number:>4}  {self.at}  {self.who:<24} {self.image}  {note}".rstrip()

    def uses(self) -> set[str]:
        """Name the secrets and configs it refers to."""
        return {
            entry["name"]
            for document in self.stacks.values()
            for kind in ("secrets", "configs")
            for entry in (document.get(kind) or {}).values()
            if entry and "name" in entry
        }

    def images(self) -> set[str]:
        """List the images that its services run."""
        return {
            service["image"]
            for document in self.stacks.values()
            for service in document["services"].values()
        }


def read(connection: Connection, cluster: str) -> list[Release]:
    """Read all releases, oldest first."""
    out = connection.run(
        f"ids=$(docker config ls -q --filter label=bookstore.release={cluster}) || exit; "
        "[ -z \"$ids\" ] || docker config inspect --format '{{.Spec.Name}} {{json .Spec.Data}}' "
        "$ids",
        sudo=True,
        shown="read the releases",
    ).stdout
    return parse([_row(line) for line in out.splitlines() if line.strip()])


def _row(line: str) -> dict[str, Any]:
    """Read a config's name and content; refuse what is no release of ours."""
    name, _, content = line.partition(" ")
    try:
        row: dict[str, Any] = json.loads(base64.b64decode(json.loads(content)))
        known = {f.name for f in fields(Release)}
        if {"number"} <= row.keys() <= known:
            return row
    except (ValueError, AttributeError):
        pass
    raise OperatorError(
        f"The config {name}, which keeps a release, cannot be read: a newer version of these tools "
        "wrote it, or half of it is missing. Use the newer version; or have that release "
        f"forgotten, on a manager: docker config rm {name}"
    )


def parse(rows: list[dict[str, Any]]) -> list[Release]:
    """Put together releases and how they ended. Pure."""
    ends = {row["number"]: row for row in rows if "stacks" not in row}
    found = []
    for row in rows:
        if "stacks" in row:
            end = ends.get(row["number"], {})
            # Before outcomes were written down, only what had been carried out was.
            outcome = end.get("outcome", INTERRUPTED if "named" in row else DONE)
            found.append(replace(Release(**row), outcome=outcome, specs=end.get("specs", {})))
    return sorted(found, key=lambda r: r.number)


def begin(connection: Connection, cluster: str, release: Release) -> None:
    """Write a release down before it is deployed."""
    row = {k: v for k, v in asdict(release).items() if k not in ("outcome", "specs")}
    _create(connection, cluster, release_name(cluster, release.number), row)


def end(
    connection: Connection, cluster: str, number: int, outcome: str, specs: dict[str, Any]
) -> None:
    """Write down how a release ended, and how its services are."""
    row = {"number": number, "outcome": outcome, "specs": specs}
    _create(connection, cluster, f"{release_name(cluster, number)}_end", row)


def release_name(cluster: str, number: int) -> str:
    """Name the config that holds a release."""
    return f"{cluster}_release_{number:06d}"


def last_done(releases: list[Release]) -> Release | None:
    """Return the newest release that was carried out whole."""
    return next((r for r in reversed(releases) if r.outcome == DONE), None)


def interrupted(releases: list[Release]) -> Release | None:
    """Return the release that was begun last and neither carried out nor taken back."""
    return releases[-1] if releases and releases[-1].outcome == INTERRUPTED else None


def find(releases: list[Release], wanted: int | None) -> Release:
    """Return the release to go back to: by number, or the one before what runs."""
    done = [r for r in releases if r.outcome == DONE]
    if wanted is None:
        earlier = done if interrupted(releases) else done[:-1]
        if not earlier:
            raise OperatorError("There is no earlier release to go back to.")
        return earlier[-1]
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
    used = {name for release in kept(releases) for name in release.uses()}
    for service in services:
        container = service.spec["TaskTemplate"]["ContainerSpec"]
        used |= {s["SecretName"] for s in container.get("Secrets") or []}
        used |= {c["ConfigName"] for c in container.get("Configs") or []}
    forgotten = {release_name(cluster, r.number) for r in releases[:-LISTED]}
    forgotten |= {f"{name}_end" for name in forgotten}
    ours = re.compile(rf"{re.escape(cluster)}_\w+_[0-9a-f]{{12}}")
    return sorted(
        name
        for name in names
        if name in forgotten or (ours.fullmatch(name) and name not in used)
        if not name.startswith(f"{cluster}_certificate_")
    )


def kept(releases: list[Release]) -> list[Release]:
    """List the releases that can be gone back to at once: the last five done, and any later."""
    done = [r for r in releases if r.outcome == DONE][-KEPT:]
    first = done[0].number if done else 0
    return [r for r in releases if r.number >= first]


def _create(connection: Connection, cluster: str, name: str, row: dict[str, Any]) -> None:
    # The same command run again after an interruption finds what it wrote.
    connection.run(
        f"docker config inspect {name} >/dev/null 2>&1 || "
        f"docker config create --label bookstore.release={cluster} {name} - >/dev/null",
        sudo=True,
        stdin=json.dumps(row).encode(),
        shown=f"remember {name.replace('_', ' ')}",
    )
