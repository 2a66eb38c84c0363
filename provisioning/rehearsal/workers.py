"""The rehearsal's hosts as a group of workers that comes and goes, for `scale-hosts`."""

from __future__ import annotations

import time

from provisioning.growth.provider import Group, Machine
from provisioning.rehearsal import lifecycle
from provisioning.rehearsal.cluster_file import host_key
from provisioning.rehearsal.layout import Host, guest_folder


class RehearsalWorkers:
    """Bare hosts on this machine."""

    joins_itself = False

    def group(self) -> Group:
        """Look at the workers."""
        machines = tuple(map(_machine, lifecycle.current_workers()))
        return Group(machines, len(machines))

    def grow(self, count: int) -> None:
        """Boot more bare hosts."""
        for _ in range(count):
            lifecycle.add_worker()

    def host_key(self, machine: Machine) -> str | None:
        """Return a host's key."""
        return host_key(lifecycle.named(machine.name))

    def release(self, machine: Machine) -> None:
        """Take a host away with its disk."""
        lifecycle.remove_worker(machine.name)

    def offer(self, token: str) -> None:
        """Do nothing: these hosts are set up from outside."""

    def withdraw(self) -> bool:
        """Do nothing: no token was offered."""
        return False


def _machine(host: Host) -> Machine:
    disk = guest_folder(host.name) / "furnished"
    age = time.time() - disk.stat().st_mtime if disk.exists() else 0.0
    return Machine(host.name, host.address, host.zone, age)
