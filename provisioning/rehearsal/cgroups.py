"""Control groups: one for each guest in every hierarchy; they also tell whose a process is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from provisioning.rehearsal.layout import SLICE
from provisioning.rehearsal.system import wait_for

ROOT = Path("/sys/fs/cgroup")


def _hierarchies() -> list[Path]:
    """List where control groups are mounted: one place with version 2, one a controller before."""
    mounts = (line.split() for line in Path("/proc/self/mounts").read_text().splitlines())
    return [Path(fields[1]) for fields in mounts if fields[2] in ("cgroup", "cgroup2")]


def version_1() -> bool:
    """Tell whether this machine still mounts its controllers one by one."""
    return not (ROOT / "cgroup.controllers").exists()


def create(name: str) -> None:
    """Make a guest's group in every hierarchy."""
    for hierarchy in _hierarchies():
        for group in (hierarchy / SLICE, hierarchy / SLICE / name):
            group.mkdir(exist_ok=True)
            for setting in ("cpuset.cpus", "cpuset.mems"):  # empty at first in version 1
                file = group / setting
                if hierarchy.name == "cpuset" and not file.read_text().strip():
                    file.write_text((group.parent / setting).read_text())
            if not version_1() and group.name == SLICE:
                controllers = (group / "cgroup.controllers").read_text().split()
                (group / "cgroup.subtree_control").write_text(
                    " ".join(f"+{c}" for c in controllers)
                )


def enter(name: str) -> str:
    """Return the shell lines that move the shell itself into a guest's group."""
    files = [h / SLICE / name / "cgroup.procs" for h in _hierarchies()]
    return "".join(f"echo $$ > '{file}'\n" for file in files)


def guests() -> list[str]:
    """List the guests that have a group now."""
    return sorted({g.name for h in _hierarchies() for g in (h / SLICE).glob("*/")})


def processes(name: str) -> list[int]:
    """List the processes of a guest, those of its containers included."""
    found: set[int] = set()
    for hierarchy in _hierarchies():
        for file in (hierarchy / SLICE / name).glob("**/cgroup.procs"):
            try:
                found.update(map(int, file.read_text().split()))
            except OSError:  # the group went away, or is a threaded one
                continue
    return sorted(found - {os.getpid()})


def kill(name: str) -> None:
    """End every process of a guest at once, its first process foremost, and wait for the end."""
    everybody = processes(name)
    leader = first_process(name)
    for pid in ([leader] if leader else []) + everybody:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    wait_for(lambda: not processes(name), f"Processes of {name} did not end", 30, 0.02)


def first_process(name: str) -> int | None:
    """Find the guest's own process 1, as this machine numbers it."""
    for pid in processes(name):
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        numbers = next(line for line in status.splitlines() if line.startswith("NSpid:")).split()[
            1:
        ]
        if len(numbers) == 2 and numbers[1] == "1":
            return pid
    return None


def delete(name: str) -> None:
    """Remove a guest's groups, and the common one with the last of them."""
    for hierarchy in _hierarchies():
        top = hierarchy / SLICE
        for group in sorted((top / name).glob("**/"), reverse=True):
            group.rmdir()
        if top.is_dir() and not any(top.glob("*/")):
            top.rmdir()


@contextmanager
def limited(names: Iterable[str], cores: float) -> Iterator[None]:
    """Give each of these guests so much of the processor and no more, as long as this lasts.

    All guests share one machine's processors: only so does a host that is added add something.
    """
    # A group may have no more than the one around it, so the innermost are limited first.
    before = {q: text for name in names for h in _hierarchies() for q, text in _quotas(h, name)}
    try:
        for quota, text in before.items():
            with suppress(FileNotFoundError):  # its container has gone
                quota.write_text(_lowered(quota, text, cores))
        yield
    finally:
        for quota, text in reversed(before.items()):
            with suppress(FileNotFoundError):
                quota.write_text(text)


def _quotas(hierarchy: Path, name: str) -> list[tuple[Path, str]]:
    """List the files that say how much a guest may use, and what they say; containers first.

    Of groups inside only those that have a limit: the others follow the one around them.
    """
    guest = hierarchy / SLICE / name
    found = []
    for group in sorted(guest.glob("**/"), key=lambda group: -len(group.parts)):
        for file in ("cpu.cfs_quota_us", "cpu.max"):
            with suppress(FileNotFoundError):
                text = (group / file).read_text()
                if group == guest or text[0].isdigit():
                    found.append((group / file, text))
    return found


def _lowered(quota: Path, text: str, cores: float) -> str:
    now, _, period = text.strip().partition(" ")  # version 2 has both in one file
    length = int(period or (quota.parent / "cpu.cfs_period_us").read_text())
    most = round(cores * length)
    if now.isdigit():
        most = min(most, int(now))
    return f"{most} {period}".strip()
