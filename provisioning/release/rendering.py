"""Render all stacks of a cluster with its inventory, its secrets and the cluster's salt."""

from __future__ import annotations

import base64
import secrets as randomness
from collections.abc import Mapping
from pathlib import Path

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Inventory, check_secrets
from provisioning.inventory.settings import environment
from provisioning.release.stacks import Stack, networks, render, variables
from provisioning.setup.operations import Object
from provisioning.ssh.transport import Connection

STACKS = Path(__file__).resolve().parents[2] / "swarm"


def read_secrets(cluster: Cluster) -> dict[str, bytes]:
    """Read the secrets' files; from here on no message shows what they hold."""
    check_secrets(cluster.inventory)
    secrets = {}
    for name, path in cluster.inventory.secret_files().items():
        secrets[name] = path.read_bytes().rstrip(b"\r\n")
        cluster.redact.hide(secrets[name].decode("utf-8", "replace"))
    return secrets


def hide_secrets(cluster: Cluster) -> None:
    """Let no message show what those of the secrets' files hold that are here."""
    for path in cluster.inventory.secret_files().values():
        if path.is_file():
            cluster.redact.hide(path.read_text(encoding="utf-8", errors="replace"))


def render_all(
    inventory: Inventory, secrets: Mapping[str, bytes], salt: bytes, image: str
) -> tuple[Stack, ...]:
    """Render every stack of the inventory."""
    authority = inventory.cluster.acme_ca_file
    values = variables(inventory, image=image, authority=authority.read_text() if authority else "")
    settings = environment(inventory.settings)
    return tuple(
        render(name, text, values, secrets, salt, _read, settings)
        for name, text in _files(inventory).items()
    )


def read_salt(connection: Connection, cluster: str) -> Object:
    """Return the cluster's salt for the names of secrets: the one it has, or a new one."""
    name = f"{cluster}_salt"
    found = connection.run(
        f"docker config inspect --format '{{{{json .Spec.Data}}}}' {name} 2>/dev/null || true",
        sudo=True,
        shown="read the salt of the secrets' names",
    ).stdout.strip()
    salt = base64.b64decode(found.strip('"')) if found else randomness.token_bytes(32)
    return Object("config", name, salt)


def managed_secrets(connection: Connection) -> dict[str, str]:
    """Name the newest of each secret that a service makes itself, such as the certificate."""
    rows = connection.run(
        'ids=$(docker secret ls -q --filter label=bookstore.secret); [ -z "$ids" ] || '
        "docker secret inspect $ids --format "
        "'{{.CreatedAt.UnixNano}} {{index .Spec.Labels \"bookstore.secret\"}} {{.Spec.Name}}'",
        sudo=True,
        shown="read the certificates' names",
    ).stdout
    found = sorted(line.split() for line in rows.splitlines())
    return {key: name for _, key, name in found}


def networks_of(inventory: Inventory) -> tuple[Object, ...]:
    """List the networks that the stacks refer to, each once."""
    values = variables(inventory, image=inventory.cluster.image, authority="")
    found = (networks(name, text, values) for name, text in _files(inventory).items())
    return tuple({item.name: item for items in found for item in items}.values())


def _files(inventory: Inventory) -> dict[str, str]:
    texts = {}
    for name in inventory.cluster.stacks:
        path = STACKS / f"{name}.yml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in STACKS.glob("*.yml")))
            raise OperatorError(f'There is no stack "{name}" in swarm/. There are: {known}.')
        texts[name] = path.read_text(encoding="utf-8")
    return texts


def _read(file: str) -> bytes:
    return (STACKS / file).read_bytes()
