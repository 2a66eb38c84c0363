"""Covers that are lost from the shared storage, and found again."""

from pathlib import Path

import pytest

from provisioning.rehearsal import storage


@pytest.fixture
def covers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "kept/media/covers"
    folder.mkdir(parents=True)
    monkeypatch.setattr(storage, "COVERS", folder)
    monkeypatch.setattr(storage, "LOST", tmp_path / "lost")
    return folder


def test_what_is_lost_is_found_again_beside_what_came_since(covers: Path) -> None:
    (covers / "old.webp").write_text("old")
    assert storage.lose() == 1
    assert not covers.exists()
    covers.mkdir()
    (covers / "new.webp").write_text("new")
    storage.find()
    assert {file.name: file.read_text() for file in covers.iterdir()} == {
        "old.webp": "old",
        "new.webp": "new",
    }
    storage.find()
    assert len(list(covers.iterdir())) == 2


def test_where_there_is_nothing_nothing_is_lost(covers: Path) -> None:
    assert storage.lose() == 0
    assert storage.lose() == 0, "and what is lost already is not lost again"
    covers.parent.joinpath("covers").mkdir(exist_ok=True)
    storage.find()
    assert covers.is_dir()
