"""Find out which digest an image's tag stands for, by pulling it on a manager."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.release import history
from provisioning.release.history import Release
from provisioning.ssh.transport import Connection, HostError

PULL_TIMEOUT = 300.0


def resolve(
    connection: Connection, images: list[str], say: Callable[[str], None]
) -> dict[str, str]:
    """Return each image's name with its digest, such as "traefik:v3.5@sha256:…"."""
    digests = {}
    for image in images:
        if "@sha256:" in image:
            digests[image] = image
            continue
        say(f"  looking up {image}")
        result = connection.run(
            f"docker pull -q {shlex.quote(image)} >/dev/null && "
            f"docker image inspect --format '{{{{json .RepoDigests}}}}' {shlex.quote(image)}",
            sudo=True,
            check=False,
            timeout=PULL_TIMEOUT,
            shown=f"pull {image}",
        )
        if result.status:
            raise HostError(connection.name, explain(image, result.stderr))
        digests[image] = pinned(image, json.loads(result.stdout))
    return digests


def pinned(image: str, digests: list[str]) -> str:
    """Put the digest of the right repository behind an image's name."""
    repository = re.sub(r":[^:/]+$", "", image)
    found = [d.partition("@")[2] for d in digests if d.partition("@")[0] == repository]
    # Docker Hub's images are listed by their short names.
    short = repository.removeprefix("docker.io/").removeprefix("library/")
    found += [d.partition("@")[2] for d in digests if d.partition("@")[0] == short]
    if not found:
        raise OperatorError(
            f"The image {image} has no digest: push it to a registry that all hosts reach."
        )
    return f"{image}@{found[0]}"


def explain(image: str, said: str) -> str:
    """Say in a sentence why an image could not be pulled."""
    registry = (
        image.split("/")[0] if "." in image.split("/")[0] or ":" in image.split("/")[0] else ""
    )
    registry = registry or "Docker Hub"
    last = (said.strip().splitlines() or ["no reason given"])[-1]
    if re.search(r"no matching manifest|no match for platform", said):
        return f"{image} is not built for this host's architecture. Build it for all your hosts."
    if re.search(
        r"manifest unknown|not found: manifest|manifest for .* not found|no such manifest"
        r"|failed to resolve reference .*: not found",
        said,
    ):
        return f"{registry} has no image {image}. Check the tag, or push the image first."
    if re.search(r"(?i)unauthorized|denied|authentication required|no basic auth", said):
        return (
            f"{registry} refuses to hand out {image}. Run docker login {registry} as root there, "
            "on every manager."
        )
    if re.search(r"failed to (register|extract) layer|no space left on device", said):
        return (
            f"the host cannot keep {image} ({last}). See that the disk under /var/lib/docker and "
            "/var/lib/containerd has room and takes files: df -h there."
        )
    return (
        f"the registry {registry} does not answer for {image} ({last}). Check that it is up and "
        "reachable from the hosts."
    )


def prune(cluster: Cluster, releases: list[Release], say: Callable[[str], None]) -> None:
    """Remove from all hosts the images of releases that are older than those kept.

    A host that does not answer keeps them until the next time.
    """
    listed = "docker image ls --no-trunc --digests --format '{{.Repository}} {{.Digest}} {{.Tag}}'"
    answers = cluster.fleet.each(cluster.hosts, lambda c: c.run(listed, sudo=True).stdout)
    old = {
        name: found
        for name, answer in answers.items()
        if isinstance(answer, str) and (found := superseded(answer, releases))
    }
    # One that a container still uses stays: the engine refuses.
    remove = "docker image rm $image >/dev/null 2>&1"
    done = cluster.fleet.each(
        [h for h in cluster.hosts if h.name in old],
        lambda c: c.run(
            f"for image in {shlex.join(old[c.name])}; do {remove}; done; true",
            sudo=True,
            timeout=120,
            shown="remove the images of old releases",
        ),
    )
    for name, answer in done.items():
        kept = isinstance(answer, OperatorError)
        say(f"  {answer}" if kept else f"  {name}: removed images of old releases")


def superseded(listed: str, releases: list[Release]) -> list[str]:
    """List the images on a host that only releases use which are not kept any more. Pure.

    What no release of ours has ever used is not ours to remove.
    """
    ours = {_reference(image) for release in releases for image in release.images()}
    needed = {_reference(image) for release in history.kept(releases) for image in release.images()}
    found = set()
    for line in listed.splitlines():
        repository, digest, tag = line.split(" ", 2)
        if (repository, digest) in ours - needed:
            found.add(f"{repository}@{digest}")
            found |= {f"{repository}:{tag}"} if tag != "<none>" else set()
    return sorted(found)


def _reference(image: str) -> tuple[str, str]:
    name, _, digest = image.partition("@")
    repository = re.sub(r":[^:/]+$", "", name)
    return repository.removeprefix("docker.io/").removeprefix("library/"), digest
