"""Where everything of a rehearsal is: folders, names and addresses."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Literal

from provisioning.errors import OperatorError

# One machine can hold ten rehearsals side by side, each with folders, names and addresses of its
# own; the tests use another one than people do.
NUMBER = int(os.environ.get("BOOKSTORE_REHEARSAL") or 0)
_MARK = str(NUMBER or "")

CACHE = Path("/var/cache/bookstore-rehearsal")  # survives `down`; all rehearsals share it
STATE = Path(f"/var/lib/bookstore-rehearsal{_MARK}")  # `down` deletes it
SLICE = f"bookstore-rehearsal{_MARK}"  # its control group
KEYS = STATE / "keys"
SHARED = STATE / "shared"  # stands for EFS
INVENTORY = STATE / "cluster.toml"

ZONE = "bookstore.test"
SHOP = f"shop.{ZONE}"
REGISTRY = f"registry.{ZONE}"
DATABASE = f"database.{ZONE}"
ACME = f"acme.{ZONE}"
MAIL = f"mail.{ZONE}"

SHARED_IN_HOST = "/srv/bookstore"
USER = "admin"  # as on Debian's EC2 images

# The VPC is one namespace that holds a bridge; each host has a namespace of its own.
PREFIX = f"bookstore{_MARK}-"  # of every namespace
VPC = "vpc"
_NET = f"10.{77 + NUMBER}"
NETWORK = f"{_NET}.0.0/24"
ROUTER = f"{_NET}.0.1"
RESOLVER = f"{_NET}.0.2"
OPERATOR_LINK = f"bookstore{_MARK}-vpc"  # the machine's own interface into the VPC
OPERATOR, OPERATOR_GATEWAY = f"{_NET}.1.1", f"{_NET}.1.2"

# One more guest plays what AWS would provide; each service has an address of its own.
CLOUD = "cloud"
LOAD_BALANCER = f"{_NET}.0.10"
SERVICES = {
    "resolver": RESOLVER,
    SHOP: LOAD_BALANCER,
    DATABASE: f"{_NET}.0.20",
    REGISTRY: f"{_NET}.0.30",
    ACME: f"{_NET}.0.40",
    MAIL: f"{_NET}.0.50",
}
SUCCESSOR = f"{_NET}.0.21"  # of the database's writer, while there is one

Role = Literal["manager", "worker", "machine"]
MOST_WORKERS = 9


@dataclass(frozen=True)
class Host:
    """One rehearsal host; its name, role and number say everything else."""

    role: Role
    number: int

    @property
    def name(self) -> str:
        """Return the host's name, such as `worker2`."""
        return self.role if self.role == "machine" else f"{self.role}{self.number}"

    @property
    def address(self) -> str:
        """Return its address in the VPC."""
        first = {"manager": 100, "worker": 200, "machine": 50}[self.role]
        return f"{_NET}.0.{first + self.number}"

    @property
    def zone(self) -> str:
        """Return its availability zone: hosts of a role are dealt out to three."""
        return "abc"[(self.number - 1) % 3]


MACHINE = Host("machine", 1)  # the one host where there is no swarm


def hosts(managers: int, workers: int) -> tuple[Host, ...]:
    """List the hosts of a rehearsal, managers first."""
    if managers not in (1, 3):
        raise OperatorError(f"{managers} managers cannot be rehearsed: use 1 or 3.")
    if not 0 <= workers <= MOST_WORKERS:
        raise OperatorError(f"{workers} workers cannot be rehearsed: use 0 to {MOST_WORKERS}.")
    return (
        *(Host("manager", n + 1) for n in range(managers)),
        *(Host("worker", n + 1) for n in range(workers)),
    )


def parse_host(name: str) -> Host:
    """Turn a host's name back into the host."""
    if name == MACHINE.name:
        return MACHINE
    roles: tuple[Role, ...] = ("manager", "worker")
    for role in roles:
        number = name.removeprefix(role)
        if number != name and number.isdecimal() and 1 <= int(number) <= MOST_WORKERS:
            return Host(role, int(number))
    raise OperatorError(
        f'"{name}" is no rehearsal host: they are called manager1, worker1 and so on.'
    )


def guest_folder(name: str) -> Path:
    """Return the folder with a guest's disk, log and mount point."""
    return STATE / "guests" / name


def mac(address: str) -> str:
    """Return the hardware address that belongs to an address: a host keeps it over a reboot."""
    return "02:00:" + ":".join(f"{byte:02x}" for byte in IPv4Address(address).packed)
