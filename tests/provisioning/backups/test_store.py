"""Where backups are kept, when that is away or full."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.backups.store import Store, store_at
from provisioning.errors import OperatorError
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.transport import HostError
from tests.provisioning.conftest import Sshd

USES: list[Callable[[Store, Path], object]] = [
    lambda store, file: store.put("one/two", file),
    lambda store, file: store.get("one/two", file),
]


@pytest.mark.parametrize("use", USES, ids=["put", "get"])
def test_a_folder_that_is_none_is_a_sentence(
    use: Callable[[Store, Path], object], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(OperatorError, match=r"file/sub: one/two could not be .*Not a directory"):
        use(store_at(f"{tmp_path}/file/sub"), tmp_path / "file")


def test_what_a_power_cut_left_of_a_file_is_not_kept_and_goes_after_a_day(tmp_path: Path) -> None:
    store = store_at(str(tmp_path / "kept"))
    (tmp_path / "file").write_text("x")
    store.put("old/one", tmp_path / "file")
    yesterday = time.time() - 90_000
    for folder, since in (("old", yesterday), ("cut", yesterday), ("now", time.time())):
        part = tmp_path / "kept" / folder / ".manifest.json.part"
        part.parent.mkdir(exist_ok=True)
        part.write_text("half")
        os.utime(part, (since, since))
    assert set(store.names()) == {"old/one"}
    store.put("new/one", tmp_path / "file")
    assert set(store.names()) == {"old/one", "new/one"}
    left = {str(p.relative_to(tmp_path / "kept")) for p in (tmp_path / "kept").rglob("*")}
    assert left == {"old", "old/one", "new", "new/one", "now", "now/.manifest.json.part"}


def test_an_s3_that_is_away_or_refuses_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watch goes on, and tries again."""
    for name, value in {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:1",
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_MAX_ATTEMPTS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "file").write_text("x")
    store = store_at("s3://books-backups/shop")
    with pytest.raises(OperatorError, match=r"s3://books-backups/shop: what is kept could not be"):
        store.names()
    with pytest.raises(OperatorError, match=r"one could not be kept"):
        store.put("one", tmp_path / "file")


def test_a_full_disk_here_is_no_lost_connection(sshd: Sshd, fleet: Fleet) -> None:
    def full(chunk: bytes) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(HostError, match=r"what it sent cannot be kept .*No space left on device"):
        fleet.to(sshd.host()).run("head -c 1000000 /dev/zero", sink=full)
