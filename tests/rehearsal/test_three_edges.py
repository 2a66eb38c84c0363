"""Three edges behind the load balancer: releases, one certificate, renewals, a lost edge."""

from __future__ import annotations

import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from provisioning.rehearsal import guests, lifecycle
from provisioning.rehearsal.cloud import ACME_ROOT
from provisioning.rehearsal.layout import INVENTORY, REGISTRY, SHARED, SHOP, hosts
from tests.rehearsal.load import Load
from tests.rehearsal.operator import ROOT, make_release, on, ops, running

pytestmark = [
    pytest.mark.rehearsal,
    pytest.mark.timeout(1200),
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


@contextmanager
def certificates_watched() -> Iterator[list[str]]:
    """Note every moment in which an edge that accepts connections shows no valid certificate."""
    bad: list[str] = []
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(0.5):
            for edge in EDGES:
                with_one = any(serial(other.address) for other in EDGES if other != edge)
                if serial(edge.address) is None and not with_one:
                    bad.append(f"{edge.name} at {time.monotonic():.0f}")

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield bad
    finally:
        stop.set()
        thread.join(30)


def newest() -> str:
    """Give the last line of the list of releases."""
    return ops("releases").text.strip().splitlines()[-1]


def interrupted_deploy(image: str, until: str) -> str:
    """Deploy and press Ctrl-C as soon as a text is said; give what was said."""
    # Whoever starts the tests may have Ctrl-C ignored: this program listens to it in any case.
    listen = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from provisioning.cli.main import main; sys.exit(main())"
    )
    command = [sys.executable, "-c", listen, "deploy", image, "--yes"]
    with subprocess.Popen(
        [*command, "--inventory", str(INVENTORY)],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as process:
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line
            if until in line:
                process.send_signal(signal.SIGINT)
                break
        said += process.stdout.read()
        assert process.wait(60) == 130, said
    print(said)
    return said


def test_a_first_deploy_ends_when_every_edge_serves_readers() -> None:
    assert all(serial(edge.address) for edge in EDGES)
    assert ops("deploy", "--yes").text.count("Nothing to do: release 1 runs") == 1


def test_every_edge_shows_the_same_trusted_certificate() -> None:
    wait_for_certificate()


def test_a_rollback_to_the_first_release_keeps_the_certificate_and_fails_no_request() -> None:
    second = make_release("second")
    assert ops("deploy", second, "--yes").status == 0
    before = {serial(edge.address) for edge in EDGES}
    with Load() as load, certificates_watched() as bad:
        done = ops("rollback", "1", "--yes")
        time.sleep(5)
    print(load.summary())
    assert done.status == 0
    assert not load.failures
    assert bad == []
    assert {serial(edge.address) for edge in EDGES} == before
    assert second.partition("@")[2] not in "".join(task.image for task in running("app_web"))
    assert "back to 1" in newest()


def test_an_interrupted_deploy_is_known_gone_on_with_and_taken_back() -> None:
    third = make_release("third")
    digest = third.partition("@")[2]
    with Load() as load:
        said = interrupted_deploy(third, "app_web: ")
        assert "half deployed" in said
        assert "interrupted" in newest()
        done = ops("deploy", "--yes")  # the interrupted one's image is kept
        assert done.status == 0
        assert "gone on with" in done.text
        assert "interrupted" not in newest()
        assert all(digest in task.image for task in running("app_web"))

        interrupted_deploy(f"{REGISTRY}/bookstore:latest", "app_web: ")
        back = ops("rollback", "--yes")
        assert back.status == 0
        time.sleep(3)
    print(load.summary())
    assert not load.failures
    assert all(digest in task.image for task in running("app_web"))
    assert "taken back" in ops("releases").text


def test_edges_are_replaced_one_by_one_and_no_request_fails() -> None:
    stack = ROOT / "swarm" / "edge.yml"
    text = stack.read_text()
    busiest = 0
    stop = threading.Event()

    def count() -> None:
        nonlocal busiest
        while not stop.wait(0.3):
            try:
                busiest = max(busiest, 3 - len(running("edge_traefik")))
            except subprocess.CalledProcessError:
                continue

    watcher = threading.Thread(target=count, daemon=True)
    try:
        stack.write_text(
            text.replace(
                "--accesslog=true", "--accesslog=true\n      - --accesslog.bufferingsize=0"
            )
        )
        with Load() as load:
            watcher.start()
            done = ops("deploy", "--yes")
            time.sleep(5)
    finally:
        stack.write_text(text)
        stop.set()
    watcher.join(10)
    print(load.summary())
    assert done.status == 0
    assert busiest == 1
    assert not load.failures
    states = on("manager1", "docker node ls --format '{{.Availability}}'").split()
    assert set(states) == {"Active"}
    assert ops("rollback", "--yes").status == 0


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
    deadline = time.monotonic() + 240  # a host boots, joins, and starts what the swarm gives it
    while not all_edges_serve():
        assert time.monotonic() < deadline, on("manager1", "docker node ls; docker service ls")
        time.sleep(1)
