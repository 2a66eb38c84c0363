"""Everything that a plan is made from: the facts of all hosts, and the swarm's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from provisioning.cluster import Cluster, host_at
from provisioning.errors import OperatorError
from provisioning.inventory import Host, Inventory
from provisioning.setup.host import HostFacts, read_host
from provisioning.setup.swarm import SwarmFacts, read_swarm
from swarm.model import Node

# What the engine says of a certificate that ran out, from two places; to leave and join helps.
RAN_OUT = re.compile(r"certificates have expired|\bcertificate \(.*\) not valid after ")


@dataclass(frozen=True)
class Facts:
    """Everything that a plan is made from."""

    hosts: dict[str, HostFacts]  # those that answered
    swarm: SwarmFacts | None = None
    lost: dict[str, str] = field(default_factory=dict)  # host: why it could not be asked

    def found(self, inventory: Inventory) -> list[tuple[Host, HostFacts]]:
        """List the hosts that answered, in the inventory's order."""
        return [(h, self.hosts[h.name]) for h in inventory.host if h.name in self.hosts]

    def node_of(self, name: str) -> Node | None:
        """Return the swarm's view of a host, if it is a member."""
        host = self.hosts.get(name)
        if self.swarm is None or host is None or not host.membership.node:
            return None
        return next((n for n in self.swarm.nodes if n.id == host.membership.node), None)

    def was_removed(self, host: Host) -> bool:
        """Tell whether a host believes in the swarm as it was before `recover` took it out."""
        member = self.hosts[host.name].membership
        if self.swarm is None or member.state != "active" or self.node_of(host.name):
            return False
        # Without its quorum, an engine may not know its own node any more.
        addresses = self.swarm.removed.values()
        return member.node in self.swarm.removed or (
            not member.node and host.swarm_address in addresses
        )

    def ran_out(self, host: Host) -> bool:
        """Tell whether a host was off until its certificate in the swarm had run out."""
        member = self.hosts[host.name].membership
        return (
            self.swarm is not None
            and member.state == "error"
            and (RAN_OUT.search(member.error) is not None)
        )

    def host_of(self, inventory: Inventory, node: Node) -> Host | None:
        """Find the host of the inventory behind a node, by node id, else by address."""
        for host in inventory.host:
            found = self.hosts.get(host.name)
            if found and found.membership.node == node.id:
                return host
        return host_at(inventory, node)


def gather(cluster: Cluster) -> Facts:
    """Read the facts of all hosts that answer in parallel, and the swarm's from a manager."""
    answers = cluster.fleet.each(cluster.hosts, lambda c: read_host(cluster.inventory, c))
    lost = {n: str(a) for n, a in answers.items() if isinstance(a, OperatorError)}
    if len(lost) == len(answers):
        raise OperatorError("\n".join(lost.values()))
    facts = Facts({n: a for n, a in answers.items() if isinstance(a, HostFacts)}, None, lost)
    for host, found in facts.found(cluster.inventory):
        swarm = read_swarm(cluster.to(host)) if found.membership.manager else None
        # One that was taken out may still believe in the swarm as it was.
        known = facts.swarm.nodes if facts.swarm else ()
        if swarm and (not known or any(n.id in swarm.removed for n in known)):
            facts = replace(facts, swarm=swarm)
    return facts
