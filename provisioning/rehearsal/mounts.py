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
    """Tell whether an overlay that is mounted elsewhere stands on this folder, or one in it."""
    lines = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    options = (line.split()[3] for line in lines if line.split()[2] == "overlay")
    named = (o.removeprefix("lowerdir=") for text in options for o in text.split(","))
    layers = (Path(layer) for text in named for layer in text.split(":"))
    return any(folder == layer or folder in layer.parents for layer in layers)


def unmount_under(folder: Path) -> None:
    """Unmount all of it, so that deleting the folder can touch nothing else."""
    for point in under(folder):
        run(["umount", point])
    if left := under(folder):
        raise OperatorError(f"{left[0]} is still mounted: end what uses it (fuser -vm {left[0]}).")
