"""Migrations on both engines, also when several replicas start at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from bookstore.migrations import migrate, sync_engine
from tests.conftest import settings_for
from tests.support.mariadb import ENGINES_AND_DRIVERS, with_driver


@pytest.fixture(params=ENGINES_AND_DRIVERS)
def new_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/new.db"
    return with_driver(request.getfixturevalue("mariadb").create_database("fresh"), request.param)


def tables(url: str) -> set[str]:
    engine = sync_engine(url)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_the_second_time_there_is_nothing_to_do(new_url: str, tmp_path: Path) -> None:
    settings = settings_for(new_url, tmp_path)
    assert migrate(settings) != []
    assert migrate(settings) == []


def test_each_context_migrates_its_own_tables(new_url: str, tmp_path: Path) -> None:
    migrate(settings_for(new_url, tmp_path, contexts="accounts"))
    assert "people" in tables(new_url)
    assert not {"books", "orders"} & tables(new_url)


def test_three_replicas_that_start_at_once(new_url: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if "BOOKSTORE" not in key}
    environment["BOOKSTORE_DATABASE_URL"] = new_url
    replicas = [
        subprocess.Popen(
            [sys.executable, "-m", "bookstore", "migrate"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for _replica in range(3)
    ]  # fmt: skip
    outputs = [replica.communicate(timeout=60)[0] for replica in replicas]
    assert [replica.returncode for replica in replicas] == [0, 0, 0], outputs
    # Each step is taken once, by whichever replica came first to it.
    taken = [line for output in outputs for line in output.splitlines() if "nothing" not in line]
    alone = migrate(settings_for(f"sqlite:///{tmp_path}/alone.db", tmp_path))
    assert sorted(taken) == sorted(alone)
