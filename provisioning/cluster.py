"""A cluster to work on: what its inventory says, and the connections to its hosts."""

from __future__ import annotations

import json

from provisioning.errors import OperatorError
from provisioning.inventory import ClusterTable, Host, Inventory
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from provisioning.ssh.transport import Connection, HostError
from swarm import model
from swarm.model import Node, Service, Snapshot

_SNAPSHOT = {
    "nodes": "docker node inspect $(docker node ls -q)",
    # Services and tasks may go while they are asked about; what is left is told of all the same.
    "services": (
        'ids=$(docker service ls -q) || exit; [ -z "$ids" ] || docker service inspect $ids || true'
    ),
    "tasks": (
        'ids=$(docker service ls -q) || exit; [ -n "$ids" ] || exit 0; '
        "tasks=$(docker service ps -q --no-trunc $ids); "
        '[ -z "$tasks" ] || docker inspect --type task $tasks || true'
    ),
}


class Cluster:
    """An inventory and the connections to its hosts."""

    def __init__(self, inventory: Inventory, fleet: Fleet) -> None:
        self.inventory = inventory
        self.fleet = fleet

    @property
    def spec(self) -> ClusterTable:
        """Return what should run: the inventory's table [cluster]."""
        return self.inventory.cluster

    @property
    def name(self) -> str:
        """Return the cluster's name."""
        return self.inventory.cluster.name

    @property
    def hosts(self) -> tuple[Host, ...]:
        """Return all hosts of the inventory."""
        return self.inventory.host

    @property
    def edges(self) -> tuple[Host, ...]:
        """Return the hosts that take HTTP and HTTPS from outside."""
        return tuple(h for h in self.inventory.host if h.is_edge)

    @property
    def redact(self) -> Redactor:
        """Return what keeps secrets out of messages."""
        return self.fleet.redact

    def to(self, host: Host) -> Connection:
        """Return the open connection to a host."""
        return self.fleet.to(host)

    def manager(self) -> Connection:
        """Return a connection to the first manager that answers and knows the swarm."""
        refusals = []
        for host in self.inventory.managers:
            try:
                connection = self.fleet.to(host)
                if connection.run("docker node ls -q", sudo=True, check=False).status == 0:
                    return connection
                refusals.append(
                    f"{host.name} manages no swarm, or the managers have lost their quorum"
                )
            except HostError as error:
                refusals.append(str(error))
        raise OperatorError(
            "No manager can be asked:\n  "
            + "\n  ".join(refusals)
            + "\nIf the cluster is new, run ./run ops apply first."
        )

    def snapshot(self) -> Snapshot:
        """Ask a manager for all nodes, services and tasks."""
        return snapshot(self.manager())

    def services(self) -> tuple[Service, ...]:
        """Ask a manager for all services and their tasks."""
        return self.snapshot().services

    def nodes(self) -> tuple[Node, ...]:
        """Ask a manager for the members of the swarm."""
        return self.snapshot().nodes

    def node_of(self, host: Host) -> Node:
        """Find a host's node in the swarm; prefer one that lives."""
        found = [n for n in self.nodes() if is_node(self.inventory, n, host)]
        if not found:
            raise OperatorError(f"{host.name} is not in the swarm. To join it: ./run ops apply")
        return next((n for n in found if n.state == "ready"), found[0])


def snapshot(connection: Connection) -> Snapshot:
    """Ask this manager for all nodes, services and tasks."""
    said = connection.ask(_SNAPSHOT, need=_SNAPSHOT)
    services, tasks, nodes = (
        json.loads(said[key] or "[]") for key in ("services", "tasks", "nodes")
    )
    return model.parse(services, tasks, nodes)


def is_node(inventory: Inventory, node: Node, host: Host) -> bool:
    """Tell whether a node is that host: by the label that apply sets, or by address."""
    return node.labels.get("host") == host.name or host_at(inventory, node) == host


def host_at(inventory: Inventory, node: Node) -> Host | None:
    """Find the host of the inventory that has a node's address."""
    return next((h for h in inventory.host if h.swarm_address == node.address), None)
