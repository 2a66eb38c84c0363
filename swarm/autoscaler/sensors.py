"""Take the measures: ask the edges and the replicas, and turn counters into rates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from swarm.autoscaler import metrics
from swarm.autoscaler.labels import Objective, Scaling
from swarm.autoscaler.measures import Failed, Measure, Total, Utilization, exact
from swarm.autoscaler.metrics import Meter, Traffic
from swarm.autoscaler.swarm_api import SwarmError, get
from swarm.model import Service, Snapshot, Task, reservations

SCRAPE_TIMEOUT = 1.5  # seconds

# The metrics of each task and the moment they were fetched, by the task's id; None: none came.
Pages = Mapping[str, tuple[float, str] | None]


@dataclass(frozen=True)
class Place:
    """Where the metrics are."""

    edge_service: str = "edge_traefik"
    edge_port: int = 8083
    network: str = ""  # the one that the edges, the replicas and the autoscaler share
    window: float = 6.0  # seconds over which rates are taken


@dataclass
class Senses:
    """The readings kept for one service."""

    edges: dict[str, Meter] = field(default_factory=dict)
    replicas: dict[str, Meter] = field(default_factory=dict)


class Sensors:
    """Reads the metrics of edges and replicas, many at once."""

    def __init__(self, place: Place, clock: Callable[[], float]) -> None:
        self._place = place
        self._clock = clock
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="scrape")

    def edges(self, snapshot: Snapshot) -> Pages:
        """Fetch the metrics of every edge that runs."""
        name = self._place.edge_service
        ids = {service.id for service in snapshot.services if service.name == name}
        edges = [t for t in snapshot.tasks if t.service in ids and t.state == "running"]
        return self._fetch(edges, self._place.edge_port)

    def measure(
        self,
        service: Service,
        scaling: Scaling,
        senses: Senses,
        tasks: Iterable[Task],
        edges: Pages,
    ) -> list[Measure]:
        """Take every measure that the labels name."""
        measures: list[Measure] = []
        asked = [o for o in scaling.objectives if o.kind != "cpu"]
        if asked:
            traffic, gap = self._traffic(scaling.route, senses, edges)
            if traffic is not None:
                measures += [_from_edges(objective, traffic) for objective in asked]
            if gap:
                measures.append(Failed(", ".join(o.kind for o in asked), gap))
        measures += [
            self._cpu(service, objective, scaling.port, senses, tasks)
            for objective in scaling.objectives
            if objective.kind == "cpu"
        ]
        return measures

    def _traffic(self, route: str, senses: Senses, edges: Pages) -> tuple[Traffic | None, str]:
        """Add up what the edges saw, and say what is missing.

        While some are silent the sum is a lower bound: good enough to grow by, not to shrink by.
        """
        now = self._clock()
        for gone in senses.edges.keys() - edges.keys():
            del senses.edges[gone]
        for edge, page in edges.items():
            meter = senses.edges.setdefault(edge, Meter(self._place.window))
            if page is not None:
                meter.add(metrics.read_traefik(page[1], route, page[0]))
        rates = {edge: meter.traffic(now) for edge, meter in senses.edges.items()}
        seen = [traffic for traffic in rates.values() if traffic is not None]
        silent = sum(page is None or rates[edge] is None for edge, page in edges.items())
        if not edges:
            return None, f"no edge runs ({self._place.edge_service})"
        if not any(edges.values()):
            return None, "no edge answers"
        if not seen:
            return None, "the edges have not been read twice yet"
        gap = f"{silent} of {len(edges)} edges silent" if silent else ""
        return metrics.together(seen), gap

    def _cpu(
        self,
        service: Service,
        objective: Objective,
        port: int,
        senses: Senses,
        tasks: Iterable[Task],
    ) -> Measure:
        """Ask every replica how much CPU it has used."""
        reserved = exact(reservations(service.spec["TaskTemplate"])[0]) / 10**9
        if not reserved:
            return Failed("cpu", "the service reserves no CPU that a share could be taken of")
        pages = self._fetch([task for task in tasks if task.state == "running"], port)
        for gone in senses.replicas.keys() - pages.keys():
            del senses.replicas[gone]
        samples = {}
        for replica, page in pages.items():
            meter = senses.replicas.setdefault(replica, Meter(self._place.window))
            reading = metrics.read_cpu(page[1], page[0]) if page else None
            if reading is not None:
                meter.add(reading)
            traffic = meter.traffic(self._clock())
            if traffic is not None:
                samples[replica] = round(traffic.in_flight, 6)
        requests = {task.id: reserved for task in tasks}
        return Utilization("cpu", objective.target, samples, requests)

    def _fetch(self, tasks: Iterable[Task], port: int) -> dict[str, tuple[float, str] | None]:
        def fetch(task: Task) -> tuple[float, str] | None:
            address = task.addresses.get(self._place.network)
            if address is None:
                return None
            try:
                text = get(f"http://{address}:{port}/metrics", SCRAPE_TIMEOUT)
            except SwarmError:
                return None
            return self._clock(), text

        tasks = list(tasks)
        pages = self._pool.map(fetch, tasks)
        return dict(zip((task.id for task in tasks), pages, strict=True))


def _from_edges(objective: Objective, traffic: Traffic) -> Total:
    """Make a measure of the whole service's traffic."""
    if objective.kind == "latency_p95":
        slow = metrics.quantile(0.95, traffic.buckets)
        return Total("latency_p95", objective.target, round(slow, 6))
    value = traffic.in_flight if objective.kind == "in_flight" else traffic.requests
    return Total(objective.kind, objective.target, round(value, 6), average=True)
