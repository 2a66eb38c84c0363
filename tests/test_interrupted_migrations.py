"""Migrations that are interrupted before any of their statements, and then run again."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bookstore.migrations import migrate, sync_engine
from tests.conftest import settings_for
from tests.support.mariadb import ENGINES


@pytest.fixture(params=ENGINES)
def new_urls(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Two databases without tables."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/one.db", f"sqlite:///{tmp_path}/two.db"
    server = request.getfixturevalue("mariadb")
    return server.create_database("whole"), server.create_database("broken")


class Killed(BaseException):
    """The process is gone."""


@contextmanager
def killed_before_a_new_statement(seen: set[str]) -> Iterator[None]:
    """Let the process die before the first change that is not among those `seen` before."""

    def look(*event: Any) -> None:
        text: str = event[2]
        if text.lstrip().upper().startswith(("SELECT", "SHOW", "PRAGMA", "DESCRIBE")):
            return
        if text not in seen:
            seen.add(text)
            raise Killed

    sa.event.listen(sa.Engine, "before_cursor_execute", look)
    try:
        yield
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", look)


def _parts(statement: str) -> list[str]:
    """Return the parts of a CREATE statement in one order: that of keys is left to chance."""
    return sorted(line.strip(" \t,") for line in statement.splitlines())


def shape(url: str) -> dict[str, Any]:
    """Return everything that describes the tables of a database, and their versions."""
    engine = sync_engine(url)
    found: dict[str, Any] = {}
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            rows = connection.execute(sa.text("SELECT name, sql FROM sqlite_master"))
            found.update((name, _parts(sql or "")) for name, sql in rows)
        else:
            for name in connection.scalars(sa.text("SHOW TABLES")).all():
                made: str = connection.execute(sa.text(f"SHOW CREATE TABLE {name}")).one()[1]
                found[name] = _parts(made)
        for context in ("accounts", "catalogue", "orders"):
            found[f"version of {context}"] = connection.scalar(
                sa.text(f"SELECT version_num FROM {context}_version")
            )
    engine.dispose()
    return found


@pytest.mark.timeout(400)
def test_migrations_converge_wherever_they_are_interrupted(
    new_urls: tuple[str, str], tmp_path: Path
) -> None:
    whole, broken = (settings_for(url, tmp_path) for url in new_urls)
    migrate(whole)
    seen: set[str] = set()
    deaths = 0
    for context in broken.contexts:
        alone = broken.model_copy(update={"contexts": (context,)})
        while True:
            try:
                with killed_before_a_new_statement(seen):
                    migrate(alone)
                break
            except (Killed, sa.exc.PendingRollbackError):  # Alembic tidied up on the way
                deaths += 1
    assert deaths == len(seen) > 60
    assert shape(new_urls[1]) == shape(new_urls[0])
    assert migrate(broken) == []


def test_tables_of_somebody_else_are_not_taken_over(
    new_urls: tuple[str, str], tmp_path: Path
) -> None:
    engine = sync_engine(new_urls[0])
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE books (id INTEGER PRIMARY KEY)"))
    engine.dispose()
    with pytest.raises(sa.exc.OperationalError, match="already exists"):
        migrate(settings_for(new_urls[0], tmp_path))


def test_a_first_start_that_is_broken_off_can_be_repeated(
    new_urls: tuple[str, str], tmp_path: Path
) -> None:
    environment = {key: value for key, value in os.environ.items() if "BOOKSTORE" not in key}
    environment["BOOKSTORE_DATABASE_URL"] = new_urls[1]
    command = [sys.executable, "-m", "bookstore", "migrate"]
    migrate(settings_for(new_urls[0], tmp_path))
    for wait, how in ((0.8, signal.SIGINT), (1.0, signal.SIGKILL), (1.2, signal.SIGKILL)):
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        time.sleep(wait)
        process.send_signal(how)
        process.wait(timeout=60)
    subprocess.run(command, env=environment, check=True, timeout=120)
    assert shape(new_urls[1]) == shape(new_urls[0])
