"""Which backup fits a moment, which logs follow it, and what may go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from provisioning.backups.catalogue import (
    Taken,
    chosen,
    logs_in,
    outdated,
    read_manifest,
    since,
    stamp,
    whole,
)
from provisioning.backups.database import Position
from provisioning.errors import OperatorError

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def taken(hours: int) -> Taken:
    at = NOON + timedelta(hours=hours)
    return Taken(stamp(at), at, "shop", Position("binlog.000002", 340), {"x": 1})


def test_a_manifest_says_what_was_written() -> None:
    assert read_manifest(taken(0).dump()) == taken(0)


def test_the_newest_backup_that_is_not_younger_is_chosen() -> None:
    backups = [taken(0), taken(6), taken(12)]
    assert chosen(backups, None) == taken(12)
    assert chosen(backups, NOON + timedelta(hours=11)) == taken(6)
    with pytest.raises(OperatorError, match=r"before 2026-11-25 11:00:00.*2026-11-25T120000Z"):
        chosen(backups, NOON - timedelta(hours=1))
    with pytest.raises(OperatorError, match="no whole backup yet"):
        chosen([], None)


def test_logs_follow_each_other_or_a_gap_is_named() -> None:
    start = Position("binlog.000002", 340)
    assert since(start, [f"binlog.00000{n}" for n in (1, 2, 3)]) == [
        "binlog.000002",
        "binlog.000003",
    ]
    assert since(start, []) == []
    with pytest.raises(OperatorError, match="000003 is not among"):
        since(start, ["binlog.000002", "binlog.000004"])
    with pytest.raises(OperatorError, match="000002 is not among"):
        since(start, ["binlog.000003"])


def test_a_backup_without_its_manifest_is_none_and_old_ones_go() -> None:
    names = [
        "a/database.sql.gz.age", "a/manifest.json", "b/manifest.json", "c/manifest.json",
        "d/database.sql.gz.age", "logs/binlog.000001.gz.age", "logs/binlog.000002.gz.age",
    ]  # fmt: skip
    assert whole(names) == ["a", "b", "c"]
    assert logs_in(names) == ["binlog.000001", "binlog.000002"]
    assert outdated(names, 2, Position("binlog.000002", 4)) == [
        "a/manifest.json", "a/database.sql.gz.age", "logs/binlog.000001.gz.age",
    ]  # fmt: skip
    assert outdated(names, 3, None) == []
