"""Bring the tables of each context to the newest version: one Alembic chain a context.

Several replicas may start at once: one migrates while the others wait for its lock.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory

from bookstore.data.mysql import without_tls
from bookstore.settings import Settings

LOCK_SECONDS = 300


def migrate(settings: Settings) -> list[str]:
    """Migrate every context that this process serves; return what was done, one line each."""
    return [line for name in settings.contexts for line in _migrate(name, settings)]


def _migrate(context: str, settings: Settings) -> list[str]:
    engine = sync_engine(settings.database_url_of(context))
    script = ScriptDirectory(str(Path(__file__).parent / context))
    done: list[str] = []

    def steps(revision: Any, migration: Any) -> Any:
        todo = script._upgrade_revs("head", revision)
        done.extend(f"{context}: {step.revision.revision} {step.revision.doc}" for step in todo)
        return todo

    with _locked(engine), engine.connect() as connection:
        with EnvironmentContext(Config(), script, fn=steps) as environment:
            environment.configure(
                connection=connection, version_table=f"{context}_version", transactional_ddl=False
            )
            environment.run_migrations()
        connection.commit()
    engine.dispose()
    return done


def sync_engine(url: str) -> sa.Engine:
    """Return an engine for a database's URL, of the synchronous driver of its kind."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return sa.create_engine(url, poolclass=sa.NullPool)
    plain, tls = without_tls(url)
    parts = urlsplit(plain)
    query = {"charset": "utf8mb4", **dict(parse_qsl(parts.query))}
    return sa.create_engine(
        urlunsplit(parts._replace(scheme="mysql+pymysql", query=urlencode(query))),
        poolclass=sa.NullPool,
        connect_args={} if tls is None else {"ssl": tls},
    )


@contextmanager
def _locked(engine: sa.Engine) -> Iterator[None]:
    if engine.dialect.name == "sqlite":
        with open(f"{engine.url.database}.migrating", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield
        return
    with engine.connect() as connection:
        taken = connection.scalar(
            sa.text("SELECT GET_LOCK('bookstore migration', :seconds)"), {"seconds": LOCK_SECONDS}
        )
        if not taken:
            raise TimeoutError(f"another replica has been migrating for {LOCK_SECONDS} s")
        try:
            yield
        finally:
            connection.execute(sa.text("SELECT RELEASE_LOCK('bookstore migration')"))
