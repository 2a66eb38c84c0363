"""Take backups: database, covers and the swarm's state, sealed; and what is new in between."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from provisioning.backups import catalogue
from provisioning.backups.catalogue import COVERS, DATABASE, MANIFEST, SWARM, Taken
from provisioning.backups.database import UNFINISHED, Database
from provisioning.backups.seal import Write, sealed
from provisioning.backups.store import DAY, Store, store_at
from provisioning.care.backup import copy_state
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Backup
from provisioning.ssh.transport import Connection

FOR_HOURS = 6 * 3600.0
APART = 60  # seconds by which the clocks of the hosts that write covers may differ

Say = Callable[[str], None]


def settings(cluster: Cluster) -> Backup:
    """Return the inventory's table [backup]; refuse where there is none."""
    if cluster.inventory.backup is None:
        raise OperatorError(
            f"The inventory {cluster.inventory.path} has no [backup]: to (a folder or s3://BUCKET/"
            "PREFIX) and recipients (public keys of age). docs/operators-guide.md shows one."
        )
    return cluster.inventory.backup


def database_url(cluster: Cluster) -> str:
    """Return the URL of the user who dumps; keep its password out of messages."""
    path = settings(cluster).database_url_file or cluster.spec.database_url_file
    try:
        url = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise OperatorError(
            f"The database's URL cannot be read: {path}: {error.strerror}."
        ) from None
    cluster.redact.hide(url)
    return url


class AnotherServer(OperatorError):
    """The binary logs of the database follow none of the backups."""


class Keeper:
    """Takes backups of a cluster and puts them into its store."""

    def __init__(self, cluster: Cluster, say: Say) -> None:
        self._cluster = cluster
        self._settings = settings(cluster)
        self.store: Store = store_at(self._settings.to)
        self._say = say

    def backups(self) -> list[Taken]:
        """Read the manifests of the whole backups, oldest first."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, MANIFEST)
            found = []
            for name in catalogue.whole(self.store.names()):
                self.store.get(f"{name}/{MANIFEST}", file)
                found.append(catalogue.read_manifest(file.read_bytes()))
        return found

    def take(self) -> Taken:
        """Take a whole backup, then what follows it, and delete what is outdated."""
        at = datetime.now(UTC)
        name = catalogue.stamp(at)
        sizes: dict[str, int] = {}
        with Database.reached(self._cluster, database_url(self._cluster)) as database:
            tables = database.tables()
            if not tables or UNFINISHED in tables:
                why = "a restore into it has not ended" if tables else "it holds no table"
                raise OperatorError(f"The database {database.name} is not backed up: {why}.")
            with self._kept(f"{name}/{DATABASE}", sizes) as write:
                position = database.dump(write)
            dumped, server = datetime.now(UTC), database.server()
        connection = self._cluster.manager()
        covers_from = clock(connection)
        with self._kept(f"{name}/{COVERS}", sizes) as write:
            covers(connection, self._cluster.spec.storage_path, write)
        with self._kept(f"{name}/{SWARM}", sizes) as write:
            write(copy_state(connection))
        taken = Taken(name, at, database.name, position, sizes, dumped, server, covers_from)
        with tempfile.TemporaryDirectory() as folder:
            manifest = Path(folder, MANIFEST)
            manifest.write_bytes(taken.dump())
            self.store.put(f"{name}/{MANIFEST}", manifest)
        self._say(
            f"{name}: database, covers and swarm, {sum(sizes.values()) / 1024:.0f} KiB sealed"
            + ("" if position else "; the database keeps no binary log, so no moment after this")
        )
        self.take_logs()
        self.prune()
        return taken

    def take_logs(self) -> int:
        """Keep what was written since: closed binary logs, and new covers; return how many logs.

        A backup has the logs up to the position of the one after it, so that it can be brought to
        any moment before that one. Raise AnotherServer where the database's logs follow none.
        """
        backups = [b for b in self.backups() if b.position]
        if not backups:
            return 0
        newest = backups[-1]
        names = self.store.names()
        # Covers last: whatever the logs tell of was written before.
        with Database.reached(self._cluster, database_url(self._cluster)) as database:
            closed, server = database.logs(), database.server()
            last = [catalogue.number(n) for n in catalogue.logs_after(names, newest.name)[-1:]]
            if server != newest.server or last > [catalogue.number(n) for n in closed[-1:]]:
                raise AnotherServer(
                    "The database is not on the server that the newest backup is of, so nothing "
                    "follows that. Take one of this: ./run ops backup"
                )
            count = 0
            same = [b for b in backups if b.server == server]
            for backup, after in zip(same, [*same[1:], None], strict=True):
                assert backup.position
                kept = catalogue.logs_after(names, backup.name)
                until = after.position if after else None
                for log in catalogue.wanted(backup.position, until, closed):
                    if log not in kept:
                        with self._kept(catalogue.log_file(backup.name, log), {}) as write:
                            database.log(log, write)
                        count += 1
        self._take_covers(
            newest, max([newest.covers_from, *catalogue.covers_after(names, newest.name)])
        )
        return count

    def _take_covers(self, newest: Taken, since: int) -> None:
        """Keep the covers that have come since a moment, if any have."""
        connection, storage = self._cluster.manager(), self._cluster.spec.storage_path
        new = f"-newermt @{since - APART}"
        begun = clock(connection)
        look = f"cd {storage} && find media -type f {new} -print -quit"
        if not connection.run(look, sudo=True, shown="look for new covers").stdout:
            return
        with self._kept(catalogue.covers_file(newest.name, begun), {}) as write:
            covers(connection, storage, write, new)

    def prune(self) -> None:
        """Delete all but the newest backups, and what never got whole."""
        gone = catalogue.outdated(self.store.names(), self._settings.keep, time.time() - DAY)
        self.store.delete(gone)
        if count := sum(n.endswith(MANIFEST) for n in gone):
            self._say(f"{count} older ones are deleted: {self._settings.keep} are kept")

    def watch(self, every: float, logs_every: float) -> None:
        """Go on for ever: a backup when the newest is older than `every`, logs in between."""
        trouble = ""
        while True:
            try:
                self._look(every)
                trouble = ""
            except OperatorError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    self._say(trouble)
            time.sleep(logs_every)

    def _look(self, every: float) -> None:
        newest = max((b.at for b in self.backups()), default=None)
        if newest is None or (datetime.now(UTC) - newest).total_seconds() >= every:
            self.take()
            return
        try:
            self.take_logs()
        except AnotherServer:
            self.take()

    @contextmanager
    def _kept(self, name: str, sizes: dict[str, int]) -> Iterator[Write]:
        """Yield what takes bytes; they are in the store, sealed, when the block ends well."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "sealed")
            with sealed(file, self._settings.recipients) as write:
                yield write
            sizes[name.rpartition("/")[2]] = file.stat().st_size
            self.store.put(name, file)


def clock(connection: Connection) -> int:
    """Return a host's clock, in seconds since 1970."""
    return int(connection.run("date +%s").stdout)


def covers(connection: Connection, storage: str, write: Write, new: str = "") -> None:
    """Read all covers, or those that `find` calls new, as a tar archive with all folders."""
    found = f"find media \\( -type d -o {new} \\) -print0"
    which = f"--null --no-recursion --ignore-failed-read --files-from=<({found})"
    connection.run(
        f"cd {storage} && tar --create --warning=no-file-changed {which if new else 'media'} || "
        "[ $? = 1 ]",
        sudo=True,
        sink=write,
        timeout=FOR_HOURS,
        shown="read the covers",
    )
