"""What a release removes at its end; where that fails, the release stands all the same."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioning.cluster import Cluster
from provisioning.errors import Interrupted, OperatorError
from provisioning.release import deploy, history, objects
from provisioning.release.deploy import carry_out
from provisioning.ssh.transport import Connection, HostError, LockLost, Result
from swarm.model import Snapshot

OLD = [f"bookstore_{key}_{number:012x}" for key in ("one", "two") for number in (1, 2)]


class Manager:
    """A manager that knows four secrets, and does not let go of the first."""

    name = "manager1"

    def run(self, command: str, *, check: bool = True, **_: Any) -> Result:
        if "secret ls" in command:
            return Result(0, "\n".join(OLD), "")
        if command == f"docker secret rm {OLD[0]}":
            said = f"Error response from daemon: secret '{OLD[0]}' is in use by: theirs"
            if check:
                raise HostError(self.name, said)
            return Result(1, "", said)
        return Result(0, "", "")


def test_a_secret_that_the_swarm_keeps_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "read", lambda *_: [])
    monkeypatch.setattr(objects, "snapshot", lambda _: Snapshot((), ()))
    said: list[str] = []
    objects.collect_garbage(cast(Connection, Manager()), "bookstore", said.append)
    assert said[0].startswith(f"  the unused secret {OLD[0]} stays: Error response")
    assert said[1:] == [f"  removed the unused secret {name}" for name in OLD[1:]]


@pytest.mark.parametrize(
    ("wrong", "raised", "told"),
    [
        (OperatorError("manager1: the connection was lost."), None, "connection was lost"),
        (KeyboardInterrupt(), Interrupted, r"^Release 7 runs"),
        (LockLost("Lost."), LockLost, "Lost"),
    ],
)
def test_a_release_stands_whatever_becomes_of_the_tidying(
    wrong: BaseException,
    raised: type[BaseException] | None,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And it is said to run, not to be half deployed."""

    def fail(*_: object) -> None:
        raise wrong

    monkeypatch.setattr(deploy, "Outside", lambda _: SimpleNamespace(wrong=dict))
    monkeypatch.setattr(deploy, "create_objects", lambda *_: None)
    monkeypatch.setattr(history, "begin", lambda *_: None)
    monkeypatch.setattr(deploy, "_roll_out", lambda *_: ["edge2: not served before either"])
    monkeypatch.setattr(deploy, "collect_garbage", fail)
    cluster = SimpleNamespace(name="bookstore", manager=Manager)
    proposal = SimpleNamespace(
        release=SimpleNamespace(number=7), fresh=True, objects=(), continues=True
    )
    said: list[str] = []

    def deployed() -> list[str]:
        return carry_out(cast(Cluster, cluster), cast(Any, proposal), said.append)

    if raised:
        with pytest.raises(raised, match=told):
            deployed()
        return
    assert deployed() == ["edge2: not served before either"]
    assert told in said[-1]
    assert "Release 7 runs." in said[-1]
