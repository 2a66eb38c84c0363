"""What is true of the swarm, as a manager sees it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from provisioning.ssh.transport import Connection
from swarm import model
from swarm.model import Node

REMOVED = "bookstore.removed."  # begins a label of a manager: a node that was taken out
VXLAN = 50  # bytes that an overlay network adds to each packet


@dataclass(frozen=True)
class SwarmFacts:
    """The swarm, as a manager sees it."""

    id: str
    heartbeat: int  # nanoseconds
    pools: tuple[str, ...]
    nodes: tuple[Node, ...]
    networks: dict[str, int] = field(default_factory=dict)  # overlay networks and their MTU
    secrets: frozenset[str] = frozenset()
    configs: frozenset[str] = frozenset()
    tokens: dict[str, str] = field(default_factory=dict, repr=False)  # by role

    @property
    def removed(self) -> dict[str, str]:
        """Return the ids of the nodes that `recover` has taken out, and their addresses."""
        labels = (pair for node in self.nodes for pair in node.labels.items())
        return {k.removeprefix(REMOVED): v for k, v in labels if k.startswith(REMOVED)}


COMMANDS = {
    "swarm": "docker info --format '{{json .Swarm}}'",
    "nodes": "docker node inspect $(docker node ls -q)",
    "networks": (
        "docker network inspect $(docker network ls -q --filter driver=overlay) --format "
        "'{{.Name}} {{index .Options \"com.docker.network.driver.mtu\"}}'"
    ),
    "secrets": "docker secret ls --format '{{.Name}}'",
    "configs": "docker config ls --format '{{.Name}}'",
    "worker token": "docker swarm join-token -q worker",
    "manager token": "docker swarm join-token -q manager",
}


def parse_networks(text: str) -> dict[str, int]:
    """Read lines of "NAME MTU"; where none is set the engine takes 1500 less its own header."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1]) if row[1:] else 1500 - VXLAN for row in rows if row}


def parse_swarm(sections: dict[str, str]) -> SwarmFacts | None:
    """Put together what a manager said."""
    info = json.loads(sections["swarm"] or "{}")
    cluster = info.get("Cluster") or {}
    if not cluster.get("ID"):
        return None

    def names(key: str) -> frozenset[str]:
        return frozenset(sections[key].split())

    return SwarmFacts(
        id=cluster["ID"],
        heartbeat=cluster["Spec"]["Dispatcher"]["HeartbeatPeriod"],
        pools=tuple(cluster.get("DefaultAddrPool") or ()),
        nodes=model.parse_nodes(json.loads(sections["nodes"] or "[]")),
        networks=parse_networks(sections["networks"]),
        secrets=names("secrets"),
        configs=names("configs"),
        tokens={
            role: sections[f"{role} token"].strip()
            for role in ("worker", "manager")
            if sections[f"{role} token"].strip()
        },
    )


def read_swarm(connection: Connection) -> SwarmFacts | None:
    """Ask a manager about the swarm."""
    swarm = parse_swarm(connection.ask(COMMANDS))
    if swarm:
        for token in swarm.tokens.values():
            connection.redact.hide(token)
    return swarm
