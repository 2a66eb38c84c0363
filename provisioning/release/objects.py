"""Secrets and configs in the swarm: make those that a release needs, remove what none uses."""

from __future__ import annotations

from collections.abc import Callable

from provisioning.cluster import snapshot
from provisioning.errors import OperatorError
from provisioning.release import history
from provisioning.setup.operations import Object
from provisioning.ssh.beginning import SILENT, last_words
from provisioning.ssh.transport import Connection

Say = Callable[[str], None]


def create_objects(
    connection: Connection, cluster: str, objects: tuple[Object, ...], say: Say
) -> None:
    """Create the secrets and configs that are not there yet; networks are made by apply."""
    for item in objects:
        look = f"docker {item.kind} inspect {item.name} >/dev/null 2>&1"
        if not connection.run(look, sudo=True, check=False).status:
            continue
        if item.kind == "network":
            raise OperatorError(
                f"The network {item.name} is not there yet. Run ./run ops apply first."
            )
        connection.run(
            f"docker {item.kind} create --label bookstore.cluster={cluster} {item.name} -",
            sudo=True,
            stdin=item.content,
            shown=f"create the {item.kind} {item.name}",
        )
        say(f"  created the {item.kind} {item.name}")


def collect_garbage(connection: Connection, cluster: str, say: Say) -> None:
    """Remove secrets and configs that neither a service nor one of the last releases uses.

    One that the swarm does not let go stays, and keeps no other.
    """
    releases, services = history.read(connection, cluster), snapshot(connection).services
    for kind in ("secret", "config"):
        listed = connection.run(f"docker {kind} ls --format '{{{{.Name}}}}'", sudo=True).stdout
        for name in history.garbage(cluster, listed.split(), releases, services):
            done = connection.run(f"docker {kind} rm {name}", sudo=True, check=False)
            if done.status:
                words = last_words(done.stdout, done.stderr) or SILENT
                say(f"  the unused {kind} {name} stays{words}")
            else:
                say(f"  removed the unused {kind} {name}")
