"""The lock and the audit trail, on a real host behind a real sshd."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import paramiko
import pytest

from provisioning import lock
from provisioning.cluster import Cluster
from provisioning.errors import Interrupted, OperatorError
from provisioning.inventory import Inventory
from provisioning.ssh import transport
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from provisioning.ssh.transport import Connection, LockLost
from tests.provisioning.conftest import Account, Sshd
from tests.provisioning.factories import inventory

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs a user who may use sudo")


@pytest.fixture
def host(sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    """Give an inventory whose one manager is the test's sshd, and keep its files apart."""
    for name, file in (("STATE", "."), ("AUDIT", "audit.log"), ("LOCK", "lock")):
        monkeypatch.setattr(lock, name, str(tmp_path / file))
    return inventory().model_copy(update={"host": (sshd.host(),)})


def test_a_second_operator_is_told_who_is_at_work(host: Inventory) -> None:
    with Fleet([], Redactor()) as one, Fleet([], Redactor()) as two:
        with (
            lock.exclusive(Cluster(host, one), "deploy"),
            pytest.raises(OperatorError, match=r"being changed by .*@.* since .* \(deploy\)"),
            lock.exclusive(Cluster(host, two), "apply"),
        ):
            pass
        with lock.exclusive(Cluster(host, two), "apply"):
            pass


def test_the_lock_of_a_dead_operator_is_free_at_once(host: Inventory) -> None:
    with Fleet([], Redactor()) as alive:
        dead = Fleet([], Redactor())
        held = lock.exclusive(Cluster(host, dead), "deploy")
        held.__enter__()
        dead.close()  # as when the process dies
        with lock.exclusive(Cluster(host, alive), "apply"):
            pass
        held.__exit__(None, None, None)


def test_the_audit_trail_tells_how_commands_ended(host: Inventory) -> None:
    redact = Redactor()
    redact.hide("hunter2")
    with Fleet([], redact) as fleet:
        cluster = Cluster(host, fleet)
        with lock.recorded(cluster, "apply"):
            pass
        with pytest.raises(OperatorError), lock.recorded(cluster, "deploy"):
            raise OperatorError("No manager can be asked:\n  alpha: no hunter2\nmore")
        trail = lock.trail(cluster, 10)
    assert [(e.command, e.outcome) for e in trail] == [
        ("apply", "done"),
        ("deploy", "failed: No manager can be asked: alpha: no •••"),
    ]
    assert trail[0].who == lock.operator()


@pytest.mark.parametrize(
    "left",
    ['{"at": "2026-11-', "{}", '{"at": "x", "outcome": 3}', "{null}", "[1]", "\0\0\0\0", "\xff"],
)
def test_a_line_of_the_trail_that_was_not_finished_hides_no_other(
    host: Inventory, left: str
) -> None:
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(host, fleet)
        with lock.recorded(cluster, "apply"):
            pass
        with Path(lock.AUDIT).open("ab") as trail:
            trail.write(left.encode("latin-1") + b"\n")
        with lock.recorded(cluster, "deploy"):
            pass
        assert [e.command for e in lock.trail(cluster, 10)] == ["apply", "deploy"]


@pytest.mark.parametrize("left", ['{"at": "2026-11-25T0', "\0\0\0\0"])
def test_a_line_behind_an_unfinished_one_is_a_line_of_its_own(host: Inventory, left: str) -> None:
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(host, fleet)
        Path(lock.AUDIT).write_text(left)  # here the disk was full, or the power gone
        with lock.recorded(cluster, "deploy"):
            pass
        assert [e.command for e in lock.trail(cluster, 10)] == ["deploy"]


def test_whoever_has_no_name_is_known_by_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", Mock(side_effect=KeyError("no such user")))
    assert lock.operator().startswith(f"{os.getuid()}@")


def slow_sudo(start_sshd: Callable[..., Sshd], folder: Path, seconds: float) -> Sshd:
    """Start an sshd on whose host sudo thinks for a while."""
    program = folder / "sudo"
    program.write_text(f'#!/bin/sh\nsleep {seconds}\nexec /usr/bin/sudo "$@"\n')
    folder.chmod(0o755)
    program.chmod(0o755)
    return start_sshd(account=Account(before=f"mount --bind {folder} /usr/local/bin"))


def test_a_slow_sudo_is_waited_for(
    start_sshd: Callable[..., Sshd],
    host: Inventory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transport, "CONNECT_TIMEOUT", 1.0)
    there = host.model_copy(update={"host": (slow_sudo(start_sshd, tmp_path, 2).host(),)})
    with Fleet([], Redactor()) as fleet, lock.exclusive(Cluster(there, fleet), "apply"):
        pass
    monkeypatch.setattr(transport, "BEGIN", 0.5)
    with (
        Fleet([], Redactor()) as fleet,
        pytest.raises(OperatorError, match=r"no command has begun there within 0\.5 s"),
        lock.exclusive(Cluster(there, fleet), "apply"),
    ):
        pass


def test_who_was_asleep_for_too_long_does_nothing_more(
    host: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A laptop that slept for 47 s has lost the lock without hearing of it."""
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(host, fleet)
        there = cluster.to(cluster.hosts[0])
        with lock.exclusive(cluster, "deploy"):
            assert there.run("echo on", sudo=True).stdout == "on\n"
            awake = lock._clock
            monkeypatch.setattr(lock, "_clock", lambda: awake() + 47)
            with pytest.raises(LockLost, match="Nothing more was changed"):
                there.run("echo changed", sudo=True)
        monkeypatch.undo()
        assert there.run("echo free", sudo=True).stdout == "free\n"


def test_what_is_put_right_after_ctrl_c_is_done_under_the_lock(host: Inventory) -> None:
    """As when a drain that is stopped takes back the replicas that it has added."""

    def stop(connection: Connection) -> None:
        raise KeyboardInterrupt

    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(host, fleet)
        with lock.exclusive(cluster, "drain"):
            with pytest.raises(Interrupted):
                fleet.each(cluster.hosts, stop)
            assert cluster.to(cluster.hosts[0]).run("echo on", sudo=True).stdout == "on\n"


def test_the_host_itself_refuses_whoever_lost_the_lock(host: Inventory, tmp_path: Path) -> None:
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(host, fleet)
        there = cluster.to(cluster.hosts[0])
        with lock.exclusive(cluster, "deploy"):
            (tmp_path / "lock.holder").write_text('{"who": "another", "token": "theirs"}')
            with pytest.raises(LockLost):
                there.run(f"touch {tmp_path}/changed", sudo=True)
    assert not (tmp_path / "changed").exists()


def test_it_refuses_as_well_where_the_lock_is_lost_while_the_input_is_on_its_way(
    host: Inventory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = paramiko.Channel.sendall

    def slowly(channel: paramiko.Channel, content: bytes) -> None:
        if len(content) > 1:  # no sign of life
            time.sleep(0.5)  # whoever asks too early has asked
            (tmp_path / "lock.holder").write_text('{"who": "another", "token": "theirs"}')
        send(channel, content)

    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(host, fleet)
        there = cluster.to(cluster.hosts[0])
        with lock.exclusive(cluster, "deploy"):
            monkeypatch.setattr(paramiko.Channel, "sendall", slowly)
            with pytest.raises(LockLost):
                there.run(f"cat > {tmp_path}/changed", sudo=True, stdin=b"a secret")
    assert not (tmp_path / "changed").exists()


def test_the_lock_is_confirmed_while_a_command_is_long(
    host: Inventory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "BEAT", 0.2)
    monkeypatch.setattr(lock, "SILENCE", 1)
    with Fleet([], Redactor()) as fleet:
        cluster = Cluster(host, fleet)
        there = cluster.to(cluster.hosts[0])
        with lock.exclusive(cluster, "deploy"):
            there.run("sleep 2.5", sudo=True)
            assert there.run("echo on", sudo=True).stdout == "on\n"
