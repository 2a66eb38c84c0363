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
from provisioning.backups.catalogue import COVERS, DATABASE, Taken
from provisioning.backups.database import UNFINISHED, Database
from provisioning.backups.seal import opened
from provisioning.backups.taking import FOR_HOURS, Keeper, database_url, settings
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError

PART = ".restoring"  # where covers wait until all of them are there

Say = Callable[[str], None]


def restore(cluster: Cluster, until: datetime | None, say: Say) -> None:
    """Fill an empty database and an empty folder of covers; refuse where either holds something.

    What an interrupted restore has left does not count: it is deleted, and done again.
    """
    keeper = Keeper(cluster, say)
    taken = catalogue.chosen(keeper.backups(), until)
    storage = shlex.quote(cluster.spec.storage_path)
    here = cluster.manager()
    with Database.reached(cluster, database_url(cluster)) as database:
        if here.run(f"ls -A {storage}/media 2>/dev/null", sudo=True, check=False).stdout:
            raise OperatorError(f"{cluster.spec.storage_path}/media is not empty: move it away.")
        if taken.position and taken.database != database.name:
            raise OperatorError(
                f"The binary logs speak of the database {taken.database}: restore into an empty "
                f"one of that name, not into {database.name}."
            )
        if not database.begin_restore():
            raise OperatorError(
                f"The database {database.name} holds tables: a restore would mix two shops. Name "
                "an empty one as database_url_file, or drop it first."
            )
        load(cluster, keeper, taken, database, say)
        if taken.position and (logs := logs_after(cluster, keeper, taken, database)):
            database.replay(logs, taken.position, until)
            moment = f"until {until.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if until else "whole"
            say(f"  {len(logs)} binary logs are replayed {moment}")
        if UNFINISHED not in database.tables():
            raise OperatorError(
                "What deleted the shop is in the binary logs, and was done again. Name a moment "
                "before it: ./run ops restore --until TIME"
            )
        bring_covers_back(cluster, keeper, taken)
        say("  the covers are back")
        database.end_restore()


def bring_covers_back(cluster: Cluster, keeper: Keeper, taken: Taken) -> None:
    """Put the covers of a backup, and those that came after it, where the shop looks for them."""
    storage = shlex.quote(cluster.spec.storage_path)
    here = cluster.manager()
    here.run(f"cd {storage} && rm -rf {PART} && mkdir {PART}", sudo=True)
    for name in covers_of(keeper, taken):
        with fetched(cluster, keeper, name) as content:
            here.run(
                f"tar --extract --directory {storage}/{PART}",
                sudo=True,
                stdin=content,
                timeout=FOR_HOURS,
                shown="bring the covers back",
            )
    here.run(
        f"cd {storage} && mkdir -p media && chown --reference={PART}/media media && "
        f"chmod --reference={PART}/media media && "
        f"find {PART}/media -mindepth 1 -maxdepth 1 -exec mv -t media {{}} + && rm -rf {PART}",
        sudo=True,
        shown="put the covers in their place",
    )


def covers_of(keeper: Keeper, taken: Taken) -> list[str]:
    """Name what holds a backup's covers, and those that came after it, in their order."""
    later = catalogue.covers_after(keeper.store.names(), taken.name)
    return [f"{taken.name}/{COVERS}", *(catalogue.covers_file(taken.name, n) for n in later)]


def load(cluster: Cluster, keeper: Keeper, taken: Taken, database: Database, say: Say) -> None:
    """Load a backup into a database."""
    with fetched(cluster, keeper, f"{taken.name}/{DATABASE}") as content:
        database.load(content)
    say(f"  the database is as it was at {taken.at:%Y-%m-%d %H:%M:%S} UTC")


def logs_after(cluster: Cluster, keeper: Keeper, taken: Taken, database: Database) -> list[str]:
    """Put the logs that follow a backup where they can be read, and list them."""
    assert taken.position
    logs = catalogue.since(taken.position, catalogue.logs_after(keeper.store.names(), taken.name))
    for log in logs:
        with fetched(cluster, keeper, catalogue.log_file(taken.name, log)) as content:
            database.keep_log(log, content)
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
    logs = [kept[catalogue.log_file(taken.name, n)] for n in catalogue.logs_after(kept, taken.name)]
    loses = time.time() - max([taken.at.timestamp(), *logs])
    url = database_url(cluster)
    parts = urlsplit(url)
    scratch = f"{parts.path.lstrip('/')}_drill"
    connection = cluster.manager()
    beside = urlunsplit(parts._replace(path=f"/{scratch}"))
    with Database.reached(cluster, beside) as copy:
        live = parts.path.lstrip("/")
        copy.ask(f"DROP DATABASE IF EXISTS `{scratch}`")
        copy.ask(f"CREATE DATABASE `{scratch}` CHARACTER SET utf8mb4")
        try:
            load(cluster, keeper, taken, copy, say)
            if taken.position and (after := logs_after(cluster, keeper, taken, copy)):
                # They are read, not replayed: what they say is said of the shop's own database.
                copy.read_through(after, taken.position)
                say(f"  {len(after)} binary logs after it can be read")
            for name in covers_of(keeper, taken):
                with fetched(cluster, keeper, name) as content:
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
