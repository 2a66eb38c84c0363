"""A cluster to work on: what its inventory says, and the connections to its hosts."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping

from provisioning.errors import OperatorError
from provisioning.inventory import ClusterTable, Host, Inventory
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from provisioning.ssh.transport import Connection, HostError
from swarm import model
from swarm.model import Node, Service, Snapshot

NO_LEADER = re.compile(r"no leader|not have a leader|lost quorum|deadline exceeded", re.I)
NO_SWARM = re.compile(
    r"not a swarm manager|not part of a swarm|command not found|connect to the docker (daemon|API)",
    re.I,
)
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
        self._asked: Connection | None = None  # the manager that answered last

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

    def manager(self, patience: float = 20.0) -> Connection:
        """Return a connection to a manager that answers and knows the swarm.

        While the managers elect a leader none does: that is waited for, for `patience` seconds.
        """
        deadline = time.monotonic() + patience
        if self._asked is not None and _manages(self._asked) is None:
            return self._asked
        while True:
            answers = self.fleet.each(self.inventory.managers, _ask_manager)
            for answer in answers.values():
                if isinstance(answer, Connection):
                    self._asked = answer
                    return answer
            electing = any(isinstance(a, str) and NO_LEADER.search(a) for a in answers.values())
            if not electing or time.monotonic() > deadline:
                raise OperatorError(_nobody(answers, electing))
            time.sleep(1)

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


def _ask_manager(connection: Connection) -> Connection | str:
    """Return the connection where a manager answers, else what it said."""
    said = _manages(connection)
    return connection if said is None else said


def _manages(connection: Connection) -> str | None:
    """Say why this host is no manager that could be asked; None when it is one."""
    try:
        ask = "timeout 4 docker node ls --format '{{.ManagerStatus}}'"
        result = connection.run(ask, sudo=True, check=False, shown="ask a manager")
    except HostError as error:
        return error.problem
    if result.status == 0:
        managers = result.stdout.split()
        # A leader that has lost the others goes on for some seconds, but can do nothing.
        return None if managers.count("Unreachable") * 2 < len(managers) else "it has lost quorum"
    if result.status == 124:
        return "it has no leader to ask"
    return (result.stderr.strip().splitlines() or ["it says nothing"])[-1]


def _nobody(answers: Mapping[str, Connection | str | OperatorError], electing: bool) -> str:
    said = "\n  ".join(
        str(answer) if isinstance(answer, OperatorError) else f"{name}: {answer}"
        for name, answer in answers.items()
    )
    gone = "if they are gone for good: ./run ops recover"
    if electing:
        cure = (
            "The managers have lost their quorum. What runs goes on, but nothing is repaired or "
            f"changed. Boot the missing managers; {gone}"
        )
    elif all(isinstance(a, str) and NO_SWARM.search(a) for a in answers.values()):
        cure = "If the cluster is new, run ./run ops apply first."
    else:
        cure = (
            "Boot the managers that do not answer, or wait where they are only busy, then run the "
            f"same command again; {gone}"
        )
    return f"No manager can be asked:\n  {said}\n{cure}"


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
