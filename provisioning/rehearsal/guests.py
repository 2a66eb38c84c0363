"""Guests: one machine each, with a disk, a network and a systemd of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from provisioning.errors import OperatorError
from provisioning.rehearsal import cgroups, mounts, network
from provisioning.rehearsal.authority import AUTHORITY
from provisioning.rehearsal.layout import RESOLVER, STATE, guest_folder
from provisioning.rehearsal.system import run, wait_for

# runc needs the kernel's keyrings, which nspawn's system call filter forbids; Docker sets sysctls.
NSPAWN_ENV = {"SYSTEMD_SECCOMP": "0", "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "1"}
# systemd from 256 on starts upon version 1 control groups only when told so (read from its
# arguments, which are a guest's kernel command line).
VERSION_1 = ("SYSTEMD_CGROUP_ENABLE_LEGACY_FORCE=1", "systemd.unified_cgroup_hierarchy=0")


@dataclass(frozen=True)
class Guest:
    """A machine to be: its addresses, folders from outside, and who writes its first files."""

    name: str
    addresses: Sequence[str]
    layers: Sequence[Path]  # that its disk stands on, the topmost first
    binds: dict[str, Path] = field(default_factory=dict)  # path inside: folder outside
    furnish: Callable[[Path], None] = lambda root: None
    port: int = 22  # answers once the guest has booted
    console: str = "pipe"  # nspawn's word; "read-only" makes /dev/console a terminal, as on EC2


def boot(guest: Guest) -> None:
    """Power a guest on, making its disk at the first time, and wait until it answers.

    Nothing happens to a guest that runs. Stops with the last lines of the console on failure.
    """
    if cgroups.first_process(guest.name):
        return
    power_off(guest.name)
    folder = guest_folder(guest.name)
    root = _disk(guest, folder)
    network.connect(guest.name, *guest.addresses)
    cgroups.create(guest.name)
    argv = [
        *("systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--boot"),
        *("--link-journal=no", "--resolv-conf=off", "--timezone=off", "--capability=all"),
        *(f"--machine={guest.name}", f"--directory={root}", f"--console={guest.console}"),
        f"--network-namespace-path={network.RUN_NETNS / network.namespace(guest.name)}",
        *(f"--bind={outside}:{inside}" for inside, outside in guest.binds.items()),
        *(VERSION_1 if cgroups.version_1() else ()),
    ]
    with (folder / "console.log").open("ab") as console:
        # setsid --fork: the guest is nobody's child and outlives this command.
        subprocess.run(
            ["setsid", "--fork", "sh", "-c", cgroups.enter(guest.name) + 'exec "$@"', "sh", *argv],
            stdin=subprocess.DEVNULL,
            stdout=console,
            stderr=console,
            env={"PATH": os.environ["PATH"], **NSPAWN_ENV},
            check=True,
        )
    try:
        address = guest.addresses[0]
        wait_for(lambda: answers(guest.name, address, guest.port), f"{guest.name} did not boot", 60)
    except OperatorError as error:
        lines = (folder / "console.log").read_text(errors="replace").splitlines()[-15:]
        raise OperatorError("\n  ".join([f"{error}; its console said:", *lines])) from None


def answers(name: str, address: str, port: int) -> bool:
    """Tell whether a port takes connections, tried from a guest's own network.

    Its own network, because a guest that is cut off has booted all the same.
    """
    probe = f"exec 3<>/dev/tcp/{address}/{port}"
    argv = network.inside(name, "timeout", "1", "bash", "-c", probe)
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


def shell(name: str, script: str) -> list[str]:
    """Return the command that runs a shell script as root in a guest, past its sshd."""
    leader = cgroups.first_process(name)
    if leader is None:
        raise OperatorError(f"{name} has no power: boot it first.")
    return ["nsenter", f"--target={leader}", "--all", "sh", "-ec", script]


def enable(root: Path, unit: str, where: str = "/etc") -> None:
    """Let a disk start a unit when it boots."""
    wants = root / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / unit).unlink(missing_ok=True)
    (wants / unit).symlink_to(f"{where}/systemd/system/{unit}")


def running(name: str) -> bool:
    """Tell whether a guest has power."""
    return cgroups.first_process(name) is not None


def cut_power(*names: str) -> None:
    """Take the power from guests: their links go first, then everything in them dies at once."""
    for name in names:
        network.vanish(name)
    for name in names:
        power_off(name)


def power_off(name: str) -> None:
    """End a guest and take its network and groups away; its disk stays."""
    cgroups.kill(name)
    cgroups.delete(name)
    network.delete(name)


def delete(name: str) -> None:
    """End a guest and delete its disk."""
    power_off(name)
    folder = guest_folder(name)
    mounts.unmount_under(folder)
    run(["rm", "-rf", "--one-file-system", folder])


def everything() -> list[str]:
    """List the guests of which anything exists: process, namespace or folder."""
    folders = [p.name for p in (STATE / "guests").glob("*/")]
    return sorted({*cgroups.guests(), *network.namespaces(), *folders} - {"vpc"})


def _disk(guest: Guest, folder: Path) -> Path:
    """Mount a guest's disk; write its first files when it is new."""
    root, furnished = folder / "root", folder / "furnished"
    if not furnished.exists():  # an interrupted attempt may have left half of a disk
        mounts.unmount_under(folder)
        for name in ("upper", "work"):
            shutil.rmtree(folder / name, ignore_errors=True)
    for name in ("upper", "work", "root"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "upper").chmod(0o755)
    for outside in guest.binds.values():
        outside.mkdir(parents=True, exist_ok=True)
    layers = list(guest.layers)
    if not mounts.under(root):
        if furnished.exists():  # a disk stands on the layers that it was made upon
            layers = [Path(line) for line in furnished.read_text().splitlines()]
        mounts.overlay(root, layers, folder / "upper", folder / "work")
    if not furnished.exists():
        (root / "etc/hostname").write_text(f"{guest.name}\n")
        names = f"127.0.0.1 localhost\n{guest.addresses[0]} {guest.name}\n"
        (root / "etc/hosts").write_text(names)
        (root / "etc/resolv.conf").write_text(f"nameserver {RESOLVER}\n")
        (root / "usr/local/share/ca-certificates/rehearsal.crt").write_bytes(AUTHORITY.read_bytes())
        with (root / "etc/ssl/certs/ca-certificates.crt").open("ab") as bundle:
            bundle.write(AUTHORITY.read_bytes())
        guest.furnish(root)
        furnished.write_text("\n".join(map(str, layers)))
    return root
