"""Judge the network between hosts: open ports, full-size packets, tasks that reach each other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from provisioning.doctor.findings import Examination, Finding, unknown
from provisioning.inventory import Inventory
from provisioning.setup.swarm import VXLAN


def ports(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    """Find swarm ports that are closed between two hosts."""
    for source, doors in seen.doors.items():
        for (target, port), said in doors.items():
            if said != "open":
                yield Finding(
                    f"{source} -> {target}", f"port {port}/tcp is {said}", _open(port, "tcp")
                )
    addresses = {h.name: h.swarm_address for h in inventory.host}
    for target, wire in seen.wires.items():
        for source in seen.wires:
            for port in (7946, 4789):
                if source != target and (addresses[source], port, "s") not in wire.seen:
                    what = f"packets to port {port}/udp do not arrive"
                    yield Finding(f"{source} -> {target}", what, _open(port, "udp"))


def _open(port: int, protocol: str) -> str:
    return f"Open {port}/{protocol} between all hosts in the firewall or security group."


def mtu(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    """Find pairs of hosts between which full-size packets get lost."""
    addresses = {h.name: h.swarm_address for h in inventory.host}
    for target, wire in seen.wires.items():
        for source, other in seen.wires.items():
            address = addresses[source]
            arrives = (address, 4789, "s") in wire.seen
            if source != target and not arrives:
                yield unknown(f"{source} -> {target}", "small ones do not arrive either")
            if source != target and arrives and (address, 4789, "l") not in wire.seen:
                size = other.mtu.get(addresses[target], 0)
                yield Finding(
                    f"{source} -> {target}",
                    f"packets of {size} bytes, the interface's MTU, do not arrive",
                    f"Lower the MTU of {source}'s interface to what the network carries.",
                )
    smallest = min((f.mtu for f in seen.facts.hosts.values()), default=1500)
    name = f"{inventory.cluster.name}_public"
    overlay = seen.facts.swarm.networks.get(name, 0) if seen.facts.swarm else 0
    if overlay > smallest - VXLAN:
        yield Finding(
            name,
            f"its MTU is {overlay}, but hosts carry {smallest} bytes, {VXLAN} of them VXLAN's own",
            "Take the stacks down, run docker network rm on it, then ./run ops apply and deploy.",
        )


def overlay(inventory: Inventory, seen: Examination, now: datetime) -> Iterator[Finding]:
    """Find tasks that do not reach each other on the shop's network."""
    dead: dict[str, set[str]] = {}
    for source, answers in seen.overlay.items():
        for target, said in answers.items():
            if said not in ("open", "refused"):  # a refusal is an answer too
                dead.setdefault(source, set()).add(target)
                dead.setdefault(target, set()).add(source)
    # A host that is dead to most others is the culprit; name it once, not with every partner.
    while dead:
        worst = max(sorted(dead), key=lambda name: len(dead[name]))
        partners = sorted(dead.pop(worst))
        yield Finding(
            worst,
            f"its overlay network is dead: no answer between its tasks and those on "
            f"{', '.join(partners)}, though the swarm calls it ready",
            f"Restart its engine: ./run ops restart {worst}",
        )
        for partner in partners:
            dead[partner].discard(worst)
            if not dead[partner]:
                del dead[partner]
    if seen.services:
        for host in seen.facts.hosts.keys() - seen.overlay.keys():
            yield Finding(
                host,
                "no task could be started there to test from",
                "See ./run ops status.",
                bad=False,
            )
