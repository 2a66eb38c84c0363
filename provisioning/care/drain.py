"""Look after a running cluster: move tasks off a host and back, replace it, even out the spread."""

from __future__ import annotations

import time
from collections.abc import Callable

from provisioning import live
from provisioning.care.rebalance import moves, uneven
from provisioning.errors import OperatorError
from provisioning.inventory import Host, Inventory
from provisioning.release.stacks import SCALE
from provisioning.setup.apply import apply, read_plan
from provisioning.setup.facts import SWARM_COMMANDS, Facts, Node, ask, host_named, parse_nodes, seat
from provisioning.setup.plan import Object, Plan
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.transport import Connection

PATIENCE = 180.0  # seconds for tasks to move
POLL = 1.0
ROLLOUT = ("updating", "paused", "rollback_started", "rollback_paused")

Say = Callable[[str], None]


def nodes(connection: Connection) -> tuple[Node, ...]:
    """Ask a manager for the members of the swarm."""
    return parse_nodes(ask(connection, {"nodes": SWARM_COMMANDS["nodes"]})["nodes"])


def node_of(inventory: Inventory, connection: Connection, host: Host) -> Node:
    """Find a host's node in the swarm; prefer one that lives."""
    found = [n for n in nodes(connection) if _is(inventory, n, host)]
    if not found:
        raise OperatorError(f"{host.name} is not in the swarm. To join it: ./run ops apply")
    return next((n for n in found if n.state == "ready"), found[0])


def _is(inventory: Inventory, node: Node, host: Host) -> bool:
    return node.labels.get("host") == host.name or host_named(inventory, node, Facts({})) == host


def drain(inventory: Inventory, fleet: Fleet, host: Host, say: Say) -> None:
    """Move all tasks off a host without a moment of fewer replicas, and keep new ones away."""
    connection = seat(inventory, fleet)
    node = node_of(inventory, connection, host)
    others = [
        n
        for n in nodes(connection)
        if n.id != node.id and n.state == "ready" and n.availability == "active"
    ]
    if host.is_edge and not any(n.labels.get("edge") == "true" for n in others):
        raise OperatorError(
            f"{host.name} is the only edge that works: without it nobody reaches the shop. Make "
            "another host an edge first (edge = true, then ./run ops apply)."
        )
    if not any(n.labels.get("shop") == "true" for n in others):
        raise OperatorError(f"{host.name} is the only host that can run the shop.")
    services = live.read(connection)
    _no_rollout(services)
    # Replacements first: the host takes nothing new, the shop grows elsewhere, then it is emptied.
    _set(connection, node, "pause")
    grown: dict[str, int] = {}
    for service in services:
        here = sum(t.node == node.id for t in service.running)
        if here and service.replicas is not None and _scales(service):
            grown[service.name] = service.replicas
            say(f"  {service.name}: starting {here} more elsewhere")
            _scale(connection, service.name, service.replicas + here)
    try:
        _until_full(inventory, fleet, set(grown))
        _set(connection, node, "drain")
    finally:
        for name, count in grown.items():
            _scale(connection, name, count)
    _until_empty(inventory, fleet, node)
    _until_full(inventory, fleet, set(grown))
    say(
        f"{host.name} is drained and may be shut down. To use it again: "
        f"./run ops activate {host.name}"
    )


def activate(inventory: Inventory, fleet: Fleet, host: Host, say: Say) -> None:
    """Let a host take tasks again."""
    connection = seat(inventory, fleet)
    _set(connection, node_of(inventory, connection, host), "active")
    say(f"{host.name} takes tasks again. To move some back to it: ./run ops rebalance")


def replace_plan(
    inventory: Inventory, fleet: Fleet, host: Host, objects: tuple[Object, ...]
) -> Plan:
    """Plan how a new machine takes a dead host's place; refuse what would endanger the quorum."""
    connection = seat(inventory, fleet)  # answers only while the managers have a quorum
    members = nodes(connection)
    old = [n for n in members if _is(inventory, n, host)]
    alive = [n for n in old if n.state == "ready"]
    _, plan = read_plan(inventory, fleet, objects)
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
    inventory: Inventory, fleet: Fleet, host: Host, objects: tuple[Object, ...], say: Say
) -> None:
    """Carry out the plan: forget the dead node before the new one joins, then set it up."""
    made = apply(inventory, fleet, objects, say)
    say(f"{host.name} is replaced ({made} changes). To move tasks to it: ./run ops rebalance")


def rebalance(inventory: Inventory, fleet: Fleet, say: Say) -> int:
    """Even out the spread of each service, one task at a time; give the number moved.

    A new task starts on the emptiest host before one on the fullest is stopped: the swarm does
    both by itself when a service grows by one and shrinks again.
    """
    connection = seat(inventory, fleet)
    _no_rollout(live.read(connection))
    moved = 0
    for name in [s.name for s in live.read(connection) if _scales(s)]:
        bound = None
        while True:
            service = _named(seat(inventory, fleet), name)
            counts, zones = _spread(inventory, fleet, service)
            bound = moves(counts) if bound is None else bound - 1
            if bound <= 0 or not uneven(counts, zones) or service.replicas is None:
                break
            _no_rollout((service,))
            shown = ", ".join(f"{host} {count}" for host, count in counts.items())
            say(f"  {name}: {shown}; moving one")
            _scale(connection, name, service.replicas + 1)
            try:
                _until_full(inventory, fleet, {name})
            finally:
                _scale(seat(inventory, fleet), name, service.replicas)
            _until_full(inventory, fleet, {name})
            moved += 1
    say(
        f"Moved {moved} task{'s' if moved != 1 else ''}."
        if moved
        else "Nothing to do: the spread is even."
    )
    return moved


def _spread(
    inventory: Inventory, fleet: Fleet, service: live.Service
) -> tuple[dict[str, int], dict[str, str]]:
    members = [
        n
        for n in nodes(seat(inventory, fleet))
        if n.state == "ready" and n.availability == "active" and n.labels.get("shop") == "true"
    ]
    counts = {
        n.labels.get("host", n.hostname): sum(t.node == n.id for t in service.running)
        for n in members
    }
    return counts, {n.labels.get("host", n.hostname): n.labels.get("zone", "") for n in members}


def _named(connection: Connection, name: str) -> live.Service:
    for service in live.read(connection):
        if service.name == name:
            return service
    raise OperatorError(f"The service {name} is gone.")


def _scales(service: live.Service) -> bool:
    return (service.spec.get("Labels") or {}).get(SCALE) == "live"


def _no_rollout(services: tuple[live.Service, ...]) -> None:
    """Refuse while a service is being updated: scaling then would spoil its way back."""
    for service in services:
        if service.update in ROLLOUT:
            raise OperatorError(
                f"{service.name} is being updated ({service.update}). Wait for it, or deploy anew."
            )


def _set(connection: Connection, node: Node, availability: str) -> None:
    connection.run(f"docker node update --availability {availability} {node.id}", sudo=True)


def _scale(connection: Connection, name: str, count: int) -> None:
    connection.run(f"docker service scale --detach {name}={count}", sudo=True)


def _until_full(inventory: Inventory, fleet: Fleet, names: set[str]) -> None:
    _until(
        lambda: all(
            len(s.running) == s.desired == s.replicas
            for s in live.read(seat(inventory, fleet))
            if s.name in names
        ),
        f"{', '.join(sorted(names))} did not get all replicas running",
    )


def _until_empty(inventory: Inventory, fleet: Fleet, node: Node) -> None:
    _until(
        lambda: (
            not any(
                t.node == node.id and t.state not in live.GONE
                for s in live.read(seat(inventory, fleet))
                for t in s.tasks
            )
        ),
        f"{node.hostname} still runs tasks",
    )


def _until(true: Callable[[], bool], problem: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not true():
        if time.monotonic() > deadline:
            raise OperatorError(f"After {PATIENCE:g} s {problem}. See ./run ops status")
        time.sleep(POLL)
