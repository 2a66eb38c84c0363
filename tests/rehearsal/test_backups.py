"""A shop that is lost with its database and covers, and comes back with all that it promised."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyrage
import pytest

from loadtest.evidence import recorder
from loadtest.evidence.ledger.audit import compare
from loadtest.ladder.steps import Swarm
from loadtest.locust_process import Load, run, start
from provisioning.cluster import Cluster
from provisioning.inventory import load
from provisioning.rehearsal import guests
from provisioning.rehearsal.authority import write_secret
from provisioning.rehearsal.layout import CLOUD, DATABASE, INVENTORY
from provisioning.release.outside import Outside
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.redaction import Redactor
from tests.rehearsal.operator import ROOT, on, ops

pytestmark = [
    pytest.mark.nightly,
    pytest.mark.rehearsal,
    pytest.mark.timeout(3000),
    pytest.mark.usefixtures("two_workers"),
]
LOGS_EVERY = 5  # seconds
ORDERS = 30  # confirmed, before it may end badly
ROUND = 60  # seconds that people shop at a time
ROUNDS = 15  # at most: on a busy machine few get through
# As a managed database is that can be restored to a moment, and a user who may dump it.
KEEPER = """
mariadb -e "CREATE OR REPLACE USER keeper@'%' IDENTIFIED BY 'kept'; GRANT ALL ON *.* TO keeper@'%'"
"""
WITH_LOGS = (
    "printf '[mariadbd]\\nlog-bin = binlog\\nserver-id = 1\\n' "
    "> /etc/mysql/mariadb.conf.d/99-log.cnf; systemctl restart mariadb"
)
# The disks are gone: what comes in its place is a server that has never seen a shop.
ANOTHER_SERVER = """
systemctl kill --signal=KILL mariadb || true
systemctl stop mariadb
rm -rf /var/lib/mysql/*
mariadb-install-db --user=mysql --datadir=/var/lib/mysql >/dev/null
systemctl start mariadb
"""
TASKS = "docker ps -q --filter label=com.docker.swarm.task.id"
COVERS = "find /srv/bookstore/media -type f | sort"


def database_programs(host: str) -> None:
    """Give a host the database's client programs, which its mirror has not."""
    programs = "usr/bin/mariadb usr/bin/mariadb-dump usr/bin/mariadb-binlog"
    libraries = f"$(cd / && ldd {programs} | sed -n 's/.*=> \\/\\([^ ]*\\).*/\\1/p' | sort -u)"
    packed = subprocess.run(
        guests.shell(CLOUD, f"tar -C / -chf - {programs} {libraries}"),
        capture_output=True,
        check=True,
        timeout=300,
    ).stdout
    there = guests.shell(host, "tar -C / --skip-old-files -xf -")
    subprocess.run(there, input=packed, check=True, timeout=300)


@contextmanager
def watched(log: Path) -> Iterator[None]:
    """Let `backup --watch` run, from its first backup on, whatever becomes of the shop."""
    words = ["backup", "--watch", "--logs-every", str(LOGS_EVERY), "--inventory", str(INVENTORY)]
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", "provisioning", *words],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            wait_until(lambda: "sealed" in log.read_text() or process.poll() is not None)
            assert process.poll() is None, log.read_text()
            yield
            assert process.poll() is None, log.read_text()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(120)
            print(log.read_text())


def wait_until(condition: Callable[[], object], seconds: float = 600) -> None:
    """Wait for something that takes as long as it takes."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """Where backups go, as the inventory says for the time of a test."""
    on(CLOUD, WITH_LOGS)
    on(CLOUD, KEEPER)
    for host in load(INVENTORY).managers:
        database_programs(host.name)
    identity = pyrage.x25519.Identity.generate()
    write_secret(tmp_path / "identity", str(identity))
    write_secret(tmp_path / "url", f"mysql://keeper:kept@{DATABASE}:3306/bookstore")
    text = INVENTORY.read_text()
    table = (
        f'[backup]\nto = "{tmp_path}/kept"\nrecipients = ["{identity.to_public()}"]\n'
        f'identity_file = "{tmp_path}/identity"\ndatabase_url_file = "{tmp_path}/url"\n\n'
    )
    INVENTORY.write_text(text.replace("[ssh]\n", f"{table}[ssh]\n", 1))
    yield tmp_path / "kept"
    INVENTORY.write_text(text)


def people(swarm: Swarm, scenario: str, seconds: int, name: str) -> Load:
    """Describe people who use the shop for a while."""
    door = swarm.entrance
    return Load(
        *(scenario, door.url, 16, seconds, 4),
        authority=door.authority,
        resolve=door.resolve,
        seed=f"backups: {name}",
        more=() if scenario == "selling" else ("Buyer", "Seller"),
    )


def orders(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """List the orders that were confirmed to buyers."""
    return [e for e in entries if e["what"] == "told" and e["kind"] == "order"]


def shop_until_enough(swarm: Swarm, folder: Path) -> list[dict[str, Any]]:
    """Let people sell and buy until so many orders are confirmed; return what was promised."""
    entries: list[dict[str, Any]] = []
    for number in range(ROUNDS):
        place = folder / f"round-{number}"
        place.mkdir(parents=True)
        scenario = "shopping" if number else "selling"
        run(people(swarm, scenario, ROUND, place.name), place)
        entries += recorder.read(place, "ledger")
        print(f"{place.name}, {scenario}: {len(orders(entries))} orders are confirmed")
        if number and len(orders(entries)) >= ORDERS:
            break
    return entries


def kept_until(place: Path) -> float:
    """Return a moment before which all is in a binary log that is kept.

    A log is closed by the look after the one that kept the log before it.
    """
    newest = max(place.glob("*/manifest.json")).parent
    return sorted(file.stat().st_mtime for file in newest.glob("log.*"))[-2]


def promised(entries: list[dict[str, Any]], until: float) -> list[dict[str, Any]]:
    """Leave out what was promised later: of that only that it was asked for explains a row."""
    return [e for e in entries if e["t"] < until or e["what"] in ("asked", "unheard")]


class Clock:
    """Watches from outside, from a disaster on, when every edge gives a good answer."""

    def __init__(self, fleet: Fleet) -> None:
        self._outside = Outside(Cluster(load(INVENTORY), fleet))
        self._stop = threading.Event()
        self.served = 0.0
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Clock:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(0.5):
            answers = self._outside.look().values()
            if all(not isinstance(a, Exception) and a.good and a.status == 200 for a in answers):
                self.served = time.time()
                return


def lose_everything() -> None:
    """Lose the services, the database with its server's disk, and the covers."""
    on(CLOUD, ANOTHER_SERVER)
    on(CLOUD, KEEPER)
    on("manager1", "docker stack rm autoscaler app edge >/dev/null")
    for host in load(INVENTORY).host:
        wait_until(lambda name=host.name: not on(name, TASKS).strip())  # type: ignore[misc]
    on("manager1", "find /srv/bookstore/media -mindepth 1 -delete")


def test_a_lost_shop_comes_back_with_all_that_it_promised(place: Path, tmp_path: Path) -> None:
    with Fleet((), Redactor()) as fleet, watched(tmp_path / "log"):
        swarm = Swarm(fleet)
        entries = shop_until_enough(swarm, tmp_path)
        assert len(orders(entries)) >= ORDERS
        drill = ops("drill", "restore", timeout=1200)
        assert drill.status == 0
        assert re.search(r"^RPO \d+ s.*\nRTO \d+ s", drill.text, re.M)

        last = tmp_path / "last"
        last.mkdir()
        with start(people(swarm, "shopping", 300, "last"), last):
            before = len(list(place.glob("*/log.*")))
            wait_until(lambda: len(list(place.glob("*/log.*"))) >= before + 4)
            wait_until(lambda: recorder.read(last, "ledger"))
            disaster = time.time()
            lose_everything()
        entries += recorder.read(last, "ledger")
        kept = min(kept_until(place), float(int(disaster)))

        with Clock(fleet) as clock:
            until = datetime.fromtimestamp(disaster, UTC).isoformat(timespec="seconds")
            assert ops("restore", "--until", until, "--yes", timeout=1200).status == 0
            restored = time.time()
            deployed = ops("deploy", "--yes", timeout=1200)
            wait_until(lambda: clock.served)
        assert deployed.status == 0
        sure = promised(entries, kept)
        with swarm.urls() as urls:
            audit = compare(sure, urls)
            everything = compare(entries, urls, patience=0)
        lost = everything.by_kind["lost"]
        print(
            f"{audit.counts}\nconfirmed before the last kept log: {len(orders(sure))} of "
            f"{len(orders(entries))} orders; promises of the last seconds that are lost: {lost}\n"
            f"RPO {disaster - kept:.1f} s at most: from the end of what is kept for sure\n"
            f"database and covers back after {restored - disaster:.0f} s\n"
            f"RTO {clock.served - disaster:.0f} s: until every edge gave a good answer"
        )
        assert audit.counts["orders confirmed to buyers"] >= ORDERS
        assert not audit.findings
        # The server is another, whose binary logs follow no backup of the lost one.
        wait_until(lambda: len(list(place.glob("*/manifest.json"))) == 2)
        wait_until(lambda: len(list(max(place.glob("*/manifest.json")).parent.glob("log.*"))) >= 2)
    assert ops("drill", "restore", timeout=1200).status == 0
