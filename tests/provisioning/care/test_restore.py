"""A swarm's state put back on a host: over a real sshd, with a stand-in for the engine."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from provisioning.care.backup import restore
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from tests.provisioning.conftest import Account, Sshd
from tests.provisioning.factories import inventory

Start = Callable[..., Sshd]
PROGRAMS = {
    "docker": """
case "$*" in
    "swarm init"*) exit $(cat /usr/local/bin/init) ;;
    "node ls"*) echo Leader; exit $(cat /usr/local/bin/alive) ;;
esac
""",
    "systemctl": "",
    "dockerd": "",
}


class Engine:
    """A host with an old state of the swarm, and what its programs were told."""

    def __init__(
        self, start: Start, folder: Path, *, alive: bool = False, size: str = "8m"
    ) -> None:
        self.folder = folder / "programs"
        self.folder.mkdir()
        for name, does in PROGRAMS.items():
            told = f'echo "{name} $*" >> /usr/local/bin/told'
            (self.folder / name).write_text(f"#!/bin/sh\n{told}\n{does}")
            (self.folder / name).chmod(0o755)
        self.inits("0")
        (self.folder / "alive").write_text("0" if alive else "1")
        before = f"""
mkdir /var/lib/docker
mount -t tmpfs -o size={size} tmpfs /var/lib/docker
mkdir /var/lib/docker/swarm
echo old > /var/lib/docker/swarm/state
mount --bind {self.folder} /usr/local/bin
"""
        self.sshd = start(account=Account(before=before))
        self.state = self.sshd.root / "var/lib/docker"

    def inits(self, status: str) -> None:
        """Let the engine start the swarm anew with this status."""
        (self.folder / "init").write_text(status)

    def restore(self, file: Path) -> None:
        """Restore from a file."""
        made = inventory().model_copy(update={"host": (self.sshd.host(),)})
        with Fleet([], Redactor()) as fleet:
            cluster = Cluster(made, fleet)
            restore(cluster, made.host[0], file, lambda text: None)

    @property
    def told(self) -> list[str]:
        """List what changed anything."""
        lines = (self.folder / "told").read_text().splitlines()
        return [line for line in lines if "node ls" not in line]


def saved(folder: Path, size: int = 10) -> Path:
    """Write what a backup writes, with a state of so many bytes."""
    file = folder / "backup.tar.gz"
    with tarfile.open(file, "w:gz") as archive:
        for name, content in (("swarm/raft/log", b"0" * size), ("swarm/state", b"new\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return file


def test_the_saved_state_takes_the_place_of_the_old(start_sshd: Start, tmp_path: Path) -> None:
    engine = Engine(start_sshd, tmp_path)
    engine.restore(saved(tmp_path))
    assert engine.told == [
        "systemctl stop docker.socket docker",
        "systemctl start docker",
        "docker swarm init --force-new-cluster --advertise-addr 127.0.0.1",
    ]
    assert (engine.state / "swarm/state").read_text() == "new\n"
    assert (engine.state / "swarm.before/state").read_text() == "old\n"
    assert not list(engine.state.glob(".swarm*"))  # it holds every secret


@pytest.mark.parametrize("what", ["the disk is full", "the engine refuses"])
def test_a_restore_that_fails_leaves_the_host_as_it_was(
    what: str, start_sshd: Start, tmp_path: Path
) -> None:
    engine = Engine(start_sshd, tmp_path, size="256k")
    engine.inits("1")
    with pytest.raises(OperatorError, match="put the swarm's state in place"):
        engine.restore(saved(tmp_path, 900_000 if "disk" in what else 10))
    assert (engine.state / "swarm/state").read_text() == "old\n"
    assert engine.told[-1] == "systemctl start docker"
    assert not list(engine.state.glob(".swarm*"))


def test_what_is_no_backup_is_refused_before_anything_is_touched(
    start_sshd: Start, tmp_path: Path
) -> None:
    engine = Engine(start_sshd, tmp_path)
    (tmp_path / "other").write_text("hello")
    with tarfile.open(tmp_path / "empty", "w:gz"):
        pass
    for name, said in {
        "other": "is no backup of a swarm",
        "empty": "no raft log in it",
        "none": "cannot be read: No such file",
    }.items():
        with pytest.raises(OperatorError, match=said):
            engine.restore(tmp_path / name)
    assert not (engine.folder / "told").exists()


def test_a_swarm_that_lives_is_not_cut_in_two(start_sshd: Start, tmp_path: Path) -> None:
    engine = Engine(start_sshd, tmp_path, alive=True)
    with pytest.raises(OperatorError, match=r"The swarm lives: alpha manages it"):
        engine.restore(saved(tmp_path))
    assert engine.told == []
