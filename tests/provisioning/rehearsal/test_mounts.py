"""What running hosts stand on, on real overlays."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from provisioning.rehearsal import mounts


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_layer_that_a_disk_stands_on_is_known_as_such(tmp_path: Path) -> None:
    names = ("engine", "tree", "other", "upper", "work", "disk")
    engine, tree, other, upper, work, disk = (tmp_path / name for name in names)
    (tree / "host").mkdir(parents=True)
    for folder in (engine, other, upper, work, disk):
        folder.mkdir()
    layers = f"lowerdir={engine}:{tree / 'host'},upperdir={upper},workdir={work}"
    mounted = subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, disk], check=False)
    if mounted.returncode:
        pytest.skip("the folder for temporary files takes no overlay")
    try:
        stands_on = {folder.name for folder in (engine, tree, other) if mounts.is_layer(folder)}
    finally:
        subprocess.run(["umount", disk], check=True)
    assert stands_on == {"engine", "tree"}
