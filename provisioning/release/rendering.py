"""Render all stacks of a cluster with its inventory, its secrets and what its services made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Inventory
from provisioning.release.stacks import Stack, render, variables
from provisioning.setup.plan import Object
from provisioning.ssh.transport import Connection

STACKS = Path(__file__).resolve().parents[2] / "swarm"


def read_secrets(cluster: Cluster) -> dict[str, bytes]:
    """Read the secrets' files; from here on no message shows what they hold."""
    secrets = {}
    for name, path in cluster.inventory.secret_files().items():
        secrets[name] = path.read_bytes().rstrip(b"\r\n")
        cluster.redact.hide(secrets[name].decode("utf-8", "replace"))
    return secrets


def render_all(
    inventory: Inventory, secrets: Mapping[str, bytes], managed: Mapping[str, str], image: str
) -> tuple[Stack, ...]:
    """Render every stack of the inventory."""
    authority = inventory.cluster.acme_ca_file
    values = variables(inventory, image=image, authority=authority.read_text() if authority else "")
    rendered = []
    for name in inventory.cluster.stacks:
        path = STACKS / f"{name}.yml"
        if not path.is_file():
            known = ", ".join(sorted(p.stem for p in STACKS.glob("*.yml")))
            raise OperatorError(f'There is no stack "{name}" in swarm/. There are: {known}.')
        text = path.read_text(encoding="utf-8")
        rendered.append(render(name, text, values, secrets, managed, _read))
    return tuple(rendered)


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


def objects_of(inventory: Inventory, secrets: Mapping[str, bytes]) -> tuple[Object, ...]:
    """List the networks, secrets and configs that the stacks refer to, each once."""
    stacks = render_all(inventory, secrets, {}, inventory.cluster.image)
    return tuple({(o.kind, o.name): o for stack in stacks for o in stack.objects}.values())


def _read(file: str) -> bytes:
    return (STACKS / file).read_bytes()
