"""The shop as a row of queues, on a clock that runs faster: for trying labels on the autoscaler.

Requests come at random (Poisson) and go to the healthy replicas in turn. Each needs a random time
of a replica's processor, first come first served, and then waits for the database, which takes no
processor. What is left out: connections, retries, and that an overloaded replica answers its own
metrics late.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from io import StringIO
from random import Random
from typing import Any

from swarm.autoscaler.journal import Journal
from swarm.autoscaler.loop import Autoscaler, Setup
from swarm.autoscaler.sensors import Place
from swarm.autoscaler.swarm_api import Swarm
from swarm.model import Node, Service, Snapshot, Task

ROUND = 2.0  # seconds between the autoscaler's looks
NETWORK = "public"


@dataclass
class Replica:
    """One process: when it is healthy, and the work that it was given."""

    name: str
    healthy_at: float
    free_at: float = 0.0
    work: float = 0.0

    def used(self, now: float) -> float:
        """Return the seconds of processor that it has used."""
        return self.work - max(self.free_at - now, 0.0)


@dataclass
class Shop(Swarm):
    """A swarm with one service, as the autoscaler sees it."""

    labels: Mapping[str, str]
    rate: Callable[[float], float]  # requests per second at a moment
    cpu: float = 0.015  # seconds of processor that a request needs, on average
    database: Callable[[float], float] = lambda _: 0.01  # seconds that it waits for the database
    start: float = 15.0  # seconds until a new replica is healthy
    outlier_every: float = 0.0  # seconds between requests that take 30 s of nothing
    begin: int = 2
    seed: int = 1
    now: float = 0.0
    replicas: list[Replica] = field(default_factory=list)
    history: list[tuple[float, int]] = field(default_factory=list)
    waits: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = Random(self.seed)
        self._names = itertools.count()
        self._turn = itertools.count()
        self._next = 0.0
        self._done: list[tuple[float, float]] = []
        self._count, self._seconds = 0, 0.0
        self._outlier = self.outlier_every or float("inf")
        self.replicas = [Replica(f"r{next(self._names)}", 0.0) for _ in range(self.begin)]
        setup = Setup(Place("edge_traefik", 8083, NETWORK, 6.0), "autoscaler", "a1")
        journal = Journal(lambda: self.now, StringIO())
        self.autoscaler = Autoscaler(setup, self, journal, lambda: self.now, self.fetch)

    def run(self, seconds: float) -> None:
        """Let time pass, with a look of the autoscaler every two seconds."""
        end = self.now + seconds
        while self.now < end:
            self.now += ROUND
            self._serve()
            self.autoscaler.round()
            self.history.append((self.now, len(self.replicas)))

    def turns(self) -> int:
        """Count the changes of direction."""
        counts = [count for _, count in self.history]
        moves = [b - a for a, b in itertools.pairwise(counts) if a != b]
        return sum((a > 0) != (b > 0) for a, b in itertools.pairwise(moves))

    def counts(self) -> list[int]:
        """List the numbers of replicas that there were, one after the other."""
        return [count for count, _ in itertools.groupby(count for _, count in self.history)]

    def healthy(self) -> int:
        """Count the replicas that answer."""
        return sum(replica.healthy_at <= self.now for replica in self.replicas)

    def _serve(self) -> None:
        """Let what comes until now be taken on, and count what was answered by now."""
        while self._next <= self.now:
            at = self._next
            ready = [r for r in self.replicas if r.healthy_at <= at] or self.replicas[:1]
            replica = ready[next(self._turn) % len(ready)]
            need = self._random.expovariate(1 / self.cpu)
            replica.free_at = max(replica.free_at, at) + need
            replica.work += need
            ended = replica.free_at + self.database(at)
            heapq.heappush(self._done, (ended, ended - at))
            self.waits.append((at, ended - at))
            self._next += self._random.expovariate(self.rate(at))
        if self._outlier <= self.now:
            heapq.heappush(self._done, (self._outlier + 30, 30.0))
            self._outlier += self.outlier_every
        while self._done and self._done[0][0] <= self.now:
            self._count += 1
            self._seconds += heapq.heappop(self._done)[1]

    # What the autoscaler asks of Docker and of the metrics.

    def snapshot(self) -> Snapshot:
        own = Service("own", "autoscaler", 1, {"TaskTemplate": {}})
        edge = Service("edge", "edge_traefik", 1, {"TaskTemplate": {}})
        tasks = [
            Task("a1", "own", "n1", "running", "2026-01-01"),
            Task("e1", "edge", "n1", "running", "2026-01-01", {NETWORK: "edge"}),
        ]
        for replica in self.replicas:
            state = "running" if replica.healthy_at <= self.now else "starting"
            address = {NETWORK: replica.name}
            tasks.append(Task(replica.name, "web", "n1", state, "2026-01-01", address))
        node = Node("n1", resources=(64 * 10**9, 2**38))
        return Snapshot((own, edge, self.service("web")), tuple(tasks), (node,))

    def service(self, service_id: str) -> Service:
        resources = {"Limits": {"NanoCPUs": 10**9}, "Reservations": {"NanoCPUs": 10**8}}
        spec: dict[str, Any] = {
            "Labels": dict(self.labels),
            "Mode": {"Replicated": {"Replicas": len(self.replicas)}},
            "TaskTemplate": {"Resources": resources},
        }
        return Service("web", "app_web", 1, spec)

    def scale(self, service: Service, replicas: int) -> None:
        while len(self.replicas) > replicas:
            self.replicas.pop()
        while len(self.replicas) < replicas:
            healthy_at = self.now + self.start
            self.replicas.append(Replica(f"r{next(self._names)}", healthy_at, healthy_at))

    def fetch(self, url: str, _limit: float) -> str:
        """Answer as an edge and as a replica publish their counters."""
        name = url.split("/")[2].split(":")[0]
        if name != "edge":
            replica = next(r for r in self.replicas if r.name == name)
            return f"process_cpu_seconds_total {replica.used(self.now):.6f}\n"
        about = 'service="web@swarm",code="200"'
        total = "traefik_service_request_duration_seconds"
        return f"{total}_sum{{{about}}} {self._seconds}\n{total}_count{{{about}}} {self._count}\n"
