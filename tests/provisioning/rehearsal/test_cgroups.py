"""Hosts of a rehearsal may be given a share of the processor for a while."""

from pathlib import Path

import pytest

from provisioning.rehearsal import cgroups
from provisioning.rehearsal.layout import SLICE


def guest(hierarchy: Path, files: dict[str, str]) -> Path:
    folder = hierarchy / SLICE / "worker1"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def texts(folder: Path, *names: str) -> list[str]:
    return [(folder / name).read_text() for name in names]


def test_a_share_of_version_1_is_also_that_of_containers_that_may_have_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("cpu.cfs_quota_us", "docker/a/cpu.cfs_quota_us", "docker/b/cpu.cfs_quota_us")
    given = dict(zip(names, ("-1", "100000", "5000"), strict=True)) | {
        "docker/cpu.cfs_quota_us": "-1"
    }
    periods = {name.replace("quota", "period"): "100000\n" for name in given}
    folder = guest(tmp_path, given | periods)
    monkeypatch.setattr(cgroups, "_hierarchies", lambda: [tmp_path])
    with cgroups.limited(["worker1"], 0.25):
        assert texts(folder, *names) == ["25000", "25000", "5000"]
        assert texts(folder, "docker/cpu.cfs_quota_us") == ["-1"]
    assert texts(folder, *names) == ["-1", "100000", "5000"]


def test_a_share_of_version_2_keeps_its_period(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = guest(tmp_path, {"cpu.max": "max 50000\n", "docker/a/cpu.max": "100000 100000\n"})
    monkeypatch.setattr(cgroups, "_hierarchies", lambda: [tmp_path])
    with cgroups.limited(["worker1"], 0.5):
        assert texts(folder, "cpu.max", "docker/a/cpu.max") == ["25000 50000", "50000 100000"]
    assert texts(folder, "cpu.max", "docker/a/cpu.max") == ["max 50000\n", "100000 100000\n"]


def test_a_container_that_goes_meanwhile_is_no_trouble(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = guest(tmp_path, {"cpu.max": "max 100000\n", "docker/a/cpu.max": "20000 100000\n"})
    monkeypatch.setattr(cgroups, "_hierarchies", lambda: [tmp_path])
    with cgroups.limited(["worker1"], 0.25):
        (folder / "docker/a/cpu.max").unlink()
        (folder / "docker/a").rmdir()
    assert texts(folder, "cpu.max") == ["max 100000\n"]
