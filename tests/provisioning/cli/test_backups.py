"""What follows the restoring of database and covers."""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any, cast

import pytest

from provisioning import lock
from provisioning.backups import restoring
from provisioning.cli import backups
from provisioning.release import history
from provisioning.release.history import DONE, Release
from swarm.model import Service
from tests.provisioning.factories import service, task

RELEASE = Release(4, "", "", "shop:1", {"app": {"services": {}}}, outcome=DONE)


@pytest.mark.parametrize(
    ("releases", "services", "then"),
    [
        ([RELEASE], (service(task()),), ["restored", "migrated for 4", "Release 4 runs"]),
        ([RELEASE], (), ["restored", "Deploy now: ./run ops deploy"]),
        ([], (), ["restored", "Deploy now: ./run ops deploy"]),
    ],
)
def test_what_runs_gets_the_tables_that_it_knows(
    releases: list[Release],
    services: tuple[Service, ...],
    then: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    done: list[str] = []
    monkeypatch.setattr(lock, "exclusive", lambda *_: nullcontext())
    monkeypatch.setattr(lock, "recorded", lambda *_: nullcontext())
    monkeypatch.setattr(backups, "hide_secrets", lambda _: None)
    monkeypatch.setattr(history, "read", lambda *_: releases)
    monkeypatch.setattr(restoring, "restore", lambda *_: done.append("restored"))
    monkeypatch.setattr(
        backups, "migrate", lambda _, release, say: done.append(f"migrated for {release.number}")
    )
    monkeypatch.setattr("provisioning.cli.commands.sayer", lambda *_, **__: done.append)
    cluster = SimpleNamespace(
        name="shop", manager=lambda: None, services=lambda: services, redact=str
    )
    monkeypatch.setattr("provisioning.cli.commands.confirm", lambda *_: None)
    args = argparse.Namespace(file=None, until=None, dry_run=False, json=False, yes=True)
    backups._restore(cast(Any, cluster), args)
    assert [said.partition(",")[0] for said in done] == then
