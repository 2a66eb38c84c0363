"""Put a new machine in a dead host's place."""

from __future__ import annotations

from collections.abc import Callable

from provisioning.cluster import Cluster, is_node
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.setup.apply import apply, read_plan
from provisioning.setup.operations import Object, Plan


def replace_plan(cluster: Cluster, host: Host, objects: tuple[Object, ...]) -> Plan:
    """Plan how a new machine takes a dead host's place; refuse what would endanger the quorum."""
    members = cluster.nodes()  # the managers answer only while they have a quorum
    old = [n for n in members if is_node(cluster.inventory, n, host)]
    alive = [n for n in old if n.state == "ready"]
    _, plan = read_plan(cluster, objects)
    if alive and not any(o.stage == "members" and o.host == host.name for o in plan.operations):
        raise OperatorError(
            f"{host.name} is alive and in the swarm. Drain it (./run ops drain {host.name}) and "
            "shut it down, put the new machine's address and host_key into the inventory, then "
            "run this again."
        )
    managers = [n for n in members if n.role == "manager"]
    dead = [n for n in managers if n in old and n not in alive]
    reachable = sum(n.reachability == "reachable" for n in managers)
    if dead and reachable - len(managers) // 2 < 1:
        raise OperatorError(
            f"Only {reachable} of {len(managers)} managers take part: another change would cost "
            "the quorum. Bring one of the others back first."
        )
    return plan


def replace(
    cluster: Cluster, host: Host, objects: tuple[Object, ...], say: Callable[[str], None]
) -> None:
    """Carry out the plan: forget the dead node before the new one joins, then set it up."""
    made = apply(cluster, objects, say)
    say(f"{host.name} is replaced ({made} changes). To move tasks to it: ./run ops rebalance")
