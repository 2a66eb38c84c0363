"""How much memory a guest may have: all of the machine's, or no more than it uses."""

from __future__ import annotations

import errno
import re
from pathlib import Path

from provisioning.rehearsal import cgroups

STEP = 4 * 2**20  # by how much a limit is raised that the kernel does not take


def squeeze(name: str) -> None:
    """Let a guest have what it uses and cannot give back, and nothing beyond."""
    group = _group(name)
    if cgroups.version_1():
        (group / "memory.failcnt").write_text("0")
    most = _used(group)
    while True:
        try:
            _limit(group).write_text(str(most))
        except OSError as error:
            if error.errno != errno.EBUSY:  # it uses more than its pages: the kernel's own
                raise
            most += STEP
        else:
            return


def give(name: str) -> None:
    """Let a guest have the machine's memory."""
    _limit(_group(name)).write_text("-1" if cgroups.version_1() else "max")


def refused(name: str) -> int:
    """Return how often a guest asked for more than it may have, since it was squeezed."""
    group = _group(name)
    if cgroups.version_1():
        return int((group / "memory.failcnt").read_text())
    found = re.search(r"^max (\d+)", (group / "memory.events").read_text(), re.MULTILINE)
    return int(found[1]) if found else 0


def _used(group: Path) -> int:
    text = (group / "memory.stat").read_text()
    kind = "total_rss" if cgroups.version_1() else "anon"
    found = re.search(rf"^{kind} (\d+)", text, re.MULTILINE)
    assert found, f"{group}/memory.stat knows no {kind}"
    return int(found[1])


def _limit(group: Path) -> Path:
    return group / ("memory.limit_in_bytes" if cgroups.version_1() else "memory.max")


def _group(name: str) -> Path:
    return cgroups.group("memory", name)
