"""A Docker Engine on loopback that answers as a real one was recorded, and edges beside it."""

from __future__ import annotations

import copy
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Answer = tuple[int, str]

RECORDED = Path(__file__).parent / "recorded"
NETWORK = "bookstore_public"
BUCKETS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@contextmanager
def serving(
    answer: Callable[[str, str, bytes], Answer], address: tuple[str, int] = ("127.0.0.1", 0)
) -> Iterator[int]:
    """Serve HTTP on loopback in the background; give the port."""

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, text = answer(self.command, self.path, body)
            self.send_response(status)
            self.send_header("Api-Version", "1.45")
            self.send_header("Content-Length", str(len(text.encode())))
            self.end_headers()
            self.wfile.write(text.encode())

        do_GET = do_POST = do

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 — the base's name
            """Keep quiet."""

    server = ThreadingHTTPServer(address, Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Engine:
    """A swarm with the shop (app_web), its edge (edge_traefik) and four hosts."""

    def __init__(self) -> None:
        self.services: list[Json] = json.loads((RECORDED / "services.json").read_text())
        self.nodes: list[Json] = json.loads((RECORDED / "nodes.json").read_text())
        recorded: list[Json] = json.loads((RECORDED / "tasks.json").read_text())
        web, edge = self.service("app_web")["ID"], self.service("edge_traefik")["ID"]
        self._web_task = next(task for task in recorded if task["ServiceID"] == web)
        self._edge_task = next(task for task in recorded if task["ServiceID"] == edge)
        self.edges: list[str] = []  # loopback addresses
        self.others: list[Json] = []  # tasks of other services
        self.requests: list[str] = []
        self.before_update: Callable[[], None] = lambda: None
        self.down = False
        self.starting = 0  # of the shop's replicas

    def service(self, name: str) -> Json:
        """Give a service as the API would."""
        return next(item for item in self.services if item["Spec"]["Name"] == name)

    @property
    def replicas(self) -> int:
        """Give the shop's configured replicas."""
        return int(self.service("app_web")["Spec"]["Mode"]["Replicated"]["Replicas"])

    @replicas.setter
    def replicas(self, count: int) -> None:
        web = self.service("app_web")
        web["Spec"]["Mode"]["Replicated"]["Replicas"] = count
        web["Version"]["Index"] += 1

    def label(self, **labels: str) -> None:
        """Set bookstore.autoscale.* labels on the shop; `__` stands for a dot."""
        spec = self.service("app_web")["Spec"]
        for key, value in labels.items():
            spec["Labels"]["bookstore.autoscale." + key.replace("__", ".")] = value

    def tasks(self) -> list[Json]:
        """List what is meant to run."""
        workers = [
            node["ID"]
            for node in self.nodes
            if node["Spec"]["Role"] == "worker" and node["Spec"]["Availability"] == "active"
        ]
        made = []
        for slot in range(self.replicas):
            task = copy.deepcopy(self._web_task)
            task |= {"ID": f"web{slot}", "Slot": slot, "NodeID": workers[slot % len(workers)]}
            task["Spec"]["Resources"] = self.service("app_web")["Spec"]["TaskTemplate"]["Resources"]
            waiting = slot >= self.replicas - self.starting
            task["Status"] = {"State": "starting" if waiting else "running"}
            _move(task, f"127.0.1.{slot + 1}")
            made.append(task)
        for index, address in enumerate(self.edges):
            task = copy.deepcopy(self._edge_task)
            task["ID"] = f"edge{index}"
            _move(task, address)
            made.append(task)
        return made + self.others

    def answer(self, method: str, path: str, body: bytes) -> Answer:
        """Answer one request to the API."""
        if self.down:
            return 503, json.dumps({"message": "The swarm does not have a leader."})
        parts = urllib.parse.urlsplit(path)
        plain = re.sub(r"^/v1\.45", "", parts.path)
        self.requests.append(f"{method} {plain}")
        match method, plain.strip("/").split("/"):
            case "GET", ["_ping"]:
                return 200, "OK"
            case "GET", ["services"]:
                return 200, json.dumps(self.services)
            case "GET", ["tasks"]:
                filters = json.loads(urllib.parse.parse_qs(parts.query)["filters"][0])
                assert filters == {"desired-state": ["running"]}
                return 200, json.dumps(self.tasks())
            case "GET", ["nodes"]:
                return 200, json.dumps(self.nodes)
            case "GET", ["services", key]:
                return 200, json.dumps(next(s for s in self.services if s["ID"] == key))
            case "POST", ["services", key, "update"]:
                return self._update(key, parts.query, json.loads(body))
        return 403, "denied"

    def _update(self, key: str, query: str, spec: Json) -> Answer:
        self.before_update()
        service = next(s for s in self.services if s["ID"] == key)
        if int(urllib.parse.parse_qs(query)["version"][0]) != service["Version"]["Index"]:
            message = "rpc error: code = Unknown desc = update out of sequence"
            return 500, json.dumps({"message": message})
        service["PreviousSpec"] = service["Spec"]
        service["Spec"] = spec
        service["Version"]["Index"] += 1
        return 200, json.dumps({"Warnings": None})


def _move(task: Json, address: str) -> None:
    """Put a task at an address of the common network."""
    for attachment in task["NetworksAttachments"]:
        if attachment["Network"]["Spec"]["Name"] == NETWORK:
            attachment["Addresses"] = [f"{address}/24"]


class Edge:
    """A Traefik that counts what it is told it has served."""

    def __init__(self) -> None:
        self.durations: list[float] = []
        self.silent = False
        self.knows = "web@swarm"

    def serve(self, count: int, seconds: float) -> None:
        """Count requests that took so long."""
        self.durations += [seconds] * count

    def answer(self, _method: str, _path: str, _body: bytes) -> Answer:
        """Show the metrics."""
        return (500, "") if self.silent else (200, self.text())

    def text(self) -> str:
        """Write the metrics as Traefik does."""
        name = "traefik_service_request_duration_seconds"
        labels = f'code="200",method="GET",protocol="http",service="{self.knows}"'
        total = len(self.durations)
        lines = [f"# TYPE {name} histogram"]
        lines += [
            f'{name}_bucket{{{labels},le="{edge}"}} {sum(d <= edge for d in self.durations)}'
            for edge in BUCKETS
        ]
        lines += [
            f'{name}_bucket{{{labels},le="+Inf"}} {total}',
            f"{name}_sum{{{labels}}} {sum(self.durations)}",
            f"{name}_count{{{labels}}} {total}",
            f"{name}_sum{{{labels.replace(self.knows, 'third@swarm')}}} 999",
            'traefik_open_connections{entrypoint="web",protocol="TCP"} 7',
        ]
        return "\n".join(lines) + "\n"
