"""Bring the tables of each context to the newest version: one Alembic chain a context.

Several replicas may start at once: one migrates while the others wait for its lock.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import pymysql
import sqlalchemy as sa
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import ScriptDirectory

from bookstore.data.drivers import without_tls
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
        newer = list(script.iterate_revisions("head", revision))[::-1]
        done.extend(f"{context}: {step.revision} {step.doc}" for step in newer)
        return [MigrationStep.upgrade_from_script(script.revision_map, step) for step in newer]

    version_table = f"{context}_version"
    try:
        with _locked(engine), _connection(engine, version_table) as connection:
            with EnvironmentContext(Config(), script, fn=steps) as environment:
                environment.configure(
                    connection=connection, version_table=version_table, transactional_ddl=False
                )
                environment.run_migrations()
            connection.commit()
    finally:
        engine.dispose()
    return done


def _connection(engine: sa.Engine, version_table: str) -> sa.Connection:
    """Connect for migrations. On SQLite they are one transaction. MySQL takes each change of a
    table for good at once: where migrations began before and were interrupted, perhaps, what they
    have changed already is passed over."""
    connection = engine.connect()
    if engine.dialect.name == "mysql" and sa.inspect(connection).has_table(version_table):
        raw: Any = connection.connection.dbapi_connection
        raw.cursorclass = _PassingOver
    return connection


class _PassingOver(pymysql.cursors.Cursor):
    """A cursor that passes over changes of tables that are made already."""

    def execute(self, query: str, args: Any = None) -> int:
        try:
            return super().execute(query, args)
        except pymysql.err.MySQLError as error:
            if error.args[0] in _MADE or (
                error.args[0] == _NO_SUCH_COLUMN and query.lstrip().upper().startswith("ALTER")
            ):
                return 0
            raise


# Table, column, index, or foreign key exists; index, or table, to drop is gone.
_MADE = {1050, 1060, 1061, 1826, 1091, 1051}
_NO_SUCH_COLUMN = 1054  # one that was renamed


def sync_engine(url: str) -> sa.Engine:
    """Return an engine for a database's URL, of the synchronous driver of its kind."""
    if url.startswith("sqlite"):
        path = url.removeprefix("sqlite:///")
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        # Without autocommit, statements that change tables belong to the transaction as well.
        return sa.create_engine(url, poolclass=sa.NullPool, connect_args={"autocommit": False})
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
