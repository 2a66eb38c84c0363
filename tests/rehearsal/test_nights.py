"""Bad nights on three managers: engines changed under readers, a quorum lost and given back, a
host that was off until its certificate in the swarm had run out."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from provisioning.rehearsal import guests, lifecycle
from provisioning.rehearsal.layout import INVENTORY, guest_folder, hosts
from tests.rehearsal.load import Load
from tests.rehearsal.operator import on, ops, running
from tests.rehearsal.test_three_edges import serial

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.rehearsal,
    pytest.mark.timeout(1500),
    pytest.mark.usefixtures("three_edges"),
]
EDGES = hosts(3, 0)
GUARDED = """
import json, sys, urllib.request
def ask(path, body=None):
    url = "http://127.0.0.1:2375" + path
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=10) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, None
service = ask("/services/app_web")[1]
spec, version = service["Spec"], service["Version"]["Index"]
update = f"/services/{service['ID']}/update?version={version}"
evil = json.loads(json.dumps(spec))
evil["TaskTemplate"]["ContainerSpec"]["Image"] = "evil"
print(ask("/secrets")[0], ask(update, evil)[0], ask(update, spec)[0])
"""

# Gives the swarm an authority whose key is known here, so that certificates can be made.
AUTHORITY = """
cd /root
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key.pem
openssl req -x509 -new -key key.pem -days 3650 -subj /CN=swarm-ca -out ca.pem
docker swarm ca --rotate --detach --ca-cert ca.pem --ca-key key.pem >/dev/null
cat ca.pem key.pem
"""


def test_the_autoscaler_may_change_replicas_and_nothing_else() -> None:
    script = f"""
    pid=$(docker inspect -f '{{{{.State.Pid}}}}' $(docker ps -q --filter name=autoscaler_socket))
    nsenter --target $pid --net python3 - <<'END'
{GUARDED}
END
    """
    assert on("manager1", script).split() == ["403", "403", "200"]


def test_no_join_token_is_in_a_hosts_journal() -> None:
    for host in ("manager2", "worker1"):
        assert on(host, "journalctl --no-pager | grep -c SWMTKN || true").strip() == "0"


def test_engines_are_changed_one_at_a_time_and_no_request_fails() -> None:
    text = INVENTORY.read_text()
    INVENTORY.write_text(
        text.replace("[secrets]", 'insecure_registries = ["10.9.9.9"]\n\n[secrets]')
    )
    try:
        with Load() as load:
            done = ops("apply", "--yes", timeout=1200)
            time.sleep(5)
    finally:
        INVENTORY.write_text(text)
    print(load.summary())
    assert done.status == 0
    assert done.text.count("is back, and readers are served") == 5
    assert not load.failures
    assert all(serial(edge.address) for edge in EDGES)
    availability = on("manager1", "docker node ls --format '{{.Availability}}'").split()
    assert set(availability) == {"Active"}
    assert "10.9.9.9" in on("worker1", "cat /etc/docker/daemon.json")


def test_a_lost_quorum_is_named_in_seconds_and_recovered() -> None:
    for name in ("manager2", "manager3"):
        guests.cut_power(name)
    time.sleep(20)  # the load balancer has seen it
    with Load() as load:
        status = ops("status")
        assert status.status == 1
        assert "./run ops recover" in status.text
        assert "manager1         serves readers" in status.text
        assert status.seconds < 20  # 9 s on a machine that is not busy
        done = ops("recover", "--yes")
        assert done.status == 0
        names = on("manager1", "docker node ls --format '{{.Hostname}}'").split()
        assert sorted(names) == ["manager1", "worker1", "worker2"]
        time.sleep(5)
    print(load.summary())
    assert not load.failures
    assert len(running("app_web")) == 2


def test_managers_that_were_taken_out_come_back() -> None:
    with Load() as load:
        for name in ("manager2", "manager3"):
            lifecycle.boot(name)
        deadline = time.monotonic() + 180
        while (done := ops("apply", "--yes")).status and time.monotonic() < deadline:
            time.sleep(3)
        assert done.status == 0
        managers = on("manager1", "docker node ls --format '{{.ManagerStatus}}'").split()
        assert sorted(managers) == ["Leader", "Reachable", "Reachable"]
        while not all(serial(edge.address) for edge in EDGES):
            assert time.monotonic() < deadline + 180
            time.sleep(1)
        assert ops("restart", "manager1", "--yes").status == 0
        time.sleep(5)
    print(load.summary())
    assert not load.failures


def certificate(name: str) -> Path:
    """Return where a host's certificate in the swarm is on its disk."""
    return guest_folder(name) / "docker/swarm/certificates/swarm-node.crt"


def issued(name: str, authority: str) -> bool:
    """Tell whether a host has its certificate from an authority."""
    issuer = x509.load_pem_x509_certificate(authority.encode())
    try:
        x509.load_pem_x509_certificate(certificate(name).read_bytes()).verify_directly_issued_by(
            issuer
        )
    except (ValueError, InvalidSignature):
        return False
    return True


def run_out(name: str, authority: str) -> None:
    """Let the certificate on the disk of a host that is off have run out an hour ago."""
    old = x509.load_pem_x509_certificate(certificate(name).read_bytes())
    key = authority[authority.index("-----BEGIN PRIVATE KEY") :].encode()
    signer = serialization.load_pem_private_key(key, None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    now = datetime.now(UTC)
    new = (
        x509.CertificateBuilder()
        .issuer_name(old.issuer)
        .subject_name(old.subject)
        .public_key(old.public_key())
        .serial_number(old.serial_number)
        .not_valid_before(now - timedelta(days=90))
        .not_valid_after(now - timedelta(hours=1))
    )
    for extension in old.extensions:
        new = new.add_extension(extension.value, critical=extension.critical)
    signed = new.sign(signer, hashes.SHA256())
    certificate(name).write_bytes(signed.public_bytes(serialization.Encoding.PEM))


def test_a_host_that_was_off_until_its_certificate_ran_out_joins_again() -> None:
    authority = on("manager1", AUTHORITY)
    deadline = time.monotonic() + 180
    while not all(issued(name, authority) for name in ("worker2", "manager3")):
        assert time.monotonic() < deadline, "the swarm does not take the authority"
        time.sleep(1)
    for name in ("worker2", "manager3"):
        guests.cut_power(name)
        run_out(name, authority)
    time.sleep(20)  # the load balancer and the swarm have seen it
    with Load() as load:
        for name in ("worker2", "manager3"):
            lifecycle.boot(name)
        seen = ops("doctor")
        for name in ("worker2", "manager3"):
            assert f"{name}: its certificate in the swarm was not renewed: run out" in seen.text
        done = ops("apply", "--yes")
        assert done.status == 0
        for name in ("worker2", "manager3"):
            assert f"{name}: leave the swarm for its certificate has run out" in done.text
        deadline = time.monotonic() + 180
        while not all(serial(edge.address) for edge in EDGES):
            assert time.monotonic() < deadline
            time.sleep(1)
        time.sleep(5)
    print(load.summary())
    assert not load.failures
    states = on("manager1", "docker node ls --format '{{.Status}} {{.ManagerStatus}}'").splitlines()
    assert sorted(states) == [
        "Ready",
        "Ready",
        "Ready Leader",
        "Ready Reachable",
        "Ready Reachable",
    ]
