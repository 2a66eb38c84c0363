"""What hosts and edges live by: it is used up, lost or renewed, or the fault says it is not."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from loadtest.drills import means
from loadtest.drills.faults import kill_one
from loadtest.drills.means import Means
from loadtest.drills.observer import SHOP
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.rehearsal import storage
from provisioning.release.certificate import Certificate
from provisioning.release.outside import Answer
from tests.loadtest.test_faults import cluster, host, on

__all__ = ["host"]
NOW = datetime.now(UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize("act", [Means.give_small_disk, Means.fill_disk, Means.kill_replica])
def test_a_fault_that_did_not_act_is_an_error(act: Callable[[Means, str], None]) -> None:
    act(cluster("acted\n"), "worker1")
    with pytest.raises(OperatorError, match="on worker1"):
        act(cluster("no space\n"), "worker1")


@pytest.mark.parametrize(("deaf", "said"), [(False, "acted"), (True, "")])
def test_a_replica_that_does_not_die_is_noticed(host: Path, deaf: bool, said: str) -> None:
    if deaf:
        (host / "deaf").touch()
    assert on(host, kill_one(SHOP)) == said


def test_where_there_is_no_replica_none_is_killed(host: Path) -> None:
    (host / "containers").write_text("")
    assert on(host, kill_one(SHOP)) == ""


@pytest.mark.parametrize("covers", [2, 0])
def test_where_no_cover_is_lost_that_is_said(covers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "lose", lambda: covers)
    if covers:
        cluster("").lose_storage("")
        return
    with pytest.raises(OperatorError, match="did not act"):
        cluster("").lose_storage("")


@pytest.mark.parametrize(
    ("after", "trouble", "wrong"),
    [
        ({"m1": NOW, "m2": NOW}, "", ""),
        ({"m1": NOW, "m2": NOW - DAY}, "", "serves the old certificate still"),
        ({"m1": NOW, "m2": NOW}, "certificate has expired", "cannot be trusted"),
    ],
)
def test_every_edge_must_serve_the_new_certificate(
    after: dict[str, datetime], trouble: str, wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = {"m1": NOW - DAY, "m2": NOW - DAY}
    monkeypatch.setattr(means, "Outside", lambda _swarm: SimpleNamespace(ask=ask))
    made = cluster("")
    edges = [SimpleNamespace(name=name) for name in served]
    swarm = made.swarm
    monkeypatch.setattr(swarm, "edges", edges, raising=False)
    asked: list[str] = []
    manager = SimpleNamespace(run=lambda command, **_k: asked.append(command))
    monkeypatch.setattr(swarm, "manager", lambda: manager, raising=False)
    monkeypatch.setattr(made.inventory.cluster, "storage_path", "/srv/shop", raising=False)

    def ask(edge: Host) -> Answer:
        since = served[edge.name]
        kept = Certificate(("shop.example.org",), "Pebble", since, since + 90 * DAY)
        return Answer(kept, 200, trouble if served == after else "")

    made.renew_certificate("")
    assert asked == ["touch /srv/shop/acme/renew"]
    served.update(after)
    if wrong:
        with pytest.raises(OperatorError, match=wrong):
            made.see_new_certificate("")
        return
    made.see_new_certificate("")
