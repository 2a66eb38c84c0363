"""The lock and the audit trail, on a real host behind a real sshd."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from provisioning import lock
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Inventory
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from tests.provisioning.conftest import Sshd
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
            raise OperatorError("alpha: no hunter2\nmore")
        trail = lock.trail(cluster, 10)
    assert [(e.command, e.outcome) for e in trail] == [
        ("apply", "done"),
        ("deploy", "failed: alpha: no •••"),
    ]
    assert trail[0].who == lock.operator()
