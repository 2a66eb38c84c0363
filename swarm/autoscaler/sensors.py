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
SPARE = 0.7  # share of its processor up to which a replica is not short of it

Fetch = Callable[[str, float], str]  # address and time limit in, text out; or a SwarmError

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

    def __init__(self, place: Place, clock: Callable[[], float], fetch: Fetch = get) -> None:
        self._place = place
        self._clock = clock
        self._get = fetch
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
        tasks = list(tasks)
        kinds = {objective.kind for objective in scaling.objectives}
        traffic, gap = None, ""
        if kinds - {"cpu"}:
            traffic, gap = self._traffic(scaling.route, senses, edges)
        used: dict[str, float] = {}
        if kinds & {"cpu", "queued"}:
            used = self._used_cpu(scaling.port, senses, tasks)
        measures: list[Measure] = []
        for objective in scaling.objectives:
            if objective.kind == "cpu":
                measures.append(_cpu(service, objective, used, tasks))
            elif traffic is not None:
                share = _busy_share(service, used) if objective.kind == "queued" else 1.0
                measures.append(_from_edges(objective, traffic, share))
        if gap:
            named = ", ".join(o.kind for o in scaling.objectives if o.kind != "cpu")
            measures.append(Failed(named, gap))
        return measures

    def _traffic(self, route: str, senses: Senses, edges: Pages) -> tuple[Traffic | None, str]:
        """Add up what the edges saw, and say what is missing.

        While some are silent the sum is a lower bound: good enough to grow by, not to shrink by.
        """
        now = self._clock()
        for gone in senses.edges.keys() - edges.keys():
            del senses.edges[gone]
        strangers = 0
        for edge, page in edges.items():
            meter = senses.edges.setdefault(edge, Meter(self._place.window))
            reading = page and metrics.read_traefik(page[1], route, page[0])
            if reading:
                meter.add(reading)
            elif page:
                strangers += 1
                senses.edges[edge] = Meter(self._place.window)  # what it said before counts no more
        rates = {edge: senses.edges[edge].traffic(now) for edge in edges}
        seen = [traffic for traffic in rates.values() if traffic is not None]
        silent = sum(page is None or rates[edge] is None for edge, page in edges.items())
        if not edges:
            return None, f"no edge runs ({self._place.edge_service})"
        if not any(edges.values()):
            return None, "no edge answers"
        if strangers == len(edges):
            return None, f"no edge knows {route}: is that its name in Traefik, and is it routed"
        if not seen:
            return None, "the edges have not been read twice yet"
        if strangers:
            return metrics.together(seen), f"{strangers} of {len(edges)} edges do not know {route}"
        gap = f"{silent} of {len(edges)} edges silent" if silent else ""
        return metrics.together(seen), gap

    def _used_cpu(self, port: int, senses: Senses, tasks: Iterable[Task]) -> dict[str, float]:
        """Ask every replica how much CPU it uses, in cores; without those that do not say."""
        pages = self._fetch([task for task in tasks if task.state == "running"], port)
        for gone in senses.replicas.keys() - pages.keys():
            del senses.replicas[gone]
        used = {}
        for replica, page in pages.items():
            meter = senses.replicas.setdefault(replica, Meter(self._place.window))
            reading = metrics.read_cpu(page[1], page[0]) if page else None
            if reading is not None:
                meter.add(reading)
            traffic = meter.traffic(self._clock())
            if traffic is not None:
                used[replica] = round(traffic.in_flight, 6)
        return used

    def _fetch(self, tasks: Iterable[Task], port: int) -> dict[str, tuple[float, str] | None]:
        def fetch(task: Task) -> tuple[float, str] | None:
            address = task.addresses.get(self._place.network)
            if address is None:
                return None
            try:
                text = self._get(f"http://{address}:{port}/metrics", SCRAPE_TIMEOUT)
            except SwarmError:
                return None
            return self._clock(), text

        tasks = list(tasks)
        pages = self._pool.map(fetch, tasks)
        return dict(zip((task.id for task in tasks), pages, strict=True))


def _cpu(
    service: Service, objective: Objective, used: Mapping[str, float], tasks: Iterable[Task]
) -> Measure:
    """Make a measure of the CPU that each replica uses of what it reserves."""
    reserved = exact(reservations(service.spec["TaskTemplate"])[0]) / 10**9
    if not reserved:
        return Failed("cpu", "the service reserves no CPU that a share could be taken of")
    return Utilization("cpu", objective.target, used, {task.id: reserved for task in tasks})


def _busy_share(service: Service, used: Mapping[str, float]) -> float:
    """Return how short of processor the replicas are: 0 up to SPARE of it used, 1 at all of it.

    What waits for a slow database leaves the processor alone, and more replicas would not help it.
    Replicas of which none says are taken for busy: nothing else keeps all of them from answering.
    """
    if not used:
        return 1.0
    limits = (service.spec["TaskTemplate"].get("Resources") or {}).get("Limits") or {}
    limit = limits.get("NanoCPUs", 0) / 10**9 or 1.0  # a replica is one process with one core
    share = sum(used.values()) / len(used) / limit
    return min(max((share - SPARE) / (1 - SPARE), 0.0), 1.0)


def _from_edges(objective: Objective, traffic: Traffic, busy: float) -> Total:
    """Make a measure of the whole service's traffic; `busy` is the share of it that queues."""
    if objective.kind == "latency_p95":
        slow = metrics.quantile(0.95, traffic.buckets)
        return Total("latency_p95", objective.target, round(slow, 6))
    value = traffic.requests if objective.kind == "requests" else traffic.in_flight * busy
    return Total(objective.kind, objective.target, round(value, 6), average=True)
