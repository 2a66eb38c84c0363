"""Whole commands, as an operator types them: over a real sshd, with a stand-in for the engine."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from provisioning.cli.main import main
from provisioning.doctor import report
from provisioning.doctor.findings import Examination
from tests.provisioning.conftest import Account, Sshd
from tests.provisioning.factories import KEY
from tests.provisioning.setup.test_plan import joined

RECORDED = Path(__file__).parents[2] / "swarm" / "recorded"
DOCKER = """#!/bin/bash
cd /usr/local/bin
echo "$*" >> asked
case "$*" in
    "node ls --format"*) echo Leader ;;
    "node ls -q"|"service ls -q"|"service ps"*) echo one ;;
    "node inspect"*) cat nodes.json ;;
    "service inspect"*) cat services.json ;;
    "inspect --type task"*) cat tasks.json ;;
    "service logs"*) echo first; echo second; exit $(cat status) ;;
esac
"""
INVENTORY = """
[cluster]
domain = "shop.example.com"
acme_email = "ops@example.com"
image = "registry.test/bookstore:1"
storage = "path:/srv/bookstore"
database_url_file = "database_url"
"""


class Swarm:
    """A manager that answers, and a worker that does not."""

    def __init__(self, sshd: Sshd, folder: Path, engine: Path) -> None:
        self.engine = engine
        self.inventory = folder / "cluster.toml"
        rows = [
            ("manager1", "10.77.0.101", sshd.port, sshd.host_key),
            ("worker1", "10.77.0.201", 1, KEY),
        ]
        tables = [
            f'[[host]]\nname = "{name}"\nrole = "{name[:-1]}"\naddress = "127.0.0.1"\n'
            f'private_address = "{private}"\nport = {port}\nuser = "oper"\n'
            f'key_file = "{sshd.client_key}"\nhost_key = "{key}"\n'
            for name, private, port, key in rows
        ]
        self.inventory.write_text("\n".join([INVENTORY, *tables]))

    def change(self, what: str, change: Callable[[list[Any]], None]) -> None:
        """Change what the engine says."""
        file = self.engine / f"{what}.json"
        rows = json.loads(file.read_text())
        change(rows)
        file.write_text(json.dumps(rows))

    def ops(self, *words: str) -> int:
        """Run a command; return its status."""
        return main([*words, "--inventory", str(self.inventory)])

    @property
    def asked(self) -> list[str]:
        """List what the engine was asked."""
        return (self.engine / "asked").read_text().splitlines()


@pytest.fixture
def swarm(start_sshd: Callable[..., Sshd], tmp_path: Path) -> Swarm:
    """Give the swarm, and an inventory that leads to it."""
    engine = tmp_path / "engine"
    engine.mkdir()
    (engine / "docker").write_text(DOCKER)
    (engine / "docker").chmod(0o755)
    for name in ("apt-get", "apt-mark"):
        (engine / name).write_text("#!/bin/sh\n")
        (engine / name).chmod(0o755)
    (engine / "status").write_text("0")
    for name in ("nodes", "services", "tasks"):
        (engine / f"{name}.json").write_text((RECORDED / f"{name}.json").read_text())
    sshd = start_sshd(account=Account(before=f"mount --bind {engine} /usr/local/bin"))
    return Swarm(sshd, tmp_path, engine)


def lose_worker1(nodes: list[Any]) -> None:
    for node in nodes:
        if node["Description"]["Hostname"] == "worker1":
            node["Status"]["State"] = "down"


def test_logs_prints_lines(swarm: Swarm, capsys: pytest.CaptureFixture[str]) -> None:
    assert swarm.ops("logs") == 0
    assert capsys.readouterr().out == "first\nsecond\n"
    assert swarm.ops("logs", "--since", "2026-11-25T16:00:00+02:00", "--tail", "5") == 0
    asked = [line for line in swarm.asked if line.startswith("service logs")]
    assert asked == [
        "service logs --tail 100 app_web",
        "service logs --tail 5 --since 2026-11-25T14:00:00Z app_web",
    ]


def test_logs_of_what_is_left_when_a_host_is_dead(
    swarm: Swarm, capsys: pytest.CaptureFixture[str]
) -> None:
    (swarm.engine / "status").write_text("1")
    assert swarm.ops("logs") == 1
    assert "docker service logs ended with 1" in capsys.readouterr().err
    swarm.change("nodes", lose_worker1)
    assert swarm.ops("logs") == 0
    said = capsys.readouterr()
    assert said.out == "first\nsecond\n"
    assert "What worker1 wrote is missing" in said.err


def test_a_plan_that_could_not_ask_a_host_is_no_success(
    swarm: Swarm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert swarm.ops("plan") == 1
    said = capsys.readouterr().out
    assert "worker1 is left as it is, for it cannot be asked" in said
    assert "refuses connections" in said
    assert "Errno" not in said


def test_an_upgrade_leaves_a_dead_host_alone_and_says_so(
    swarm: Swarm, capsys: pytest.CaptureFixture[str]
) -> None:
    assert swarm.ops("upgrade", "--dry-run") == 1
    assert "Not looked at: worker1" in capsys.readouterr().err


def test_what_the_doctor_did_not_see_is_not_ok(
    swarm: Swarm, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = Examination(joined(), lost={"worker1": "no answer"})
    monkeypatch.setattr(report, "look", lambda cluster, say: seen)
    assert swarm.ops("doctor") == 1
    lines = capsys.readouterr().out.splitlines()
    said = {line[3:]: line[:2] for line in lines if line[:2] in ("ok", "??", "!!", "i ")}
    assert said["clocks agree (not examined: worker1)"] == "??"
    assert said["every host can be reached over SSH"] == "!!"
