"""Which backup fits a moment, which logs follow it, and what may go."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from provisioning.backups.catalogue import (
    Taken,
    chosen,
    covers_after,
    covers_file,
    log_file,
    logs_after,
    moment,
    outdated,
    read_manifest,
    since,
    stamp,
    wanted,
    whole,
)
from provisioning.backups.database import Position
from provisioning.errors import OperatorError

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def taken(hours: int) -> Taken:
    at = NOON + timedelta(hours=hours)
    dumped = at + timedelta(minutes=10)
    return Taken(stamp(at), at, "shop", Position("binlog.000002", 340), {"x": 1}, dumped, "one", 7)


def test_a_manifest_says_what_was_written() -> None:
    assert read_manifest(taken(0).dump()) == taken(0)
    row = json.loads(taken(0).dump())
    for newer in ("dumped", "server", "covers_from"):
        del row[newer]
    assert read_manifest(json.dumps(row).encode()).dumped == taken(0).at


def test_the_newest_backup_that_is_not_younger_is_chosen() -> None:
    backups = [taken(0), taken(6), taken(12)]
    assert chosen(backups, None) == taken(12)
    assert chosen(backups, NOON + timedelta(hours=11)) == taken(6)
    # What was dumped until ten minutes later may show what came after the moment.
    assert chosen(backups, NOON + timedelta(hours=6, minutes=9)) == taken(0)
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


def test_logs_have_numbers_and_no_alphabet() -> None:
    """One a minute makes a million in two years."""
    names = [log_file("a", f"binlog.{n}") for n in (1000000, 999999)]
    assert logs_after(names, "a") == ["binlog.999999", "binlog.1000000"]
    logs = ["binlog.999998", "binlog.999999", "binlog.1000000", "binlog.1000001"]
    assert since(Position("binlog.999999", 4), logs) == logs[1:]
    assert wanted(Position("binlog.999999", 4), Position("binlog.1000000", 9), logs) == logs[1:3]


def test_a_backup_without_its_manifest_is_none_and_old_ones_go() -> None:
    a, b, c, d = (stamp(NOON + timedelta(hours=n)) for n in range(4))
    names = [
        f"{a}/database.sql.gz.age", f"{a}/manifest.json", f"{b}/manifest.json",
        f"{c}/manifest.json", f"{d}/database.sql.gz.age", "theirs/manifest.json",
        log_file(a, "binlog.000001"), log_file(b, "binlog.000001"), log_file(b, "binlog.000002"),
        covers_file(b, 20), covers_file(b, 3),
    ]  # fmt: skip
    kept = dict.fromkeys(names, 1000.0)
    assert whole(names) == [a, b, c]
    assert [moment(n) for n in whole(names)] == [NOON + timedelta(hours=n) for n in range(3)]
    assert logs_after(names, b) == ["binlog.000001", "binlog.000002"]
    assert covers_after(names, b) == [3, 20]
    assert outdated(kept, 2, 500) == [
        f"{a}/manifest.json", f"{a}/database.sql.gz.age", log_file(a, "binlog.000001"),
    ]  # fmt: skip
    assert outdated(kept, 3, 500) == []


def test_what_is_left_of_a_backup_that_never_got_whole_goes_when_nobody_works_on_it() -> None:
    """Whatever else is kept there is not ours to delete."""
    cut, runs, done = (stamp(NOON + timedelta(hours=n)) for n in range(3))
    kept = {
        f"{cut}/database.sql.gz.age": 1000.0,
        f"{cut}/covers.tar.gz.age": 1001.0,
        f"{runs}/database.sql.gz.age": 1000.0,
        f"{runs}/covers.tar.gz.age": 5000.0,
        f"{done}/manifest.json": 1000.0,
        "letters/2026.txt": 1.0,
        "readme.txt": 1.0,
    }
    assert outdated(kept, 1, 2000) == [
        f"{cut}/database.sql.gz.age",
        f"{cut}/covers.tar.gz.age",
    ]
