"""Everything that a plan is made from: the facts of all hosts, and the swarm's."""

from __future__ import annotations

from dataclasses import dataclass

from provisioning.cluster import Cluster, host_at
from provisioning.inventory import Host, Inventory
from provisioning.setup.host import HostFacts, read_host
from provisioning.setup.swarm import SwarmFacts, read_swarm
from swarm.model import Node


@dataclass(frozen=True)
class Facts:
    """Everything that a plan is made from."""

    hosts: dict[str, HostFacts]
    swarm: SwarmFacts | None = None

    def node_of(self, name: str) -> Node | None:
        """Give the swarm's view of a host, if it is a member."""
        host = self.hosts.get(name)
        if self.swarm is None or host is None or not host.membership.node:
            return None
        return next((n for n in self.swarm.nodes if n.id == host.membership.node), None)

    def host_of(self, inventory: Inventory, node: Node) -> Host | None:
        """Find the host of the inventory behind a node, by node id, else by address."""
        for host in inventory.host:
            found = self.hosts.get(host.name)
            if found and found.membership.node == node.id:
                return host
        return host_at(inventory, node)


def gather(cluster: Cluster) -> Facts:
    """Read the facts of all hosts in parallel, and the swarm's from its first manager."""
    hosts = cluster.fleet.all(cluster.hosts, lambda c: read_host(cluster.inventory, c))
    managers = [h for h in cluster.hosts if hosts[h.name].membership.manager]
    return Facts(hosts, read_swarm(cluster.to(managers[0])) if managers else None)
