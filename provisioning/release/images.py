"""Find out which digest an image's tag stands for, by pulling it on a manager."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable

from provisioning.errors import OperatorError
from provisioning.ssh.transport import Connection, HostError

PULL_TIMEOUT = 300.0


def resolve(
    connection: Connection, images: list[str], say: Callable[[str], None]
) -> dict[str, str]:
    """Give each image's name with its digest, such as "traefik:v3.5@sha256:…"."""
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
    if re.search(
        r"manifest unknown|not found: manifest|manifest for .* not found|no such manifest", said
    ):
        return f"{registry} has no image {image}. Check the tag, or push the image first."
    if re.search(r"unauthorized|denied|authentication required|no basic auth", said):
        return (
            f"{registry} refuses to hand out {image}. Run docker login {registry} as root there, "
            "on every manager."
        )
    if "no matching manifest" in said:
        return f"{image} is not built for this host's architecture. Build it for all your hosts."
    return (
        f"the registry {registry} does not answer for {image} ({last}). Check that it is up and "
        "reachable from the hosts."
    )
