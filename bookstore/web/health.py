"""What machines ask: alive, ready, metrics."""

import re
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from quart import Blueprint, Quart, Response, current_app, g, request

from bookstore.data.database import Database
from bookstore.data.queries import DatabaseUnavailable

MIGRATIONS = Path(__file__).parents[1] / "migrations"

blueprint = Blueprint("health", __name__)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)  # CPU seconds, which the autoscaler can scale by, and memory
REQUESTS = Counter(
    "bookstore_requests", "Requests answered", ["method", "route", "status"], registry=REGISTRY
)
SECONDS = Histogram(
    "bookstore_request_seconds",
    "Time to answer a request",
    ["route"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
    registry=REGISTRY,
)


METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}


@cache
def route(rule: str) -> str:
    """Return a route as the metrics name it: without the limits of its numbers."""
    return re.sub(r"\(.*?\)", "", rule)


@cache
def counters(method: str, route: str, status: int) -> tuple[Counter, Histogram]:
    """Return what counts and times the answers of one kind."""
    return REQUESTS.labels(method, route, str(status)), SECONDS.labels(route)


class Readiness:
    """Whether this replica wants new requests."""

    def __init__(self, contexts: Iterable[str] = ()) -> None:
        self.draining = False
        self.unproven = set(contexts)  # whose tables were not yet seen to be new enough


class _Pools(Collector):
    def __init__(self, databases: dict[str, Database]) -> None:
        self._databases = databases

    def collect(self) -> Iterable[Metric]:
        in_use = GaugeMetricFamily(
            "bookstore_pool_in_use", "Database connections in use", labels=["context"]
        )
        waiting = GaugeMetricFamily(
            "bookstore_pool_waiting", "Statements waiting for a connection", labels=["context"]
        )
        for context, database in self._databases.items():
            in_use.add_metric([context], database.in_use)
            waiting.add_metric([context], database.waiting)
        return [in_use, waiting]


@blueprint.get("/healthz")
async def healthz() -> Response:
    """Say that the process answers, whatever else is wrong."""
    return Response("alive\n", content_type="text/plain; charset=utf-8")


@blueprint.get("/readyz")
async def readyz() -> Response:
    """Tell whether this replica wants requests. With ?of=replica the database is left out: a proxy
    that took every replica out while the database is away would answer in their place, badly."""
    readiness: Readiness = current_app.extensions["bookstore.readiness"]
    databases: dict[str, Database] = current_app.extensions["bookstore.databases"]
    status, text = 200, "ready\n"
    if readiness.draining:
        status, text = 503, "draining: this replica is stopping\n"
    elif request.args.get("of") != "replica":
        try:
            for database in set(databases.values()):
                await database.value("SELECT 1")
            for context in readiness.unproven & databases.keys():
                if await _is_behind(databases[context], context):
                    status, text = 503, f"not migrated: {context}. Run: bookstore migrate\n"
                else:
                    readiness.unproven.discard(context)
        except DatabaseUnavailable:
            status, text = 503, "the database does not answer\n"
    return Response(text, status=status, content_type="text/plain; charset=utf-8")


@cache
def newest(context: str) -> str:
    """Return the number of the newest migration of a context, such as 0002."""
    return max(path.name[:4] for path in (MIGRATIONS / context / "versions").glob("0*.py"))


async def _is_behind(database: Database, context: str) -> bool:
    """Tell whether the tables of a context are older than this code; newer ones it can serve."""
    try:
        version = await database.value(f"SELECT version_num FROM {context}_version")
    except DatabaseUnavailable:
        raise
    except Exception:  # each engine says in its own way that there is no such table
        return True
    return version is None or str(version) < newest(context)


@blueprint.get("/metrics")
async def metrics() -> Response:
    """Send counters and gauges in Prometheus' text format."""
    pools: Collector = current_app.extensions["bookstore.pools"]
    own = CollectorRegistry()
    own.register(pools)
    text = generate_latest(REGISTRY) + generate_latest(own)
    return Response(text, content_type="text/plain; version=0.0.4; charset=utf-8")


def install(app: Quart, databases: dict[str, Database]) -> None:
    """Mount the three addresses and count every request."""
    app.extensions["bookstore.readiness"] = Readiness(databases)
    app.extensions["bookstore.pools"] = _Pools(databases)
    app.register_blueprint(blueprint)

    @app.before_request
    async def start() -> None:
        g.started = time.perf_counter()

    @app.after_request
    async def count(response: Response) -> Response:
        asked = request.url_rule
        requests, seconds = counters(
            request.method
            if request.method in METHODS
            else "(other)",  # a stranger may invent some
            route(asked.rule) if asked else "(none)",
            response.status_code,
        )
        requests.inc()
        started = getattr(g, "started", None)
        if started is not None:
            seconds.observe(time.perf_counter() - started)
        return response
