"""Bring a backup back into an empty cluster, up to a moment; and prove that one can be."""

from __future__ import annotations

import shlex
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import urlsplit, urlunsplit

from provisioning.backups import catalogue
from provisioning.backups.catalogue import COVERS, DATABASE, LOGS, Taken
from provisioning.backups.database import Database, Position
from provisioning.backups.seal import opened
from provisioning.backups.taking import FOR_HOURS, Keeper, database_url, settings
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError

Say = Callable[[str], None]


def restore(cluster: Cluster, until: datetime | None, say: Say) -> None:
    """Fill an empty database and an empty folder of covers; refuse where either holds something."""
    keeper = Keeper(cluster, say)
    taken = catalogue.chosen(keeper.backups(), until)
    connection = cluster.manager()
    storage = shlex.quote(cluster.spec.storage_path)
    with Database.reached(connection, database_url(cluster)) as database:
        if not database.is_empty():
            raise OperatorError(
                f"The database {database.name} holds tables: a restore would mix two shops. Name "
                "an empty one as database_url_file, or drop it first."
            )
        if connection.run(f"ls -A {storage}/media 2>/dev/null", sudo=True, check=False).stdout:
            raise OperatorError(f"{cluster.spec.storage_path}/media is not empty: move it away.")
        if taken.position and taken.database != database.name:
            raise OperatorError(
                f"The binary logs speak of the database {taken.database}: restore into an empty "
                f"one of that name, not into {database.name}."
            )
        load(cluster, keeper, taken, database, say)
        moment = until or datetime.now(UTC)
        if taken.position and (logs := logs_after(cluster, keeper, taken.position, database)):
            database.replay(logs, taken.position, moment)
            say(f"  {len(logs)} binary logs are replayed until {moment:%Y-%m-%d %H:%M:%S} UTC")
    with fetched(cluster, keeper, f"{taken.name}/{COVERS}") as content:
        connection.run(
            f"tar --extract --directory {storage}",
            sudo=True,
            stdin=content,
            timeout=FOR_HOURS,
            shown="bring the covers back",
        )
    say("  the covers are back")
    say("Deploy now: ./run ops deploy")


def load(cluster: Cluster, keeper: Keeper, taken: Taken, database: Database, say: Say) -> None:
    """Load a backup into a database."""
    with fetched(cluster, keeper, f"{taken.name}/{DATABASE}") as content:
        database.load(content)
    say(f"  the database is as it was at {taken.at:%Y-%m-%d %H:%M:%S} UTC")


def logs_after(
    cluster: Cluster, keeper: Keeper, position: Position, database: Database
) -> list[str]:
    """Put the logs from a position on where they can be read, and list them."""
    logs = catalogue.since(position, catalogue.logs_in(keeper.store.names()))
    for name in logs:
        with fetched(cluster, keeper, f"{LOGS}/{name}.gz.age") as content:
            database.keep_log(name, content)
    return logs


@dataclass(frozen=True)
class Proof:
    """What a drill found: how much a disaster now would lose, and how long restoring takes."""

    loses: float
    takes: float
    tables: int
    rows: int


def drill(cluster: Cluster, say: Say) -> Proof:
    """Restore the newest backup beside the shop, compare it with what runs, and drop it again.

    Its tables, and the versions that they have, must be the shop's.
    """
    keeper = Keeper(cluster, say)
    taken = catalogue.chosen(keeper.backups(), None)
    began = time.monotonic()
    kept = keeper.store.names()
    logs = [kept[f"{LOGS}/{n}.gz.age"] for n in catalogue.logs_in(kept)] if taken.position else []
    loses = time.time() - max([taken.at.timestamp(), *logs])
    url = database_url(cluster)
    parts = urlsplit(url)
    scratch = f"{parts.path.lstrip('/')}_drill"
    connection = cluster.manager()
    beside = urlunsplit(parts._replace(path=f"/{scratch}"))
    with Database.reached(connection, beside) as copy:
        live = parts.path.lstrip("/")
        copy.ask(f"DROP DATABASE IF EXISTS `{scratch}`")
        copy.ask(f"CREATE DATABASE `{scratch}` CHARACTER SET utf8mb4")
        try:
            load(cluster, keeper, taken, copy, say)
            if taken.position and (after := logs_after(cluster, keeper, taken.position, copy)):
                # They are read, not replayed: what they say is said of the shop's own database.
                copy.read_through(after, taken.position, datetime.now(UTC))
                say(f"  {len(after)} binary logs after it can be read")
            with fetched(cluster, keeper, f"{taken.name}/{COVERS}") as content:
                connection.run(
                    "tar --list >/dev/null",
                    stdin=content,
                    timeout=FOR_HOURS,
                    shown="read the covers of the backup",
                )
            takes = time.monotonic() - began
            rows = _compare(copy, live, scratch)
        finally:
            copy.ask(f"DROP DATABASE IF EXISTS `{scratch}`")
    return Proof(loses, takes, len(rows), sum(rows.values()))


def _compare(database: Database, live: str, copy: str) -> dict[str, int]:
    """Return the copy's rows by table; raise when it is not what the shop was."""
    tables = {
        name: {
            row[0]
            for row in database.ask(
                "SELECT table_name FROM information_schema.tables "
                f"WHERE table_schema = '{name}' AND table_type = 'BASE TABLE'"
            )
        }
        for name in (live, copy)
    }
    if tables[live] != tables[copy] or not tables[copy]:
        differ = ", ".join(sorted(tables[live] ^ tables[copy])) or "there is none"
        raise OperatorError(f"The copy does not have the shop's tables: {differ}.")
    counts = {
        table: int(database.ask(f"SELECT COUNT(*) FROM `{copy}`.`{table}`")[0][0])
        for table in sorted(tables[copy])
    }
    for table in (t for t in tables[copy] if t.endswith("_version")):
        here, there = (database.ask(f"SELECT * FROM `{name}`.`{table}`") for name in (live, copy))
        if here != there:
            raise OperatorError(f"{table} is {there} in the copy and {here} in the shop.")
    return counts


@contextmanager
def fetched(cluster: Cluster, keeper: Keeper, name: str) -> Iterator[BinaryIO]:
    """Yield the content of what is kept under a name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, name.replace("/", "-"))
        keeper.store.get(name, file)
        with opened(file, settings(cluster).identity_file) as content:
            yield content
