"""What is true on the hosts: each fact is one command and a pure parser of what it printed."""

from __future__ import annotations

import json
import re
import secrets
import shlex
import time
from dataclasses import dataclass, field, replace
from typing import Any

from provisioning.errors import OperatorError
from provisioning.inventory import Host, Inventory
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.transport import Connection, HostError

VXLAN = 50  # bytes that an overlay network adds to each packet
MARKER = ".bookstore-storage"  # a file on the shared storage that names the cluster


@dataclass(frozen=True)
class Mount:
    """A mounted file system."""

    source: str
    kind: str
    options: frozenset[str]


@dataclass(frozen=True)
class Listener:
    """A process that listens on a port."""

    port: int
    protocol: str
    process: str


@dataclass(frozen=True)
class Membership:
    """What a host's engine says of the swarm it is in."""

    node: str = ""  # the node's id
    state: str = "inactive"  # inactive, pending, active, error, locked
    manager: bool = False
    error: str = ""


@dataclass(frozen=True)
class HostFacts:
    """One host, as found."""

    name: str
    architecture: str = ""
    system: str = ""
    apt: bool = True
    free: dict[str, int] = field(default_factory=dict)  # bytes by path
    engine: str | None = None  # the running engine's version
    installed: bool = False
    settings: dict[str, Any] | None = None  # daemon.json; None where it is no JSON object
    membership: Membership = Membership()
    listeners: tuple[Listener, ...] = ()
    storage: Mount | None = None  # what is mounted at the storage path
    storage_marker: str | None = None
    storage_ready: bool = False  # the folder for covers exists
    fstab: str = ""  # the line for the storage path
    nfs: bool = False  # mount.nfs4 is there
    mtu: int = 1500  # of the interface towards the other hosts
    clock: float = 0.0  # seconds by which the host's clock is ahead of ours
    uncertainty: float = 0.0  # half the time it took to ask


@dataclass(frozen=True)
class Node:
    """A member of the swarm, as the managers see it."""

    id: str
    hostname: str
    address: str
    role: str
    state: str  # ready, down, unknown, disconnected
    availability: str  # active, pause, drain
    labels: dict[str, str]
    leader: bool = False
    reachability: str = ""  # managers only
    engine: str = ""


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


def parse_release(text: str) -> str:
    """Give "debian 13" from /etc/os-release."""
    rows = (line.partition("=") for line in text.splitlines())
    pairs = {key: value.strip("\"'") for key, _, value in rows}
    return f"{pairs.get('ID', 'unknown')} {pairs.get('VERSION_ID', '')}".strip()


def parse_df(text: str) -> dict[str, int]:
    """Give free bytes by path from lines of "PATH KIB"."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1]) * 1024 for row in rows if len(row) == 2 and row[1].isdigit()}


def parse_settings(text: str) -> dict[str, Any] | None:
    """Give daemon.json; an absent or empty file is an empty one, None is a broken one."""
    try:
        value = json.loads(text or "{}")
    except json.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def parse_membership(text: str) -> Membership:
    """Read `docker info`'s part on the swarm."""
    if not text.strip():
        return Membership()
    info = json.loads(text)
    return Membership(
        node=info.get("NodeID", ""),
        state=info.get("LocalNodeState") or "inactive",
        manager=bool(info.get("ControlAvailable")),
        error=info.get("Error", ""),
    )


def parse_listeners(text: str) -> tuple[Listener, ...]:
    """Read `ss -Hltunp`; sockets of the kernel (VXLAN, NFS) have no process and are left out."""
    found = set()
    for line in text.splitlines():
        columns = line.split()
        if len(columns) < 5 or not (port := columns[4].rpartition(":")[2]).isdigit():
            continue
        if process := re.search(r'\(\("([^"]+)"', line):
            found.add(Listener(int(port), columns[0], process[1]))
    return tuple(sorted(found, key=lambda f: (f.port, f.protocol, f.process)))


def parse_mount(text: str) -> Mount | None:
    """Read `findmnt --json` for one mount point."""
    if not text.strip():
        return None
    row = json.loads(text)["filesystems"][-1]
    return Mount(row["source"], row["fstype"], frozenset(row["options"].split(",")))


def parse_mtu(text: str) -> int:
    """Read the MTU from `ip -o link show`."""
    found = re.search(r" mtu (\d+) ", text)
    return int(found[1]) if found else 1500


def parse_networks(text: str) -> dict[str, int]:
    """Read lines of "NAME MTU"; where none is set the engine takes 1500 less its own header."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1]) if row[1:] else 1500 - VXLAN for row in rows if row}


def parse_nodes(text: str) -> tuple[Node, ...]:
    """Read `docker node inspect` of all nodes."""
    nodes = []
    for row in json.loads(text or "[]"):
        manager = row.get("ManagerStatus") or {}
        nodes.append(
            Node(
                id=row["ID"],
                hostname=row["Description"].get("Hostname", ""),
                # A manager's own Status.Addr may read 0.0.0.0; its raft address does not.
                address=manager.get("Addr", "").rpartition(":")[0] or row["Status"].get("Addr", ""),
                role=row["Spec"]["Role"],
                state=row["Status"]["State"],
                availability=row["Spec"]["Availability"],
                labels=row["Spec"].get("Labels") or {},
                leader=bool(manager.get("Leader")),
                reachability=manager.get("Reachability", ""),
                engine=row["Description"].get("Engine", {}).get("EngineVersion", ""),
            )
        )
    return tuple(sorted(nodes, key=lambda n: n.hostname))


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
        nodes=parse_nodes(sections["nodes"]),
        networks=parse_networks(sections["networks"]),
        secrets=names("secrets"),
        configs=names("configs"),
        tokens={
            role: sections[f"{role} token"].strip()
            for role in ("worker", "manager")
            if sections[f"{role} token"].strip()
        },
    )


def host_commands(storage: str, address: str) -> dict[str, str]:
    """Give the command behind each fact of a host, given its storage path and swarm address."""
    path = shlex.quote(storage)
    return {
        "architecture": "uname -m",
        "release": "cat /etc/os-release",
        "apt": "command -v apt-get",
        "free": (
            "for d in / /var/lib/docker; do [ -d $d ] && "
            "echo $d $(df -k --output=avail $d | tail -1); done"
        ),
        "engine": "docker version --format '{{.Server.Version}}'",
        "installed": "command -v dockerd",
        "settings": "cat /etc/docker/daemon.json",
        "swarm": "docker info --format '{{json .Swarm}}'",
        "listeners": "ss -Hltunp",
        # A dead NFS server would hang these; the deadline is short of the whole script's.
        "storage": f"timeout 5 findmnt --json -o SOURCE,FSTYPE,OPTIONS --mountpoint {path}",
        "marker": f"timeout 5 cat {path}/{MARKER}",
        "media": f"timeout 5 test -d {path}/media && echo yes",
        "fstab": f"awk '$1 !~ /^#/ && $2 == \"{storage}\"' /etc/fstab",
        "nfs": "command -v mount.nfs4",
        "mtu": f"ip -o link show $(ip -o -4 addr show | awk '$4 ~ \"^{address}/\" {{print $2}}')",
    }


SWARM_COMMANDS = {
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


def parse_host(name: str, sections: dict[str, str]) -> HostFacts:
    """Put together what one host said."""
    return HostFacts(
        name=name,
        architecture=sections["architecture"].strip(),
        system=parse_release(sections["release"]),
        apt=bool(sections["apt"].strip()),
        free=parse_df(sections["free"]),
        engine=sections["engine"].strip() or None,
        installed=bool(sections["installed"].strip()),
        settings=parse_settings(sections["settings"]),
        membership=parse_membership(sections["swarm"]),
        listeners=parse_listeners(sections["listeners"]),
        storage=parse_mount(sections["storage"]),
        storage_marker=sections["marker"].strip() or None,
        storage_ready=bool(sections["media"].strip()),
        fstab=sections["fstab"].strip(),
        nfs=bool(sections["nfs"].strip()),
        mtu=parse_mtu(sections["mtu"]),
    )


def ask(connection: Connection, commands: dict[str, str]) -> dict[str, str]:
    """Run many read-only commands in one go; give what each printed ("" where it failed)."""
    edge = secrets.token_hex(8)
    script = "\n".join(f"echo {edge}; ( {command} ) 2>/dev/null" for command in commands.values())
    shown = "read the host's facts"
    out = connection.run(f"{script}\ntrue", sudo=True, timeout=60, shown=shown).stdout
    parts = out.split(f"{edge}\n")[1:]
    if len(parts) != len(commands):
        raise HostError(connection.name, "its facts came back incomplete. Run the command again.")
    return dict(zip(commands, parts, strict=True))


def gather(inventory: Inventory, fleet: Fleet) -> Facts:
    """Read the facts of all hosts in parallel, and the swarm's from its first manager."""
    hosts = fleet.all(inventory.host, lambda c: read_host(inventory, c))
    managers = [h for h in inventory.host if hosts[h.name].membership.manager]
    return Facts(hosts, read_swarm(fleet.to(managers[0]), fleet) if managers else None)


def read_host(inventory: Inventory, connection: Connection) -> HostFacts:
    """Read the facts of one host; its user must be able to use sudo."""
    connection.run("true", sudo=True)
    before = time.time()
    date = float(connection.run("date +%s.%N").stdout)
    took = time.time() - before
    address = inventory.named(connection.name).swarm_address
    commands = host_commands(inventory.cluster.storage_path, address)
    facts = parse_host(connection.name, ask(connection, commands))
    return replace(facts, clock=date - before - took / 2, uncertainty=took / 2)


def read_swarm(connection: Connection, fleet: Fleet) -> SwarmFacts | None:
    """Ask a manager about the swarm."""
    swarm = parse_swarm(ask(connection, SWARM_COMMANDS))
    if swarm:
        for token in swarm.tokens.values():
            fleet.redact.hide(token)
    return swarm


def seat(inventory: Inventory, fleet: Fleet) -> Connection:
    """Give a connection to the first manager that answers and knows the swarm."""
    refusals = []
    for host in inventory.managers:
        try:
            connection = fleet.to(host)
            if connection.run("docker node ls -q", sudo=True, check=False).status == 0:
                return connection
            refusals.append(f"{host.name} manages no swarm, or the managers have lost their quorum")
        except HostError as error:
            refusals.append(str(error))
    raise OperatorError(
        "No manager can be asked:\n  "
        + "\n  ".join(refusals)
        + "\nIf the cluster is new, run ./run ops apply first."
    )


def host_named(inventory: Inventory, node: Node, facts: Facts) -> Host | None:
    """Find the host of the inventory behind a node, by node id, else by address."""
    for host in inventory.host:
        found = facts.hosts.get(host.name)
        if found and found.membership.node == node.id:
            return host
    return next((h for h in inventory.host if h.swarm_address == node.address), None)
