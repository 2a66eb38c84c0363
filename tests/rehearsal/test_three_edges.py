"""Three edges behind the load balancer: one certificate, renewals, and an edge that loses power."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time

import pytest

from provisioning.rehearsal import guests, lifecycle
from provisioning.rehearsal.cloud import ACME_ROOT
from provisioning.rehearsal.layout import SHARED, SHOP, hosts
from tests.rehearsal.load import Load
from tests.rehearsal.operator import running

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("three_edges"),
]
EDGES = hosts(3, 0)


def serial(address: str) -> str | None:
    """Give the serial number of an edge's certificate, None when it is not from our authority."""
    context = ssl.create_default_context(cafile=str(ACME_ROOT))
    try:
        with (
            socket.create_connection((address, 443), timeout=2) as plain,
            context.wrap_socket(plain, server_hostname=SHOP) as secure,
        ):
            certificate = secure.getpeercert()
    except OSError:
        return None
    return str(certificate["serialNumber"]) if certificate else None


def wait_for_certificate(other_than: str | None = None, seconds: float = 240) -> str:
    """Wait until every edge shows the same trusted certificate, and another than the one given."""
    deadline = time.monotonic() + seconds
    while True:
        serials = {serial(host.address) for host in EDGES}
        if len(serials) == 1 and None not in serials and other_than not in serials:
            return str(serials.pop())
        assert time.monotonic() < deadline, f"the edges show {serials}"
        time.sleep(1)


def test_every_edge_shows_the_same_trusted_certificate() -> None:
    wait_for_certificate()


def test_a_renewal_fails_no_request() -> None:
    before = wait_for_certificate()
    with Load() as load:
        began = time.monotonic()
        (SHARED / "acme" / "renew").touch()
        wait_for_certificate(other_than=before)
        seconds = time.monotonic() - began
        time.sleep(5)
    print(f"three edges took a new certificate in {seconds:.0f} s; {load.summary()}")
    assert not load.failures


def test_new_connections_succeed_two_seconds_after_an_edge_lost_power() -> None:
    with Load() as load:
        time.sleep(3)
        lost_at = load.since_start()
        guests.cut_power("manager3")
        time.sleep(15)
    lifecycle.boot("manager3")
    in_flight = [failure for failure in load.failures if failure.began <= lost_at + 2]
    later = [failure for failure in load.failures if failure.began > lost_at + 2]
    print(f"manager3 lost power: {len(in_flight)} requests in flight broke; {load.summary()}")
    assert not later
    assert len(in_flight) <= 40  # no more than came in those two seconds


def all_edges_serve() -> bool:
    """Tell whether each edge runs and answers; the managers may have no leader just now."""
    try:
        return len(running("edge_traefik")) == 3 and serial(EDGES[2].address) is not None
    except subprocess.CalledProcessError:
        return False


def test_the_lost_edge_comes_back() -> None:
    deadline = time.monotonic() + 90
    while not all_edges_serve():
        assert time.monotonic() < deadline
        time.sleep(1)
