"""Who makes machines for the swarm and takes them back: one protocol, two implementations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Machine:
    """A machine of the group, in the swarm or not; its name is the host's in the inventory."""

    name: str
    address: str = ""  # empty until it has one
    zone: str = ""
    age: float = 0.0  # seconds since it was made
    leaving: bool = False  # the provider takes it away, and waits until it is drained


@dataclass(frozen=True)
class Group:
    """The machines there are, and how many there are to be: the others are being made."""

    machines: tuple[Machine, ...]
    wanted: int
    trouble: str = ""  # why the provider could not make the last one


class Provider(Protocol):
    """Makes bare machines and takes them back."""

    joins_itself: bool  # its machines join the swarm with the token that is offered to them

    def group(self) -> Group:
        """Look at the machines."""
        ...

    def grow(self, count: int) -> None:
        """Ask for more machines."""
        ...

    def host_key(self, machine: Machine) -> str | None:
        """Return a machine's SSH host key, None while it is not known."""
        ...

    def release(self, machine: Machine) -> None:
        """Give back a machine that has left the swarm, or never came into it."""
        ...

    def offer(self, token: str) -> None:
        """Let new machines have the swarm's token for workers."""
        ...

    def withdraw(self) -> bool:
        """Take the token back; tell whether there was one."""
        ...
