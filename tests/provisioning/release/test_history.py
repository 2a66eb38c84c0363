"""Releases are found again, and what none of them needs is garbage."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import cast

import pytest

from provisioning.errors import OperatorError
from provisioning.release.history import (
    DONE,
    UNDONE,
    Release,
    find,
    garbage,
    interrupted,
    parse,
    read,
)
from provisioning.ssh.fleet import Fleet
from provisioning.ssh.transport import Connection
from tests.provisioning.conftest import Sshd


def test_garbage_keeps_what_runs_and_the_last_five_releases() -> None:
    def release(number: int) -> Release:
        secret = {"k": {"external": True, "name": f"bookstore_k_{number:012x}"}}
        stacks = {"app": {"services": {}, "secrets": secret}}
        return Release(number, "", "", "", stacks, outcome=DONE)

    releases = [release(n) for n in range(1, 8)]
    names = [f"bookstore_k_{n:012x}" for n in range(1, 9)]
    others = ["bookstore_certificate_000000000001", "theirs_k_000000000001", "bookstore_x"]
    found = garbage("bookstore", names + others, releases, [])
    assert found == [f"bookstore_k_{n:012x}" for n in (1, 2, 8)]


def test_rollback_finds_the_release_before_or_by_number() -> None:
    releases = [Release(n, "", "", "", {}, outcome=DONE) for n in (1, 2, 3)]
    assert find(releases, None).number == 2
    assert find(releases, 1).number == 1
    with pytest.raises(OperatorError, match=r"no release 9\. Known are: 1, 2, 3"):
        find(releases, 9)


def row(number: int, **changes: object) -> dict[str, object]:
    usual = {"number": number, "at": "", "who": "", "image": "", "stacks": {}, "named": ""}
    return usual | changes


@pytest.mark.parametrize(
    ("kept", "readable"),
    [
        (json.dumps(row(1)), True),
        (json.dumps(row(1, note="Ä" * 40)), True),
        (json.dumps(row(1))[:30], False),  # the connection was lost when it was written
        (json.dumps(row(1, pace="slow")), False),  # by the tools that another operator has
        ("[]", False),
        ("", False),
    ],
)
def test_a_release_that_cannot_be_read_is_named_with_its_cure(
    sshd: Sshd, fleet: Fleet, tmp_path: Path, kept: str, readable: bool
) -> None:
    data = base64.b64encode(kept.encode()).decode()
    (tmp_path / "docker").write_text(
        '#!/bin/sh\ncase "$2" in ls) echo one;; '
        f"inspect) echo 'bookstore_release_000001 \"{data}\"';; esac\n"
    )
    (tmp_path / "docker").chmod(0o755)
    connection = fleet.to(sshd.host())

    class Swarm:
        def run(self, command: str, **given: object) -> object:
            return connection.run(f"PATH={tmp_path}:$PATH\n{command}", shown="read")

    if readable:
        assert [r.number for r in read(cast(Connection, Swarm()), "bookstore")] == [1]
        return
    with pytest.raises(OperatorError, match="docker config rm bookstore_release_000001"):
        read(cast(Connection, Swarm()), "bookstore")


def test_a_release_without_an_end_was_interrupted() -> None:
    done = {"number": 1, "outcome": DONE, "specs": {"app_web": {}}}
    releases = parse([row(2), done, row(1)])
    assert [(r.number, r.outcome) for r in releases] == [(1, DONE), (2, "interrupted")]
    assert releases[0].specs == {"app_web": {}}
    assert interrupted(releases) == releases[1]
    assert str(releases[1]).endswith("interrupted")


def test_what_was_interrupted_or_taken_back_is_never_gone_back_to_unasked() -> None:
    def history(*outcomes: str) -> list[Release]:
        return [
            Release(n, "", "", "", {}, outcome=outcome) for n, outcome in enumerate(outcomes, 1)
        ]

    assert find(history(DONE, DONE, "interrupted"), None).number == 2
    assert find(history(DONE, DONE, UNDONE), None).number == 1
    assert find(history(DONE, UNDONE, "interrupted"), None).number == 1
    with pytest.raises(OperatorError, match="no earlier release"):
        find(history(DONE, UNDONE), None)


def test_garbage_counts_only_releases_that_were_carried_out() -> None:
    def release(number: int, outcome: str) -> Release:
        secret = {"k": {"external": True, "name": f"bookstore_k_{number:012x}"}}
        stacks = {"app": {"services": {}, "secrets": secret}}
        return Release(number, "", "", "", stacks, outcome=outcome)

    releases = [release(1, DONE), *(release(n, UNDONE) for n in range(2, 9))]
    assert garbage("bookstore", [f"bookstore_k_{n:012x}" for n in range(1, 9)], releases, []) == []
