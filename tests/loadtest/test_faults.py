"""A fault acts, or says that it has not: with stand-ins for Docker, systemd and the database."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from loadtest.drills import cloud, faults, storm, successor
from loadtest.drills.cluster import Cluster
from loadtest.drills.faults import FREEZE, KILL_EDGE, KILL_ENGINE, KILL_SOCKET, THAW, Faults
from provisioning import cluster as provisioned
from provisioning.errors import OperatorError
from provisioning.rehearsal import lifecycle
from provisioning.rehearsal.layout import SUCCESSOR

DOCKER = """#!/bin/sh
case "$1" in
ps) cat containers ;;
top) echo PID; cat processes ;;
kill) [ -e deaf ] || rm -f running ;;
inspect) [ -e running ] && echo true || echo false ;;
esac
"""
SYSTEMCTL = """#!/bin/sh
case "$1" in
show) cat main ;;
kill) [ -e deaf ] || echo 4712 > main ;;
esac
"""


@pytest.fixture
def host(tmp_path: Path) -> Path:
    """Return a folder that stands for a host, with programs of its own."""
    for name, text in (("docker", DOCKER), ("systemctl", SYSTEMCTL)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for name, text in (("containers", "c1\nc2\n"), ("main", "4711\n"), ("running", "")):
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def sleeper(host: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        (host / "processes").write_text(f"{process.pid}\n")
        yield process
        process.kill()


def on(host: Path, script: str) -> str:
    path = f"{host}:/usr/bin:/bin:/usr/sbin:/sbin"
    done = subprocess.run(
        ["sh", "-c", script],
        cwd=host, env={"PATH": path}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.stdout.strip()


def state(process: subprocess.Popen[bytes]) -> str:
    status = Path(f"/proc/{process.pid}/status").read_text()
    found = re.search(r"^State:\t(\w)", status, re.M)
    assert found
    return found[1]


def test_a_replica_freezes_and_thaws(host: Path, sleeper: subprocess.Popen[bytes]) -> None:
    assert on(host, FREEZE) == "acted"
    assert state(sleeper) == "T"
    on(host, THAW)
    assert state(sleeper) in "SR"


def test_where_no_replica_is_none_freezes(host: Path) -> None:
    (host / "containers").write_text("")
    (host / "processes").write_text("")
    assert on(host, FREEZE) == ""


@pytest.mark.parametrize("script", [KILL_ENGINE, KILL_EDGE, KILL_SOCKET])
@pytest.mark.parametrize(("deaf", "said"), [(False, "acted"), (True, "")])
def test_what_does_not_die_is_noticed(host: Path, script: str, deaf: bool, said: str) -> None:
    if deaf:
        (host / "deaf").touch()
    assert on(host, script.replace("seq 100", "seq 3").replace("seq 50", "seq 3")) == said


def cluster(said: str, *, rehearsed: bool = True) -> Cluster:
    """Return a cluster of one host, which says what it is told to say."""
    ended = SimpleNamespace(stdout=said, stderr="")
    connection = SimpleNamespace(run=lambda *_a, **_k: ended)
    spec = SimpleNamespace(domain="shop.example.org", stacks=("edge", "app"))
    workers = [SimpleNamespace(name="worker1")]
    inventory = SimpleNamespace(host=workers, workers=workers, cluster=spec)
    fleet = SimpleNamespace(all=lambda hosts, do: {host.name: do(connection) for host in hosts})
    swarm = SimpleNamespace(inventory=inventory, fleet=fleet, to=lambda _host: connection)
    made = Cluster(cast(provisioned.Cluster, swarm), rehearsed=False)
    made.rehearsed = rehearsed
    return made


@pytest.mark.parametrize(
    "act", [Faults.freeze_replica, Faults.kill_engine, Faults.kill_edge, Faults.kill_socket]
)
def test_a_fault_that_did_not_act_is_an_error(act: Callable[[Faults, str], None]) -> None:
    act(cluster("acted\n"), "worker1")
    with pytest.raises(OperatorError, match="on worker1"):
        act(cluster("no such container\n"), "worker1")


def test_a_service_without_a_replica_cannot_be_lost() -> None:
    cluster("4f9c\n").kill_service("services_orders")
    with pytest.raises(OperatorError, match=r"No replica of services_orders was killed"):
        cluster("").kill_service("services_orders")


@pytest.mark.parametrize("act", [Faults.lose_packets, Faults.mute])
@pytest.mark.parametrize("lost", [True, False])
def test_packets_that_are_not_lost_are_noticed(
    act: Callable[[Faults, str], None], lost: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = cluster("")
    managers = [SimpleNamespace(name="manager1")]
    monkeypatch.setattr(made.inventory, "managers", managers, raising=False)
    monkeypatch.setattr(lifecycle, "lose_packets", lambda *_: None)
    monkeypatch.setattr(lifecycle, "mute", lambda *_: None)
    monkeypatch.setattr(lifecycle, "packets_lost", lambda _: 3 if lost else 0)
    monkeypatch.setattr(faults, "ACTS", 0.3)
    if lost:
        act(made, "worker1")
        return
    with pytest.raises(OperatorError, match="did not act"):
        act(made, "worker1")


@pytest.mark.parametrize(("managers", "lost"), [(3, 2), (5, 3), (7, 4)])
def test_a_quorum_is_lost_with_the_leader_and_no_more_managers_than_that_takes(
    managers: int, lost: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone: list[str] = []
    monkeypatch.setattr(lifecycle, "crash", lambda *names: gone.extend(names))
    names = [f"manager{number}" for number in range(1, managers + 1)]
    made = cluster("")
    hosts = [SimpleNamespace(name=name) for name in names]
    monkeypatch.setattr(made.inventory, "managers", hosts, raising=False)
    made.lose_quorum("manager2")
    assert len(set(gone)) == len(gone) == lost
    assert "manager2" in gone
    assert managers - lost <= managers // 2, "the rest is no majority"
    assert managers - (lost - 1) > managers // 2, "one more would be"
    assert made.lost == gone


@pytest.mark.parametrize(
    "action",
    ["lose_packets", "mute", "lose_quorum", "silence_resolver", "stop_registry", "offer_release",
     "forbid_writes", "raise_successor", "hand_over", "take_connections",
     "give_small_disk", "lose_storage", "storm_sign_in"],
)  # fmt: skip
def test_what_is_for_a_rehearsal_only_is_done_nowhere_else(action: str) -> None:
    with pytest.raises(OperatorError, match="other than a rehearsal's"):
        getattr(cluster("acted", rehearsed=False), action)("worker1")


class Machine:
    """Stands for the guest with database and registry; `deaf`: nothing that is done to it takes."""

    def __init__(self, deaf: bool) -> None:
        self.deaf = deaf
        self.read_only = self.held = 0
        self.registry = self.resolver = True

    def run(self, script: str) -> str:
        if found := re.search(r"SET GLOBAL read_only = (\d)", script):
            self.read_only = 0 if self.deaf else int(found[1])
        if "SLEEP" in script and script.startswith("export"):
            self.held = 0 if self.deaf else cloud.FEWEST
        if found := re.search("kill -s (STOP|CONT) rehearsal-resolver", script):
            self.resolver = self.deaf or found[1] == "CONT"
        if script.startswith("host "):
            return "answers\n" if self.resolver else ""
        if script.endswith(successor.ASK):
            return f"0\n1\n{successor.WRITER}\n" if self.deaf else f"1\n0\n{SUCCESSOR}\n"
        if "systemctl stop rehearsal-registry" in script:
            self.registry = self.deaf
        if "KILL" in script:
            self.held = 0
        if "@@GLOBAL.read_only" in script:
            return f"{self.read_only}\n"
        if "COUNT(*)" in script:
            return f"{self.held}\n"
        if "SELECT id FROM" in script:
            return "7\n8\n" if self.held else ""
        if "SELECT 1" in script:
            return "ERROR 1040 (08004): Too many connections\n" if self.held else "1\n1\n"
        if "/v2/" in script:
            return "answers\n" if self.registry else ""
        return ""


URL = "mysql://bookstore:it's@database.test:3306/bookstore"
FAULTS: dict[str, Callable[[Machine], None]] = {
    "read only": lambda machine: cloud.forbid_writes(machine.run),
    "connections": lambda machine: cloud.take_connections(URL, machine.run, tries=2),
    "registry": lambda machine: cloud.stop_registry(machine.run),
    "resolver": lambda machine: cloud.silence_resolver(machine.run),
    "successor": lambda machine: successor.hand_over(machine.run),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_done_to_the_cloud_acts_or_is_an_error(fault: str) -> None:
    FAULTS[fault](Machine(deaf=False))
    with pytest.raises(OperatorError, match="the fault did not act"):
        FAULTS[fault](Machine(deaf=True))


def test_what_was_done_to_the_database_is_undone() -> None:
    machine = Machine(deaf=False)
    cloud.forbid_writes(machine.run)
    cloud.take_connections(URL, machine.run)
    assert (machine.read_only, machine.held) == (1, cloud.FEWEST)
    cloud.allow_writes(machine.run)
    cloud.give_connections(machine.run)
    assert (machine.read_only, machine.held) == (0, 0)


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        ("422\n" * 300 + "429\n" * 1500, ""),
        ("", "did not act: none"),
        ("429\n" * 1800, "did not act: 1800 times 429"),
        ("422\n" * 300 + "429\n" * 900, "did not act: 300 times 422, 900 times 429"),
        ("422\n" * 1000 + "429\n" * 800, "as it should be: 1000 times 422"),
        ("422\n" * 300 + "429\n" * 1500 + "303\n", "as it should be: 1 times 303, 300 times 422"),
        ("422\n" * 300 + "429\n" * 1500 + "503\n" * 2, "1500 times 429, 2 times 503"),
        ("422\n" * 300 + "429\n" * 1500 + "000\n", "as it should be: 1 times 000"),
    ],
)
def test_a_storm_of_sign_ins_is_many_tries_that_are_all_refused(answers: str, said: str) -> None:
    if not said:
        storm.look(lambda _: answers)
        return
    with pytest.raises(OperatorError, match=said):
        storm.look(lambda _: answers)


@pytest.mark.parametrize(("full", "acts"), [(3, True), (1000, False)])
def test_the_administrator_waits_for_connections_that_are_ended(
    full: int, acts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cloud, "PATIENCE", 5)
    monkeypatch.setattr("loadtest.drills.cloud.time.sleep", lambda _: None)
    machine, tries = Machine(deaf=False), iter(range(full))

    def run(script: str) -> str:
        if next(tries, None) is not None:
            raise cloud.FullError("Too many connections")
        return machine.run(script)

    if acts:
        cloud.forbid_writes(run)
        assert machine.read_only == 1
        return
    with pytest.raises(OperatorError, match="left for its administrator"):
        cloud.forbid_writes(run)


def test_connections_are_ended_also_where_the_administrator_has_to_wait_for_that() -> None:
    machine, refused = Machine(deaf=False), False

    def run(script: str) -> str:
        nonlocal refused
        if "KILL" in script and not refused:
            refused = True
            raise cloud.FullError("Too many connections")
        return machine.run(script)

    cloud.take_connections(URL, machine.run)
    cloud.give_connections(run)
    assert (refused, machine.held) == (True, 0)


def test_a_release_that_no_host_has_is_another_manifest_of_the_same_image() -> None:
    said: list[str] = []
    image = "registry.bookstore.test/bookstore:abc@sha256:12"

    def run(script: str) -> str:
        said.append(script)
        return ""

    cloud.offer_release(image, "next", run)
    assert "https://registry.bookstore.test/v2/bookstore/manifests/sha256:12 " in said[0]
    assert "https://registry.bookstore.test/v2/bookstore/manifests/next -X PUT" in said[0]
