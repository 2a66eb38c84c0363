"""What an operator reads and does with `./run ops autoscaler …`."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from provisioning.cli import autoscaler as cli
from provisioning.errors import OperatorError
from provisioning.ssh.transport import Connection, Result
from tests.swarm.engine import Engine

NOW = datetime(2026, 11, 24, 6, 0, 30, tzinfo=UTC)
REASON = "Stays at 2: in_flight 7 in all is 3.5 per replica, target 4, asks for 2."


class Manager:
    """A manager's shell: answers as recorded, remembers what was changed."""

    def __init__(self, engine: Engine, log: list[dict[str, Any]] | None) -> None:
        self.engine = engine
        self.log = log
        self.changes: list[str] = []

    def run(self, command: str, *, sudo: bool = False, check: bool = True) -> Result:
        assert sudo
        if command.startswith("docker service ls"):
            return Result(0, json.dumps(self.engine.services), "")
        if command.startswith("docker service logs"):
            lines = "".join(json.dumps(entry) + "\n" for entry in self.log or [])
            return Result(0 if self.log is not None else 1, f"a warning\n{lines}", "")
        self.changes.append(command)
        return Result(0, "", "")


def entry(seconds: int = 0, **fields: object) -> dict[str, Any]:
    """Make a line of the autoscaler's log."""
    moment = (NOW - timedelta(seconds=seconds)).isoformat()
    usual = {"service": "app_web", "action": "stays", "reason": REASON}
    return {"time": moment} | usual | fields


@pytest.fixture
def manager() -> Manager:
    engine = Engine()
    engine.label(min="2", max="12", measure="in_flight", target="4")
    return Manager(engine, [entry(40), entry(10)])


def connection(manager: Manager) -> Connection:
    return cast(Connection, manager)


def status(manager: Manager) -> tuple[str, bool]:
    there = connection(manager)
    return cli.show_status(cli.services(there), cli.journal(there), NOW)


def test_status(manager: Manager) -> None:
    assert status(manager) == (
        "app_web: 2 replicas, of 2 to 12, aiming at in_flight 4 per replica\n"
        f"  06:00:20 UTC  stays        {REASON}",
        True,
    )


def test_status_says_when_the_autoscaler_is_silent(manager: Manager) -> None:
    manager.log = [entry(91)]
    text, healthy = status(manager)
    assert text.startswith("The autoscaler has said nothing since 05:58:59 UTC.")
    assert not healthy


def test_status_says_when_a_label_is_wrong(manager: Manager) -> None:
    manager.engine.label(target="lots")
    text, healthy = status(manager)
    assert text.startswith("app_web: left alone. bookstore.autoscale.target=lots is no target")
    assert not healthy


def test_without_an_autoscaler_it_says_how_to_get_one(manager: Manager) -> None:
    manager.log = None
    with pytest.raises(OperatorError, match=r"\./run ops deploy"):
        status(manager)


def test_explain_shows_the_last_decisions(manager: Manager) -> None:
    service = cli.named(cli.services(connection(manager)), "app_web")
    text = cli.show_entries(service, cli.journal(connection(manager)))
    assert len(text.splitlines()) == 2
    assert cli.show_entries(service, []).endswith("about app_web yet.")


def test_pause_and_resume(manager: Manager) -> None:
    there = connection(manager)
    assert cli.hold(there, "app_web", pause=True).startswith("app_web stays at 2 replicas until")
    manager.engine.label(pause="true")
    assert cli.hold(there, "app_web", pause=True) == "app_web is paused already."
    assert "paused" in status(manager)[0]
    assert cli.hold(there, "app_web", pause=False) == "app_web is scaled again."
    assert [change.rpartition(" --detach ")[2] for change in manager.changes] == [
        "--label-add bookstore.autoscale.pause=true app_web",
        "--label-rm bookstore.autoscale.pause app_web",
    ]


def test_no_change_during_a_rollout(manager: Manager) -> None:
    manager.engine.service("app_web")["UpdateStatus"] = {"State": "updating"}
    with pytest.raises(OperatorError, match="a rollout is under way"):
        cli.hold(connection(manager), "app_web", pause=True)
    assert not manager.changes


def test_an_unknown_service_is_answered_with_those_there_are(manager: Manager) -> None:
    with pytest.raises(OperatorError, match=r"no service web .* Services with them: app_web\."):
        cli.hold(connection(manager), "web", pause=True)
