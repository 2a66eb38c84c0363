"""Compare facts with the inventory and say what has to change. Pure: it touches no host."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from provisioning.inventory import Host, Inventory
from provisioning.setup.facts import Facts
from provisioning.setup.host import MARKER
from provisioning.setup.operations import Object, Operation, Plan, Run, Write
from provisioning.setup.preflight import mounted, notes, problems
from provisioning.setup.scripts import APT, JOIN, LEAVE, RESTART
from provisioning.setup.swarm import VXLAN
from swarm.model import Node

STAGES = ("engine", "swarm", "members", "labels", "storage", "objects")
SHOP_UID = 10001  # the user the shop's image runs as; it owns the covers
NFS_OPTIONS = (
    "nfsvers=4.1,rsize=1048576,wsize=1048576,hard,timeo=600,retrans=2,noresvport,_netdev,"
    "x-systemd.before=docker.service"
)


def heartbeat(inventory: Inventory) -> int:
    """Return how often workers tell a manager that they are there, in nanoseconds.

    After three beats without one, each half a second shorter or longer, a host counts as dead. A
    worker whose manager dies without a word finds that out after its next beat and 5 s more, and
    turns to another: with less than 4 s it would count as dead itself, and lose its replicas.
    """
    return (2 if len(inventory.managers) == 1 else 4) * 1_000_000_000


def make_plan(inventory: Inventory, facts: Facts, objects: tuple[Object, ...] = ()) -> Plan:
    """Say what separates the hosts from the inventory, and what stands in the way."""
    stages: tuple[Callable[[], Iterator[Operation]], ...] = (
        lambda: _engine(inventory, facts),
        lambda: _swarm(inventory, facts),
        lambda: _members(inventory, facts),
        lambda: _labels(inventory, facts),
        lambda: _storage(inventory, facts),
        lambda: _objects(inventory, facts, objects),
    )
    found = tuple(problems(inventory, facts))
    silent = all(h.name in facts.lost for h in inventory.managers)  # then there is nobody to join
    return Plan(
        () if silent else tuple(operation for stage in stages for operation in stage()),
        found,
        tuple(notes(inventory, facts)),
        tuple(facts.lost),
    )


def engine_settings(inventory: Inventory) -> dict[str, Any]:
    """Return what the engine's daemon.json must hold; other keys there are left alone."""
    settings: dict[str, Any] = {
        "log-driver": "local",
        "log-opts": {"max-size": "20m", "max-file": "3"},
    }
    if inventory.cluster.insecure_registries:
        settings["insecure-registries"] = list(inventory.cluster.insecure_registries)
    return settings


def node_labels(inventory: Inventory, host: Host) -> dict[str, str]:
    """Return the labels a host's node must carry; placement rules of the stacks use them."""
    shop = host.role == "worker" or not inventory.workers
    return {
        "host": host.name,
        **({"edge": "true"} if host.is_edge else {}),
        **({"shop": "true"} if shop else {}),
        **({"zone": host.zone} if host.zone else {}),
    }


def manager_of(inventory: Inventory, facts: Facts) -> str:
    """Name the host at which the swarm is changed: the first that manages it, or is to."""
    there = facts.found(inventory)
    managing = [
        host for host, found in there if found.membership.manager and not facts.was_removed(host)
    ]
    return (managing or [host for host, _ in there if host.role == "manager"])[0].name


def _engine(inventory: Inventory, facts: Facts) -> Iterator[Operation]:
    ours = engine_settings(inventory)
    for host, found in facts.found(inventory):
        wanted = {**(found.settings or {}), **ours}
        write = Write("/etc/docker/daemon.json", json.dumps(wanted, indent=2).encode() + b"\n")
        start = Run("systemctl enable --now docker && docker info >/dev/null", timeout=90)
        if not found.python:
            python = Run(f"{APT} python3", timeout=600)
            yield Operation("engine", host.name, "install Python 3", (python,))
        if not found.installed:
            packages = "docker.io $(apt-cache show docker-cli >/dev/null 2>&1 && echo docker-cli)"
            install = Run(f"{APT} {packages}", timeout=600)
            yield Operation("engine", host.name, "install Docker Engine", (write, install, start))
        elif not found.client:
            # Debian's docker.io only recommends it. Nothing is known of the engine without.
            client = Run(f"{APT} docker-cli", timeout=600)
            yield Operation("engine", host.name, "install Docker's command line", (client,))
        elif found.settings != wanted:
            changed = sorted(k for k in ours if (found.settings or {}).get(k) != ours[k])
            yield Operation(
                "engine",
                host.name,
                f"set the engine's {', '.join(changed)} and restart it, with all its containers",
                (write, Run(RESTART, timeout=120)),
                alone=True,
                restarts=found.membership.state == "active",
            )
        elif found.engine is None:
            yield Operation("engine", host.name, "start Docker Engine", (start,))


def _swarm(inventory: Inventory, facts: Facts) -> Iterator[Operation]:
    beat = heartbeat(inventory)
    seconds = beat // 1_000_000_000
    first = inventory.named(manager_of(inventory, facts))
    if facts.swarm is None:
        pool = inventory.cluster.overlay_pool
        yield Operation(
            "swarm",
            first.name,
            f"start the swarm (heartbeat {seconds} s, overlay networks from {pool})",
            (
                Run(
                    f"docker swarm init --advertise-addr {first.swarm_address} "
                    f"--default-addr-pool {pool} --default-addr-pool-mask-length 24 "
                    f"--dispatcher-heartbeat {seconds}s"
                ),
            ),
        )
    elif facts.swarm.heartbeat != beat:
        yield Operation(
            "swarm",
            first.name,
            f"set the heartbeat to {seconds} s (it is {facts.swarm.heartbeat / 1e9:g} s)",
            (Run(f"docker swarm update --dispatcher-heartbeat {seconds}s"),),
        )


def _members(inventory: Inventory, facts: Facts) -> Iterator[Operation]:
    manager = manager_of(inventory, facts)
    for host, _ in facts.found(inventory):
        if facts.swarm is None:
            if host.name != manager:
                yield Operation("members", host.name, f"join the swarm as {host.role}")
            continue
        for old in _ghosts(host, facts):
            # One that is no member of the managers' raft any more cannot be demoted, and need not.
            demote = (
                f"docker node demote {old.id} >/dev/null 2>&1; " if old.role == "manager" else ""
            )
            yield Operation(
                "members",
                host.name,
                f"forget the dead {old.role} {old.hostname} ({old.address}), whose place it takes",
                (Run(f"{demote}docker node rm --force {old.id}"),),
                alone=True,
                at=manager,
            )
        node = facts.node_of(host.name)
        if facts.was_removed(host) or facts.ran_out(host):
            why = (
                "for its certificate has run out"
                if facts.ran_out(host)
                else "as it was before it was recovered"
            )
            leave = (Run(LEAVE, timeout=120),)
            yield Operation("members", host.name, f"leave the swarm {why}", leave, alone=True)
        if node is None:
            token = facts.swarm.tokens.get(host.role, "")
            yield Operation(
                "members",
                host.name,
                f"join the swarm as {host.role}",
                (
                    Run(
                        f"python3 -c {shlex.quote(JOIN)}",
                        json.dumps(
                            {
                                "ListenAddr": "0.0.0.0:2377",
                                "AdvertiseAddr": host.swarm_address,
                                "RemoteAddrs": [f"{inventory.named(manager).swarm_address}:2377"],
                                "JoinToken": token,
                            }
                        ).encode(),
                        timeout=90,
                    ),
                ),
                alone=host.role == "manager",
            )
        elif node.role != host.role:
            verb = "promote" if host.role == "manager" else "demote"
            run = Run(f"docker node {verb} {node.id}")
            words = f"{verb} to {host.role}"
            yield Operation("members", host.name, words, (run,), alone=True, at=manager)


def _ghosts(host: Host, facts: Facts) -> list[Node]:
    """Return the dead nodes whose place this host has taken."""
    own = facts.hosts[host.name].membership.node
    return [
        node
        for node in (facts.swarm.nodes if facts.swarm else ())
        if node.id != own
        and node.state == "down"
        and (node.address == host.swarm_address or node.labels.get("host") == host.name)
    ]


def _labels(inventory: Inventory, facts: Facts) -> Iterator[Operation]:
    manager = manager_of(inventory, facts)
    for host, _ in facts.found(inventory):
        wanted = node_labels(inventory, host)
        node = facts.node_of(host.name)
        found = node.labels if node else {}
        add = {k: v for k, v in wanted.items() if found.get(k) != v}
        drop = [k for k in ("edge", "shop", "zone") if k in found and k not in wanted]
        if not add and not drop:
            continue
        said = [f"{k}={v}" for k, v in add.items()] + [f"no {k}" for k in drop]
        flags = [f"--label-add {shlex.quote(f'{k}={v}')}" for k, v in add.items()]
        flags += [f"--label-rm {k}" for k in drop]
        steps = (Run(f"docker node update {' '.join(flags)} {node.id}"),) if node else ()
        words = f"label {', '.join(said)}"
        yield Operation("labels", host.name, words, steps, at=manager)


def _storage(inventory: Inventory, facts: Facts) -> Iterator[Operation]:
    source, path = inventory.cluster.nfs_source, inventory.cluster.storage_path
    quoted = shlex.quote(path)
    for host, found in facts.found(inventory):
        if source is None:
            break
        if not found.nfs:
            run = Run(f"{APT} nfs-common", timeout=300)
            yield Operation("storage", host.name, "install the NFS client", (run,))
        line = f"{source} {path} nfs4 {NFS_OPTIONS} 0 0"
        if found.fstab.split() != line.split() or not mounted(inventory, found):
            others = shlex.quote(f'/^[ \\t]*#/ || $2 != "{path}"')
            edit = (
                f"mkdir -p {quoted} && awk {others} /etc/fstab > /etc/fstab.new && "
                f"echo {shlex.quote(line)} >> /etc/fstab.new && "
                "chmod --reference=/etc/fstab /etc/fstab.new && mv /etc/fstab.new /etc/fstab && "
                f"systemctl daemon-reload && {{ mountpoint -q {quoted} || mount {quoted}; }}"
            )
            words = f"mount {source} at {path}"
            yield Operation("storage", host.name, words, (Run(edit, timeout=90),))
    if not any(f.storage_marker and f.storage_ready for f in facts.hosts.values()):
        name = inventory.cluster.name
        media, marker = shlex.quote(f"{path}/media"), shlex.quote(f"{path}/{MARKER}")
        yield Operation(
            "storage",
            facts.found(inventory)[0][0].name,
            f"prepare the shared storage {path} for covers and certificates",
            (
                Run(
                    f"install -d -m 755 {quoted} && "
                    f"install -d -m 750 -o {SHOP_UID} -g {SHOP_UID} {media} && "
                    f"install -d -m 700 {shlex.quote(f'{path}/acme')} && "
                    f"echo {name} > {marker}"
                ),
            ),
        )


def _objects(
    inventory: Inventory, facts: Facts, objects: tuple[Object, ...]
) -> Iterator[Operation]:
    manager = manager_of(inventory, facts)
    swarm = facts.swarm
    held = {
        "network": frozenset(swarm.networks if swarm else ()),
        "secret": swarm.secrets if swarm else frozenset(),
        "config": swarm.configs if swarm else frozenset(),
    }
    smallest = min(found.mtu for found in facts.hosts.values())
    mtu = f"--opt com.docker.network.driver.mtu={smallest - VXLAN} " if smallest < 1500 else ""
    for item in objects:
        if item.name in held[item.kind]:
            continue
        options = " ".join((f"--label bookstore.cluster={inventory.cluster.name}", *item.options))
        driver = f"--driver overlay {mtu}" if item.kind == "network" else ""
        dash = "" if item.kind == "network" else " -"
        command = f"docker {item.kind} create {driver}{options} {item.name}{dash}"
        words = f"create the {item.kind} {item.name}"
        yield Operation("objects", manager, words, (Run(command, item.content),))
