"""Overlay mounts, and taking away whatever is mounted under a folder."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from pathlib import Path

from provisioning.errors import OperatorError
from provisioning.rehearsal.system import run


def overlay(target: Path, lower: Sequence[Path], upper: Path, work: Path) -> None:
    """Mount a writable layer upon read-only ones, the topmost first."""
    layers = ":".join(map(str, lower))
    options = f"lowerdir={layers},upperdir={upper},workdir={work}"
    try:
        run(["mount", "-t", "overlay", "overlay", "-o", options, target])
    except OperatorError as error:
        raise OperatorError(
            f"{error}\nThe rehearsal needs a file system such as ext4 under {target.parent}; "
            "an overlay (the inside of a container) will not do."
        ) from None


def under(folder: Path) -> list[Path]:
    """List what is mounted at or under a folder, the deepest and latest first."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    points = [Path(codecs.decode(line.split()[1], "unicode_escape")) for line in lines]
    return [point for point in reversed(points) if point == folder or folder in point.parents]


def is_layer(folder: Path) -> bool:
    """Tell whether an overlay that is mounted elsewhere stands on a layer in this folder."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    return any(
        f"{folder}/" in options
        for _, _, kind, options, *_ in map(str.split, lines)
        if kind == "overlay"
    )


def unmount_under(folder: Path) -> None:
    """Unmount all of it, so that deleting the folder can touch nothing else."""
    for point in under(folder):
        run(["umount", point])
    if left := under(folder):
        raise OperatorError(f"{left[0]} is still mounted: end what uses it (fuser -vm {left[0]}).")
