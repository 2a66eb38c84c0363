"""No replica is stopped before every edge routes to those that stand in for it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioning.care import waiting
from provisioning.care.drain import drain
from provisioning.care.maintenance import out_of_service
from provisioning.care.rebalance import even_out
from provisioning.care.routes import reached, until_routed, wanted
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Host, Inventory
from provisioning.release.outside import Outside
from provisioning.ssh.transport import HostError
from swarm.model import Node, Service, Snapshot, Task
from tests.provisioning.factories import inventory, service, task

METRICS = """# HELP traefik_service_server_up service server is up
# TYPE traefik_service_server_up gauge
traefik_service_server_up{{service="away@swarm",url="http://10.20.9.9:8080"}} 1
traefik_service_server_up{{service="web@swarm",url="http://10.20.0.250:8000"}} 0
{servers}# TYPE traefik_service_requests_total counter
traefik_service_requests_total{{code="200",service="http://10.20.0.7:8000"}} 1
"""
CHECK = {"traefik.http.services.web.loadbalancer.healthcheck.path": "/readyz"}


def metrics(addresses: Iterable[str]) -> str:
    """Give what an edge says when it reaches these."""
    line = 'traefik_service_server_up{{service="web@swarm",url="http://{}:8000"}} 1\n'
    return METRICS.format(servers="".join(line.format(address) for address in addresses))


def three_edges() -> Inventory:
    """Describe three managers that are edges, and two workers."""
    made = inventory()
    more = [
        made.named("manager1").model_copy(
            update={"name": f"manager{n}", "address": f"10.77.0.10{n}"}
        )
        for n in (2, 3)
    ]
    return made.model_copy(update={"host": (*made.host, *more)})


class Swarm:
    """A swarm of which every edge learns of a replica some looks after it runs."""

    def __init__(self, hosts: Sequence[str], lags: Sequence[float], shop: str = "worker") -> None:
        self.inventory = three_edges()
        self.name = "bookstore"
        self.hosts = self.inventory.host
        self.lags = dict(zip(("manager1", "manager2", "manager3"), lags, strict=True))
        self.shop = [h.name for h in self.hosts if h.name.startswith(shop)]
        self.active = {h.name: "active" for h in self.hosts}
        self.silent: set[str] = set()
        self.now, self.made = 0, 0
        self.tasks: list[tuple[Task, int]] = []  # with the look in which each began to run
        self.checks: Mapping[str, str] = CHECK
        self.unknown: list[
            tuple[str, set[str]]
        ] = []  # edges that knew nobody else when some stopped
        for host in hosts:
            self._start(host, -1000)

    def _start(self, host: str, since: int) -> None:
        self.made += 1
        address = {"bookstore_public": f"10.20.0.{self.made}"}
        self.tasks.append(
            (task(id=f"t{self.made}", node=host, slot=self.made, addresses=address), since)
        )

    def knows(self, edge: str) -> set[str]:
        """Give the addresses that an edge reaches."""
        learnt = [t for t, since in self.tasks if self.now - since >= self.lags[edge]]
        return {t.addresses["bookstore_public"] for t in learnt}

    def _stop(self, gone: list[Task]) -> None:
        stay = [(t, since) for t, since in self.tasks if t not in gone]
        self.tasks = stay
        for edge in self.lags:
            if missing := {t.addresses["bookstore_public"] for t, _ in stay} - self.knows(edge):
                self.unknown.append((edge, missing))

    def run(self, command: str, **_: Any) -> Any:
        """Do what a manager is told, or an edge's host asked."""
        words = command.split()
        if "--availability" in words:
            host, how = words[-1], words[words.index("--availability") + 1]
            self.active[host] = how
            if how == "drain":
                self._stop([t for t, _ in self.tasks if t.node == host])
        elif words[1:3] == ["service", "scale"]:
            count = int(command.rpartition("=")[2])
            open_ = [h for h in self.shop if self.active[h] == "active"]
            while len(self.tasks) < count:
                spread = Counter(t.node for t, _ in self.tasks)
                self._start(min(open_, key=lambda h: spread[h]), self.now)
            if len(self.tasks) > count:
                spread = Counter(t.node for t, _ in self.tasks)
                fullest = max(self.shop, key=lambda h: spread[h])
                gone = [t for t, _ in self.tasks if t.node == fullest][count - len(self.tasks) :]
                self._stop(gone)

    def service(self) -> Service:
        found = service(*(t for t, _ in self.tasks), desired=len(self.tasks))
        found.spec["Labels"] |= self.checks
        return found

    def edges(self) -> Service:
        spec = {
            "Name": "edge_traefik",
            "Labels": {"bookstore.roll": "one-by-one"},
            "Mode": {"Global": {}},
        }
        running = (task(id=e, service="s2", node=e, container=f"c-{e}") for e in self.lags)
        return Service("s2", "edge_traefik", 1, spec, tasks=tuple(running))

    def snapshot(self) -> Snapshot:
        self.now += 1
        nodes = tuple(
            Node(h.name, h.name, h.address, availability=self.active[h.name],
                 labels={"host": h.name, **({"shop": "true"} if h.name in self.shop else {}),
                         **({"edge": "true"} if h.name in self.lags else {})})
            for h in self.hosts
        )  # fmt: skip
        services = (self.service(), self.edges())
        return Snapshot(services, tuple(t for s in services for t in s.tasks), nodes)

    def services(self) -> tuple[Service, ...]:
        return self.snapshot().services

    def nodes(self) -> tuple[Node, ...]:
        return self.snapshot().nodes

    def node_of(self, host: Host) -> Node:
        return next(n for n in self.nodes() if n.id == host.name)

    def manager(self) -> Swarm:
        return self

    @property
    def fleet(self) -> Any:
        return SimpleNamespace(each=self._each)

    def _each(self, hosts: Iterable[Host], work: Callable[[Any], Any]) -> dict[str, Any]:
        return {h.name: self._asked(h.name, work) for h in hosts}

    def _asked(self, edge: str, work: Callable[[Any], Any]) -> Any:
        if edge in self.silent:
            return HostError(edge, "the connection was lost")

        def run(command: str, **_: Any) -> Any:
            assert f"c-{edge}" in command
            return SimpleNamespace(stdout=metrics(sorted(self.knows(edge))))

        return work(SimpleNamespace(name=edge, run=run))

    def cluster(self) -> Cluster:
        return cast(Cluster, self)


@pytest.fixture(autouse=True)
def _in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "POLL", 0.0)


@pytest.mark.parametrize("lags", [(0, 0, 0), (9, 0, 4), (2, 30, 5)])
@pytest.mark.parametrize("hosts", [("worker2", "worker2"), ("worker2", "worker1", "worker2")])
def test_a_host_is_drained_when_every_edge_routes_to_who_stands_in(
    hosts: Sequence[str], lags: Sequence[float]
) -> None:
    """Replicas that stop refuse their checks at once: who knows no others answers with 503."""
    swarm = Swarm(hosts, lags)
    drain(swarm.cluster(), swarm.inventory.named("worker2"), lambda text: None)
    assert swarm.unknown == []
    assert {t.node for t, _ in swarm.tasks} == {"worker1"}
    assert len(swarm.tasks) == len(hosts)


@pytest.mark.parametrize("lags", [(0, 0, 0), (3, 0, 8)])
def test_so_is_a_replica_that_is_moved_to_even_out(lags: Sequence[float]) -> None:
    swarm = Swarm(("worker1",) * 2, lags)
    assert even_out(swarm.cluster(), lambda text: None) == 1
    assert swarm.unknown == []
    assert sorted(t.node for t, _ in swarm.tasks) == ["worker1", "worker2"]


@pytest.mark.parametrize("lags", [(0, 0, 0), (4, 0, 11)])
def test_a_host_that_is_back_takes_its_share_of_replicas(
    lags: Sequence[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next one is drained while all of them are there, or dies with them."""
    monkeypatch.setattr(Outside, "wrong", lambda self: {})
    swarm = Swarm(("worker1", "worker2"), lags)
    for name in ("worker1", "worker2"):
        with out_of_service(swarm.cluster(), lambda text: None, swarm.inventory.named(name)):
            assert name not in {t.node for t, _ in swarm.tasks}
        assert sorted(t.node for t, _ in swarm.tasks) == ["worker1", "worker2"]
    assert swarm.unknown == []


def test_an_edge_that_never_learns_of_them_is_named_and_nothing_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting, "PATIENCE", 0.05)
    swarm = Swarm(("worker2", "worker2"), (0, 900, 0))
    said = r"the edge on manager2 does not reach app_web on worker1, app_web on worker1\. See"
    with pytest.raises(OperatorError, match=said):
        drain(swarm.cluster(), swarm.inventory.named("worker2"), lambda text: None)
    assert swarm.active["worker2"] == "pause"
    assert sum(t.node == "worker2" for t, _ in swarm.tasks) >= 1


def test_an_edge_that_cannot_be_asked_is_told_and_not_waited_for() -> None:
    swarm, said = Swarm(("worker2",), (0, 5, 0)), list[str]()
    swarm.silent = {"manager3"}
    until_routed(swarm.cluster(), {"app_web"}, said.append)
    assert said == ["  not waited for any more: manager3: the connection was lost"]


def test_an_edge_that_goes_itself_is_given_up_where_it_reaches_nobody() -> None:
    """Its overlay may be what is to be mended."""
    swarm, said = Swarm(("worker2",), (0, 0, math.inf)), list[str]()
    until_routed(swarm.cluster(), {"app_web"}, said.append, leaving="manager3")
    assert said == [
        "  not waited for any more: the edge on manager3 does not reach app_web on worker2"
    ]


def test_services_whose_replicas_no_edge_checks_are_not_asked_about() -> None:
    swarm = Swarm(("worker2",), (math.inf,) * 3)
    swarm.checks = {}
    until_routed(swarm.cluster(), {"app_web"}, pytest.fail)


def test_what_edges_are_to_route_to() -> None:
    at = {"bookstore_public": "10.20.0.4"}
    tasks = (
        task(node="a", addresses=at),
        task(node="b", addresses={"bookstore_public": "10.20.0.5"}),
        task(node="b", addresses={"bookstore_public": "10.20.0.6"}, state="starting"),
        task(node="b", addresses={"bookstore_public": "10.20.0.7"}, wanted="shutdown"),
        task(node="b", addresses={"other": "10.30.0.8"}),
    )
    web = service(*tasks)
    web.spec["Labels"] |= CHECK
    seen = Snapshot((web, replace(web, name="app_other")), tasks, (Node("a", "alpha"),))
    assert wanted(seen, {"app_web"}, "bookstore_public", "b") == {"10.20.0.4": "app_web on alpha"}
    assert set(wanted(seen, {"app_web"}, "bookstore_public", "")) == {"10.20.0.4", "10.20.0.5"}
    assert wanted(seen, set(), "bookstore_public", "") == {}


@pytest.mark.parametrize(
    ("url", "value", "address"),
    [
        ("http://10.20.0.4:8000", "1", "10.20.0.4"),
        ("http://10.20.0.4:8000", "0", None),
        ("https://10.20.0.4:8443/", "1", "10.20.0.4"),
        ("http://[fd00::4]:8000", "1", "fd00::4"),
    ],
)
def test_an_edge_says_whom_it_reaches(url: str, value: str, address: str | None) -> None:
    text = METRICS.format(servers="")
    line = f'traefik_service_server_up{{service="web@swarm",url="{url}"}} {value}\n'
    assert reached(text + line) - reached(text) == ({address} if address else set())
