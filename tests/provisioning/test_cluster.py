"""Which manager is asked, and what is said when none can be."""

from __future__ import annotations

import time
from typing import Any

import pytest

from provisioning import cluster as module
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.transport import Connection, Result
from tests.provisioning.conftest import Sshd
from tests.provisioning.factories import inventory


def asked(sshd: Sshd, fleet: Fleet, monkeypatch: pytest.MonkeyPatch, answer: Any) -> Cluster:
    monkeypatch.setattr(module, "_manages", answer)
    made = inventory().model_copy(update={"host": (sshd.host(),)})
    return Cluster(made, fleet)


def test_a_lost_quorum_is_said_in_seconds_with_its_cure(
    sshd: Sshd, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    leaderless = "Error response from daemon: rpc error: The swarm does not have a leader."
    cluster = asked(sshd, fleet, monkeypatch, lambda connection: leaderless)
    started = time.monotonic()
    with pytest.raises(OperatorError, match=r"lost their quorum.*\./run ops recover"):
        cluster.manager(patience=1)
    assert time.monotonic() - started < 5


def test_an_election_is_waited_for(
    sshd: Sshd, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["it has no leader to ask", None, None])
    cluster = asked(sshd, fleet, monkeypatch, lambda connection: next(answers))
    assert cluster.manager(patience=5).name == "alpha"
    assert cluster.manager().name == "alpha"


@pytest.mark.parametrize(
    "said",
    [
        "This node is not a swarm manager.",
        "Cannot connect to the Docker daemon at unix:///run/docker.sock.",
        "failed to connect to the docker API at unix:///run/docker.sock; check if the path is",
    ],
)
def test_a_host_without_a_swarm_is_told_at_once(
    said: str, sshd: Sshd, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = asked(sshd, fleet, monkeypatch, lambda connection: said)
    with pytest.raises(OperatorError, match=rf"alpha: {said}\n.*ops apply first"):
        cluster.manager()


@pytest.mark.parametrize(
    "said", ["the connection was lost (Timeout opening channel.).", "it says nothing"]
)
def test_managers_that_do_not_answer_are_no_reason_to_start_a_swarm(
    said: str, sshd: Sshd, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = asked(sshd, fleet, monkeypatch, lambda connection: said)
    with pytest.raises(OperatorError, match=r"only busy.*\./run ops recover") as raised:
        cluster.manager()
    assert "apply" not in str(raised.value)


def test_a_leader_that_has_lost_the_others_is_none(
    sshd: Sshd, fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the engine says it in the first seconds, while it still answers."""
    made = Cluster(inventory().model_copy(update={"host": (sshd.host(),)}), fleet)
    monkeypatch.setattr(
        Connection, "run", lambda *_, **__: Result(0, "Leader\nUnreachable\n\nUnreachable\n", "")
    )
    with pytest.raises(OperatorError, match=r"lost their quorum.*\./run ops recover"):
        made.manager(patience=0)
    monkeypatch.setattr(
        Connection, "run", lambda *_, **__: Result(0, "Leader\nReachable\n\nUnreachable\n", "")
    )
    assert made.manager(patience=0).name == "alpha"
