"""What a cluster looks like while it is drilled: replicas, hosts, and what is not well."""

from __future__ import annotations

import json
import time
from collections import Counter

from loadtest.drills.entrance import entrance
from loadtest.evidence.result import Sample
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.ssh.transport import Connection
from swarm import model
from swarm.model import Service, Snapshot, Task

SHOP = "app_web"
LISTS = "services_catalogue"  # answers for the first page where the shop is three services
EDGE = "edge_traefik"
_FILTER = "%7B%22desired-state%22%3A%5B%22running%22%5D%7D"
_ASK = "; echo; ".join(
    f"curl -sf --max-time 4 --unix-socket /var/run/docker.sock http://docker{path}"
    for path in ("/services", f"/tasks?filters={_FILTER}", "/nodes")
)


class Observer:
    """A cluster by its inventory, looked at through a manager that answers."""

    def __init__(self, swarm: Cluster, rehearsed: bool) -> None:
        self.swarm = swarm
        self.inventory = swarm.inventory
        self.rehearsed = rehearsed
        self.entrance = entrance(swarm.inventory, rehearsed)
        self.shop = SHOP if "app" in swarm.inventory.cluster.stacks else LISTS
        self.lost: list[str] = []  # hosts that actions have taken away
        self.spared: list[str] = []  # hosts that are no edge meanwhile
        self._asked: Connection | None = None

    def snapshot(self) -> Snapshot:
        """Read services, tasks and nodes from a manager that answers."""
        for attempt in (1, 2):
            try:
                if self._asked is None:
                    self._asked = self.swarm.manager()
                text = self._asked.run(_ASK, sudo=True, timeout=10).stdout
                services, tasks, nodes = map(json.loads, filter(None, text.splitlines()))
                return model.parse(services, tasks, nodes)
            except (OperatorError, ValueError) as error:
                self._asked = None
                if attempt == 2:
                    raise OperatorError(f"No manager tells how the swarm is: {error}") from None
        raise AssertionError("unreachable")

    def sample(self, drilled: str = "") -> Sample:
        """Describe the moment for the report: the replicas of the drilled service, if it is one of
        the shop's, else of the shop."""
        snapshot = self.snapshot()
        drilled = drilled or self.shop
        counted = self.shop if drilled == EDGE else drilled
        names = {n.id: n.hostname for n in snapshot.nodes}
        shop = [n for n in snapshot.nodes if n.labels.get("shop") == "true"]
        running = Counter({names[n.id]: 0 for n in shop if n.usable})
        running.update(names.get(t.node, "?") for t in self.replicas(snapshot, counted))
        down = [names[n.id] for n in snapshot.nodes if not n.usable]
        wanted = self.service(snapshot, counted).replicas or 0
        rollout = self.service(snapshot, drilled).update
        return Sample(time.time(), running, wanted, down, rollout)

    @staticmethod
    def service(snapshot: Snapshot, name: str = SHOP) -> Service:
        """Find a service."""
        for service in snapshot.services:
            if service.name == name:
                return service
        raise OperatorError(f"The service {name} does not run here: ./run ops deploy")

    def replicas(self, snapshot: Snapshot, name: str = "") -> list[Task]:
        """List a service's replicas (the shop's) that run on hosts that are there."""
        service = self.service(snapshot, name or self.shop)
        usable = {node.id for node in snapshot.nodes if node.usable}
        return [
            task
            for task in snapshot.tasks
            if task.service == service.id and task.state == "running" and task.node in usable
        ]

    def trouble(self) -> str:
        """Say in a sentence what is not healthy; "" when all is well."""
        try:
            snapshot = self.snapshot()
            shop = self.service(snapshot, self.shop)
        except OperatorError as error:
            return str(error)
        down = [n.hostname for n in snapshot.nodes if not n.usable]
        down += [n.hostname for n in snapshot.nodes if n.reachability not in ("", "reachable")]
        if down:
            return f"These hosts are not ready: {', '.join(sorted(set(down)))}."
        if len(snapshot.nodes) < len(self.inventory.host):
            return "Not all hosts of the inventory are in the swarm: ./run ops apply"
        if shop.rollout:
            return f"{self.shop} cannot be drilled now: {shop.rollout}."
        for name, running, wanted in self._filled(snapshot):
            if running != wanted:
                return f"{running} of {wanted} replicas of {name} run."
        return self.entrance.unheard(len(self.replicas(snapshot)))

    def _filled(self, snapshot: Snapshot) -> list[tuple[str, int, int]]:
        """Return the replicas of each service that run, and how many should."""
        running = Counter(t.service for t in snapshot.tasks if t.state == "running")
        edges = sum(n.labels.get("edge") == "true" for n in snapshot.nodes)
        wanted = {s.id: s.replicas for s in snapshot.services}
        wanted |= {s.id: edges for s in snapshot.services if s.name == EDGE}
        return [
            (s.name, running[s.id], count)
            for s in snapshot.services
            if (count := wanted[s.id]) is not None
        ]

    def wait_until_well(self, seconds: float = 120) -> str:
        """Wait until nothing is wrong; give what still is."""
        deadline = time.monotonic() + seconds
        while (wrong := self.trouble()) and time.monotonic() < deadline:
            time.sleep(2)
        return wrong

    def target(self, text: str) -> str:
        """Find the host that a step means; "" where it means none.

        A host's own name, and what was lost or spared, need no manager that answers.
        """
        if text == "spared":
            return self.spared[-1]
        if text == "lost":
            return self.lost[-1]
        if text == "leader":
            return self._leader()
        edges = {h.name for h in self.inventory.host if h.is_edge}
        if text == "edge":
            leader = self._leader()
            return max(edges - {leader}, default=leader)
        if text != "busiest":
            return text
        snapshot = self.snapshot()
        names = {n.id: n.hostname for n in snapshot.nodes}
        counts = Counter(names[t.node] for t in self.replicas(snapshot))
        workers = [name for name, _ in counts.most_common() if name not in edges]
        if not workers:
            raise OperatorError("No worker runs a replica of the shop.")
        return workers[0]

    def _leader(self) -> str:
        """Find the manager that leads the others."""
        return next(n.hostname for n in self.swarm.nodes() if n.leader)

    def _manager(self) -> Connection:
        return self.swarm.manager()

    def _host(self, name: str) -> Host:
        return next(host for host in self.inventory.host if host.name == name)
