"""Take backups: database, covers and the swarm's state, sealed; and binary logs in between."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from provisioning.backups import catalogue
from provisioning.backups.catalogue import COVERS, DATABASE, LOGS, MANIFEST, SWARM, Taken
from provisioning.backups.database import Database
from provisioning.backups.seal import Write, sealed
from provisioning.backups.store import DAY, Store, store_at
from provisioning.care.backup import copy_state
from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Backup
from provisioning.ssh.transport import Connection

FOR_HOURS = 6 * 3600.0

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
        """Take a whole backup, then the binary logs, and delete what is outdated."""
        at = datetime.now(UTC)
        name = catalogue.stamp(at)
        connection = self._cluster.manager()
        sizes: dict[str, int] = {}

        with Database.reached(connection, database_url(self._cluster)) as database:
            with self._kept(f"{name}/{DATABASE}", sizes) as write:
                position = database.dump(write)
            database_name = database.name
        with self._kept(f"{name}/{COVERS}", sizes) as write:
            covers(connection, self._cluster.spec.storage_path, write)
        with self._kept(f"{name}/{SWARM}", sizes) as write:
            write(copy_state(connection))
        taken = Taken(name, at, database_name, position, sizes)
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
        """Keep the binary logs that are closed and not kept yet; return how many that were."""
        positions = [b.position for b in self.backups() if b.position]
        if not positions:
            return 0
        kept = set(catalogue.logs_in(self.store.names()))
        count = 0
        with Database.reached(self._cluster.manager(), database_url(self._cluster)) as database:
            for log in database.logs():
                if log >= positions[0].file and log not in kept:
                    with self._kept(f"{LOGS}/{log}.gz.age", {}) as write:
                        database.log(log, write)
                    count += 1
        return count

    def prune(self) -> None:
        """Delete all but the newest backups, the logs that none needs, and what never got whole."""
        left = self.backups()[-self._settings.keep :]
        oldest = next((b.position for b in left), None)
        gone = catalogue.outdated(
            self.store.names(), self._settings.keep, oldest, time.time() - DAY
        )
        self.store.delete(gone)
        if count := sum(n.endswith(MANIFEST) for n in gone):
            self._say(f"{count} older ones are deleted: {self._settings.keep} are kept")

    def watch(self, every: float, logs_every: float) -> None:
        """Go on for ever: a backup when the newest is older than `every`, logs in between."""
        trouble = ""
        while True:
            try:
                newest = max((b.at for b in self.backups()), default=None)
                if newest is None or (datetime.now(UTC) - newest).total_seconds() >= every:
                    self.take()
                else:
                    self.take_logs()
                trouble = ""
            except OperatorError as error:
                if str(error) != trouble:
                    trouble = str(error)
                    self._say(trouble)
            time.sleep(logs_every)

    @contextmanager
    def _kept(self, name: str, sizes: dict[str, int]) -> Iterator[Write]:
        """Yield what takes bytes; they are in the store, sealed, when the block ends well."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "sealed")
            with sealed(file, self._settings.recipients) as write:
                yield write
            sizes[name.rpartition("/")[2]] = file.stat().st_size
            self.store.put(name, file)


def covers(connection: Connection, storage: str, write: Write) -> None:
    """Read all covers, as a tar archive."""
    connection.run(
        f"cd {storage} && tar --create --warning=no-file-changed media || [ $? = 1 ]",
        sudo=True,
        sink=write,
        timeout=FOR_HOURS,
        shown="read the covers",
    )
