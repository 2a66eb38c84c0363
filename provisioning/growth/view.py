"""The swarm as the host scaler sees it: nodes, what they run, and tasks that no host has room for.

What a manager prints is parsed here; nothing is changed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioning.growth.policy import Cluster, Host, Size
from provisioning.growth.provider import Group, Machine
from provisioning.ssh.transport import Connection
from swarm import model
from swarm.model import Node

LEAVING = "bookstore.leaving"  # label of a node that is on its way out
KEEP = "bookstore.keep"  # label of a node that an operator wants to keep
PLENTY = Size(float("inf"), 2**63)  # stands for a host whose size nobody has seen yet

COMMANDS = {
    "nodes": "docker node inspect $(docker node ls -q)",
    "services": "docker service inspect $(docker service ls -q)",
    "tasks": (
        "docker inspect --type task $(docker service ps -q --no-trunc "
        "--filter desired-state=running $(docker service ls -q))"
    ),
    "token": "docker swarm join-token -q worker",
}


@dataclass(frozen=True)
class Load:
    """What one node has and runs."""

    capacity: Size  # without what global services take
    tasks: tuple[Size, ...] = ()
    pinned: bool = False  # a task of its may run nowhere else


@dataclass(frozen=True)
class View:
    """The swarm at one moment."""

    nodes: tuple[Node, ...]
    loads: Mapping[str, Load]  # by node id
    pending: tuple[Size, ...] = ()
    rolling: str = ""  # a service that is being updated
    token: str = field(default="", repr=False)

    def node_of(self, machine: Machine) -> Node | None:
        """Find the machine's node: the living one, if it has been in the swarm before."""
        found = [n for n in self.nodes if n.role == "worker" and _is(n, machine)]
        return next((n for n in found if n.state == "ready"), found[0] if found else None)


def read(connection: Connection) -> View:
    """Ask a manager."""
    sections = connection.ask(COMMANDS)
    return parse(
        sections["nodes"], sections["services"], sections["tasks"], sections["token"].strip()
    )


def parse(nodes: str, services: str, tasks: str, token: str = "") -> View:
    """Put together what `docker … inspect` printed of nodes, services and running tasks."""
    rows: list[dict[str, Any]] = json.loads(tasks or "[]")
    snapshot = model.parse(json.loads(services or "[]"), rows, json.loads(nodes or "[]"))
    everywhere = {s.id for s in snapshot.services if "Global" in s.spec.get("Mode", {})}
    anyone = _new_worker()
    rooms = {n.id: _size(n.resources) for n in snapshot.nodes}
    running: dict[str, list[Size]] = {name: [] for name in rooms}
    pinned: set[str] = set()
    pending = []
    for task, row in zip(snapshot.tasks, rows, strict=True):
        placement = (row.get("Spec") or {}).get("Placement") or {}
        movable = anyone.meets(placement.get("Constraints") or ())
        size = _size(task.reserved)
        if not task.node:
            # With a reason, the managers have looked for a host and found none.
            if task.state == "pending" and (row.get("Status") or {}).get("Err") and movable:
                pending.append(size)
        elif task.node not in rooms:
            continue
        elif task.service in everywhere:
            room = rooms[task.node]
            rooms[task.node] = Size(room.cpus - size.cpus, room.memory - size.memory)
        else:
            running[task.node].append(size)
            pinned |= set() if movable else {task.node}
    return View(
        snapshot.nodes,
        {n: Load(room, tuple(running[n]), n in pinned) for n, room in rooms.items()},
        tuple(pending),
        next((s.name for s in snapshot.services if s.rollout), ""),
        token,
    )


def joined(view: View, machine: Machine) -> bool:
    """Tell whether a machine is a full member: in the swarm, and labelled to take tasks."""
    node = view.node_of(machine)
    return node is not None and node.labels.get("shop") == "true"


def departed(view: View, group: Group) -> list[Node]:
    """List the dead workers whose machine is gone; one that is down for a while is none of them."""
    theirs = [view.node_of(machine) for machine in group.machines]
    return [n for n in view.nodes if n.role == "worker" and n.state == "down" and n not in theirs]


def cluster(view: View, group: Group, boot_time: float) -> Cluster:
    """Describe the group to the policy. Workers that are not of the group do not count."""
    hosts, coming = [], []
    staying = [m for m in group.machines if not m.leaving]
    for machine in staying:
        node = view.node_of(machine)
        if node is None or not joined(view, machine):
            coming.append(machine.age)
            continue
        load = view.loads[node.id]
        hosts.append(
            Host(
                machine.name,
                load.capacity,
                load.tasks,
                ready=node.state == "ready" and node.availability == "active",
                keep=load.pinned or node.labels.get(KEEP) == "true",
            )
        )
    # What was asked for and does not exist yet has an age nobody knows.
    coming += [0.0] * (group.wanted - len(staying))
    # As large as the smallest there is, so that no more is promised than a new one holds.
    sizes = [h.capacity for h in hosts]
    smallest = min(sizes, key=lambda s: (s.cpus, s.memory), default=PLENTY)
    return Cluster(tuple(hosts), view.pending, tuple(coming), smallest, bool(view.rolling))


def _is(node: Node, machine: Machine) -> bool:
    """Tell whose node it is: by the label that apply sets, for addresses are used again."""
    if "host" in node.labels:
        return node.labels["host"] == machine.name
    return node.address == machine.address


def _size(reserved: model.Reserved) -> Size:
    return Size(reserved[0] / 1e9, reserved[1])


def _new_worker() -> Node:
    """Describe what a new worker will be to placement constraints; its name is not known."""
    return Node("", role="worker", labels={"shop": "true"})
