"""What stands in the way of a plan, and what the operator should know besides. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from provisioning.inventory import Host, Inventory
from provisioning.setup.facts import Facts
from provisioning.setup.host import MARKER, HostFacts

NEEDED_DISK = 2 * 2**30  # bytes free before anything is installed
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
OURS = ("dockerd", "docker-proxy", "traefik", "containerd")  # may hold the ports we need


def problems(inventory: Inventory, facts: Facts) -> Iterator[str]:
    """Say, host by host, what has to be put right before anything may change."""
    unheard = [h.name for h in inventory.managers if h.name in facts.lost]
    if unheard and facts.swarm is None:
        yield (
            f"{', '.join(unheard)}: whether there is a swarm cannot be told while this manager "
            f"does not answer, and a second one must not be started. {facts.lost[unheard[0]]}"
        )
    kinds: dict[str, list[str]] = {}
    for host, found in facts.found(inventory):
        kinds.setdefault(ARCHITECTURES.get(found.architecture, ""), []).append(host.name)
        yield from _host_problems(inventory, host, found, facts)
    kinds.pop("", None)
    if len(kinds) > 1:
        said = ", ".join(f"{' and '.join(names)} {kind}" for kind, names in sorted(kinds.items()))
        yield (
            f"The hosts differ in architecture ({said}): an image runs on one kind. Use hosts of "
            "one kind."
        )
    marked = {
        host.name: found.storage_marker
        for host, found in facts.found(inventory)
        if mounted(inventory, found)
    }
    here = [name for name, marker in marked.items() if marker]
    path, name = inventory.cluster.storage_path, inventory.cluster.name
    for host_name, marker in marked.items():
        if marker is None and here:
            yield (
                f"{host_name}: {path} is not the folder that {here[0]} sees (no {MARKER} in it). "
                "Share the same folder with all hosts."
            )
        elif marker not in (None, name):
            yield (
                f'{host_name}: the storage {path} belongs to the cluster "{marker}", not "{name}". '
                "Use another folder, or correct name in the inventory."
            )


def _host_problems(
    inventory: Inventory, host: Host, found: HostFacts, facts: Facts
) -> Iterator[str]:
    name, member = host.name, found.membership
    if found.architecture not in ARCHITECTURES:
        yield (
            f"{name}: its architecture {found.architecture or 'is unknown'} is not supported. Use "
            "an x86_64 or aarch64 host."
        )
    if not found.apt:
        yield f"{name}: {found.system} has no apt-get. Use a Debian or Ubuntu host."
    for path, free in found.free.items():
        if free < NEEDED_DISK:
            yield (
                f"{name}: only {free / 2**30:.1f} GiB are free on {path}, and 2 GiB are needed. "
                "Free some (apt-get clean, journalctl --vacuum-size=100M) or enlarge the disk."
            )
    if found.settings is None:
        yield f"{name}: /etc/docker/daemon.json is no valid JSON. Repair or remove it."
    if (found.settings or {}).get("live-restore"):
        yield (
            f"{name}: /etc/docker/daemon.json turns live-restore on, with which an engine can be "
            "in no swarm. Take that line out."
        )
    if (found.settings or {}).get("firewall-backend") == "nftables":
        yield (
            f"{name}: /etc/docker/daemon.json chooses the firewall backend nftables, with which an "
            "engine can be in no swarm. Take that line out."
        )
    needed = {2377, 7946, 4789} | ({80, 443} if host.is_edge else set())
    for listener in found.listeners:
        if listener.port in needed and not listener.process.startswith(OURS):
            yield (
                f"{name}: port {listener.port}/{listener.protocol} is taken by {listener.process}. "
                "Stop that service, or move it to another port."
            )
    if member.state == "locked":
        yield f"{name}: its swarm is locked. Run docker swarm unlock there."
    elif facts.was_removed(host) or facts.ran_out(host):
        pass  # it is to leave what it believes in, and to join again
    elif member.state in ("error", "pending"):
        yield (
            f"{name}: it cannot take part in its swarm ({member.error or member.state}). Check "
            "ports 2377 and 7946 towards the managers; if the swarm is gone, run docker swarm "
            "leave --force there."
        )
    elif member.state == "active" and facts.node_of(name) is None:
        if facts.swarm is None and member.manager:
            yield (
                f"{name}: the managers have lost their quorum. Boot the missing managers; if they "
                "are gone for good: ./run ops recover."
            )
        else:
            yield (
                f"{name}: it belongs to another swarm. If that is no longer used, run docker swarm "
                "leave --force there."
            )


def notes(inventory: Inventory, facts: Facts) -> Iterator[str]:
    """Say what differs from the inventory and is left alone."""
    for name, why in facts.lost.items():
        yield f"{name} is left as it is, for it cannot be asked: {why.removeprefix(f'{name}: ')}"
    if facts.swarm is None:
        return
    for node in facts.swarm.nodes:
        host = facts.host_of(inventory, node)
        if host is None:
            yield (
                f"The swarm's node {node.hostname} ({node.address}, {node.state}) is no host "
                "of the inventory. It is left alone."
            )
        elif node.availability != "active":
            yield (
                f"{host.name} is set to {node.availability}. To use it again: ./run ops activate "
                f"{host.name}"
            )
    pool = inventory.cluster.overlay_pool
    if facts.swarm.pools and pool not in facts.swarm.pools:
        yield (
            f"The swarm's networks come from {', '.join(facts.swarm.pools)}; overlay_pool {pool} "
            "would only count for a new swarm."
        )


def mounted(inventory: Inventory, found: HostFacts) -> bool:
    """Tell whether the host sees the storage where it should."""
    source = inventory.cluster.nfs_source
    return source is None or (found.storage is not None and found.storage.source == source)
