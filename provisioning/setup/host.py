"""What is true on one host: each fact is one command and a pure parser of what it printed."""

from __future__ import annotations

import json
import re
import shlex
import time
from dataclasses import dataclass, field, replace
from typing import Any

from provisioning.inventory import Inventory
from provisioning.ssh.transport import Connection

DISKS = "/ /var/lib/docker /var/lib/containerd"  # the last: of images since Engine 29
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
    inodes: dict[str, int] = field(default_factory=dict)  # percent used by path
    room: int | None = None  # bytes free on the shared storage
    engine: str | None = None  # the running engine's version
    installed: bool = False
    client: bool = True  # the engine's command line is there
    python: bool = True
    settings: dict[str, Any] | None = None  # daemon.json; None where it is no JSON object
    membership: Membership = Membership()
    listeners: tuple[Listener, ...] = ()
    storage: Mount | None = None  # what is mounted at the storage path
    storage_marker: str | None = None
    storage_ready: bool = False  # the folder for covers exists
    fstab: str = ""  # the line for the storage path
    nfs: bool = False  # mount.nfs4 is there
    mtu: int = 1500  # of the interface towards the other hosts
    certificate: str = ""  # of the host's node in the swarm, PEM
    clock: float = 0.0  # seconds by which the host's clock is ahead of ours
    uncertainty: float = 0.0  # half the time it took to ask


def parse_release(text: str) -> str:
    """Return "debian 13" from /etc/os-release."""
    rows = (line.partition("=") for line in text.splitlines())
    pairs = {key: value.strip("\"'") for key, _, value in rows}
    return f"{pairs.get('ID', 'unknown')} {pairs.get('VERSION_ID', '')}".strip()


def parse_df(text: str) -> dict[str, int]:
    """Return free bytes by path from lines of "PATH KIB"."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1]) * 1024 for row in rows if len(row) == 2 and row[1].isdigit()}


def parse_percent(text: str) -> dict[str, int]:
    """Return percents by path from lines of "PATH 12%"; file systems without the figure say "-"."""
    rows = (line.split() for line in text.splitlines())
    return {row[0]: int(row[1][:-1]) for row in rows if len(row) == 2 and row[1].endswith("%")}


def parse_settings(text: str) -> dict[str, Any] | None:
    """Return daemon.json; an absent or empty file is an empty one, None is a broken one."""
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


def host_commands(storage: str, address: str) -> dict[str, str]:
    """Return the command behind each fact of a host, given its storage path and swarm address."""
    path = shlex.quote(storage)
    return {
        "architecture": "uname -m",
        "release": "cat /etc/os-release",
        "apt": "command -v apt-get",
        "free": (
            f"for d in {DISKS}; do [ -d $d ] && echo $d $(df -k --output=avail $d | tail -1); done"
        ),
        "inodes": (
            f"for d in {DISKS}; do [ -d $d ] && echo $d $(df --output=ipcent $d | tail -1); done"
        ),
        "engine": "docker version --format '{{.Server.Version}}'",
        "installed": "command -v dockerd",
        "client": "command -v docker",
        "python": "command -v python3",
        "settings": "cat /etc/docker/daemon.json",
        "swarm": "docker info --format '{{json .Swarm}}'",
        "listeners": "ss -Hltunp",
        "certificate": "cat /var/lib/docker/swarm/certificates/swarm-node.crt",
        # A dead NFS server would hang these; the deadline is short of the whole script's.
        "storage": f"timeout 5 findmnt --json -o SOURCE,FSTYPE,OPTIONS --mountpoint {path}",
        "marker": f"timeout 5 cat {path}/{MARKER}",
        "room": f"echo {path} $(timeout 5 df -k --output=avail {path} | tail -1)",
        "media": f"timeout 5 test -d {path}/media && echo yes",
        "fstab": f"awk -v path={path} '$1 !~ /^#/ && $2 == path' /etc/fstab",
        "nfs": "command -v mount.nfs4",
        "mtu": f"ip -o link show $(ip -o -4 addr show | awk '$4 ~ \"^{address}/\" {{print $2}}')",
    }


def parse_host(name: str, sections: dict[str, str]) -> HostFacts:
    """Put together what one host said."""
    return HostFacts(
        name=name,
        architecture=sections["architecture"].strip(),
        system=parse_release(sections["release"]),
        apt=bool(sections["apt"].strip()),
        free=parse_df(sections["free"]),
        inodes=parse_percent(sections["inodes"]),
        room=next(iter(parse_df(sections["room"]).values()), None),
        engine=sections["engine"].strip() or None,
        installed=bool(sections["installed"].strip()),
        client=bool(sections["client"].strip()),
        python=bool(sections["python"].strip()),
        settings=parse_settings(sections["settings"]),
        membership=parse_membership(sections["swarm"]),
        listeners=parse_listeners(sections["listeners"]),
        storage=parse_mount(sections["storage"]),
        storage_marker=sections["marker"].strip() or None,
        storage_ready=bool(sections["media"].strip()),
        fstab=sections["fstab"].strip(),
        nfs=bool(sections["nfs"].strip()),
        mtu=parse_mtu(sections["mtu"]),
        certificate=sections["certificate"].strip(),
    )


def read_host(inventory: Inventory, connection: Connection) -> HostFacts:
    """Read the facts of one host; its user must be able to use sudo."""
    connection.run("true", sudo=True)
    before = time.time()
    date = float(connection.run("date +%s.%N").stdout)
    took = time.time() - before
    address = inventory.named(connection.name).swarm_address
    commands = host_commands(inventory.cluster.storage_path, address)
    facts = parse_host(connection.name, connection.ask(commands))
    return replace(facts, clock=date - before - took / 2, uncertainty=took / 2)
