"""Dump, binary logs and restoring, with the database's own programs on a host that reaches it."""

from __future__ import annotations

import re
import secrets
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.setup.scripts import PATIENTLY
from provisioning.ssh.transport import Connection, Result

FOR_HOURS = 6 * 3600.0
# Made by root, for root alone; each use has its own, for one may watch while another restores.
CREDENTIALS = "/run/bookstore-database"
LOGS = "/var/tmp/bookstore-logs"  # noqa: S108
# Which of the two families of programs is there; neither: Debian's and Ubuntu's own is installed.
TOOLS = f"""{PATIENTLY}
command -v mariadb-dump >/dev/null || command -v mysqldump >/dev/null || {{
    patiently apt-get -q update
    patiently apt-get -q -y install default-mysql-client ||
        patiently apt-get -q -y install mariadb-client
}} || exit
tool() {{ command -v mariadb-$1 || command -v mysql$1; }}
client=$(command -v mariadb || command -v mysql)
"""
UNFINISHED = "restore_unfinished"  # a table that is there while a restore is
# What tells one server from another; where it has no name, when its own tables were made.
SERVER = "SHOW GLOBAL VARIABLES LIKE 'server_uuid'"
MADE = "SELECT MIN(create_time) FROM information_schema.tables WHERE table_schema = 'mysql'"
POSITION = re.compile(rb"(?:MASTER|SOURCE)_LOG_FILE='([^']+)', (?:MASTER|SOURCE)_LOG_POS=(\d+)")


@dataclass(frozen=True)
class Position:
    """A place in the binary logs."""

    file: str
    offset: int


class Database:
    """A database as a host reaches it, with the rights of the URL's user."""

    def __init__(self, connection: Connection, url: str) -> None:
        parts = urlsplit(url)
        self.name = parts.path.lstrip("/")
        self._connection = connection
        use = secrets.token_hex(8)
        self._credentials, self._logs = f"{CREDENTIALS}.{use}", f"{LOGS}.{use}"
        self._access = f"--defaults-extra-file={self._credentials}"
        self._login = "\n".join(
            [
                "[client]",
                f"host={parts.hostname or ''}",
                f"port={parts.port or 3306}",
                f'user="{unquote(parts.username or "")}"',
                f'password="{unquote(parts.password or "")}"',
            ]
        )

    @classmethod
    @contextmanager
    def reached(cls, cluster: Cluster, url: str) -> Iterator[Database]:
        """Yield the database, with its credentials on a manager for as long as that takes."""
        connection = cluster.manager()
        database = cls(connection, url)
        old = (
            f"find {CREDENTIALS}.* {LOGS}.* -maxdepth 0 -mmin +1440 -exec rm -rf {{}} + 2>/dev/null"
        )
        connection.run(f"{old}; true", sudo=True)
        connection.upload(
            database._credentials, database._login.encode() + b"\n", mode=0o600, sudo=True
        )
        try:
            yield database
        finally:
            # Where the connection is lost another is tried; what broke it is what is to be told.
            with suppress(OperatorError):
                again = cluster.fleet.to(connection.endpoint)
                left = f"{database._credentials} {database._logs}"
                again.run(f"rm -rf {left}", sudo=True, check=False)

    def ask(self, statement: str) -> list[list[str]]:
        """Run one statement and return its rows."""
        said = self._run(
            f"$client {self._access} -N -B -e {shlex.quote(statement)}",
            shown="ask the database",
        )
        return [line.split("\t") for line in said.stdout.splitlines()]

    def logs(self) -> list[str]:
        """Close the present binary log and list those that are closed; none where none is kept."""
        if self.ask("SELECT @@log_bin") != [["1"]]:
            return []
        self.ask("FLUSH BINARY LOGS")
        return [row[0] for row in self.ask("SHOW BINARY LOGS")][:-1]

    def dump(self, write: Callable[[bytes], object]) -> Position | None:
        """Dump the database as it is at one moment; return which one, in its binary logs."""
        logged = self.ask("SELECT @@log_bin") == [["1"]]
        head = bytearray()

        def sink(data: bytes) -> None:
            if len(head) < 65536:
                head.extend(data)
            write(data)

        where = (
            "where=$($dump --help | grep -q source-data && echo --source-data=2 || "
            "echo --master-data=2); "
            if logged
            else ""
        )
        self._run(
            f"dump=$(tool dump); {where}set -o pipefail; $dump {self._access} "
            "--single-transaction --quick --hex-blob --no-tablespaces --routines "
            f"${{where:-}} {shlex.quote(self.name)}",
            sink=sink,
            shown="dump the database",
        )
        found = POSITION.search(bytes(head))
        if logged and not found:
            raise OperatorError("The dump does not say where in the binary logs it was made.")
        return Position(found[1].decode(), int(found[2])) if found else None

    def log(self, name: str, write: Callable[[bytes], object]) -> None:
        """Read one closed binary log as it is."""
        self._run(
            f"install -d -m 700 {self._logs} && $(tool binlog) {self._access} "
            f"--read-from-remote-server --raw --result-file={self._logs}/ {shlex.quote(name)} && "
            f"cat {self._logs}/{shlex.quote(name)} && rm {self._logs}/{shlex.quote(name)}",
            sink=write,
            shown=f"read the binary log {name}",
        )

    def server(self) -> str:
        """Name the server: binary logs of another do not follow a dump of this one."""
        (name,) = self.ask(SERVER) or self.ask(MADE)
        return name[-1]

    def tables(self) -> set[str]:
        """List the database's tables."""
        rows = self.ask(
            "SELECT table_name FROM information_schema.tables "
            f"WHERE table_schema = '{self.name}' AND table_type = 'BASE TABLE'"
        )
        return {row[0] for row in rows}

    def begin_restore(self) -> bool:
        """Mark the database as being restored, and delete what an unfinished restore has left.

        Return False, and do nothing, where it holds a shop.
        """
        tables = self.tables()
        if tables and UNFINISHED not in tables:
            return False
        self.ask(f"CREATE DATABASE IF NOT EXISTS `{self.name}` CHARACTER SET utf8mb4")
        self.ask(f"CREATE TABLE IF NOT EXISTS `{self.name}`.{UNFINISHED} (a INT)")
        if left := ", ".join(f"`{self.name}`.`{table}`" for table in tables - {UNFINISHED}):
            self.ask(f"SET FOREIGN_KEY_CHECKS = 0; DROP TABLE {left}")
        return True

    def end_restore(self) -> None:
        """Say that what is in the database is whole."""
        self.ask(f"DROP TABLE `{self.name}`.{UNFINISHED}")

    def load(self, dump: BinaryIO) -> None:
        """Load a dump into the database."""
        self._run(
            f"$client {self._access} {shlex.quote(self.name)}",
            stdin=dump,
            shown="load the dump",
        )

    def keep_log(self, name: str, content: BinaryIO) -> None:
        """Put a binary log on the host, to be replayed."""
        self._run(
            f"install -d -m 700 {self._logs} && cat > {self._logs}/{shlex.quote(name)}",
            stdin=content,
            shown=f"put the binary log {name} there",
        )

    def replay(self, names: Iterable[str], start: Position, until: datetime | None) -> None:
        """Do again what the kept logs say of this database, from a position until a moment."""
        self._run(
            f"set -o pipefail; {self._events(names, start, until)} | "
            f"$client {self._access} {shlex.quote(self.name)}",
            shown="replay the binary logs",
        )

    def read_through(self, names: Iterable[str], start: Position) -> None:
        """Read the kept logs to their end and do nothing of what they say."""
        self._run(
            f"{self._events(names, start, None)} >/dev/null", shown="read the binary logs through"
        )

    def _events(self, names: Iterable[str], start: Position, until: datetime | None) -> str:
        stop = f"--stop-datetime='{until.astimezone(UTC):%Y-%m-%d %H:%M:%S}'" if until else ""
        files = " ".join(f"{self._logs}/{shlex.quote(name)}" for name in names)
        return (
            f"TZ=UTC $(tool binlog) --start-position={start.offset} {stop} "
            f"--database={shlex.quote(self.name)} {files}"
        )

    def _run(
        self,
        command: str,
        *,
        stdin: bytes | BinaryIO = b"",
        sink: Callable[[bytes], object] | None = None,
        shown: str,
    ) -> Result:
        return self._connection.run(
            f"{TOOLS}\n{command}",
            sudo=True,
            stdin=stdin,
            sink=sink,
            timeout=FOR_HOURS,
            shown=shown,
        )
