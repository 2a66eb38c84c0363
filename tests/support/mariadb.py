"""A MariaDB or MySQL server of one's own, on a Unix socket and a loopback port: for tests and
benchmarks."""

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest

MYSQLD = "TESTS_MYSQLD"  # the environment variable that names a MySQL server to use instead
ENGINES = ["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)]
DRIVERS = ["mariadb", "asyncmy"]  # of MariaDB: the default one, and the one in C
ENGINES_AND_DRIVERS = [*ENGINES, pytest.param("asyncmy", marks=pytest.mark.mariadb)]


def with_driver(url: str, name: str) -> str:
    """Return a database's URL with one of DRIVERS."""
    return url.replace("mysql://", "mysql+asyncmy://", 1) if name == "asyncmy" else url


class NotInstalled(Exception):
    """There is no MariaDB on this machine; the text says how to get it."""


class MariaDB:
    """A running server. Its files live in a temporary folder."""

    def __init__(self, folder: Path, port: int, options: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self.port = port
        self.options = options
        self.socket = folder / "s.sock"
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextlib.contextmanager
    def start(cls, *options: str) -> Iterator["MariaDB"]:
        """Run a server for the length of the block, with more options of its program: the MySQL
        that TESTS_MYSQLD names, or MariaDB; raise NotInstalled where there is none."""
        kind = MySQL if os.environ.get(MYSQLD) else MariaDB
        if shutil.which(kind.program()) is None:
            raise NotInstalled(kind.missing())
        folder = Path(tempfile.mkdtemp(prefix="bookstore-mariadb-"))
        (folder / "tmp").mkdir()  # a server that starts deletes others' tables in a shared one
        server = kind(folder, _free_port(), options)
        try:
            server.install()
            server.boot()
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)

    @staticmethod
    def program() -> str:
        """Return the server's program."""
        return "mariadbd"

    @staticmethod
    def missing() -> str:
        """Return what to do where there is no such program."""
        return "MariaDB is not installed: apt install mariadb-server"

    def own_options(self) -> list[str]:
        """Return the options that only this kind of server knows."""
        return []

    def install(self) -> None:
        """Make the files of an empty server."""
        subprocess.run(
            ["mariadb-install-db", f"--datadir={self.folder}/data", *_user(),
             f"--tmpdir={self.folder}/tmp", "--auth-root-authentication-method=normal",
             "--skip-test-db"],
            check=True, capture_output=True,
        )  # fmt: skip

    def boot(self) -> None:
        """Start the server process and wait until it answers."""
        self._process = subprocess.Popen(
            [self.program(), "--no-defaults", f"--datadir={self.folder}/data", *_user(),
             f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1",
             f"--pid-file={self.folder}/pid", f"--log-error={self.folder}/log",
             f"--tmpdir={self.folder}/tmp",
             "--innodb-flush-log-at-trx-commit=2",
             "--innodb-buffer-pool-size=256M", "--character-set-server=utf8mb4",
             "--skip-name-resolve", "--max-connections=300", "--sync-binlog=0",
             *self.own_options(), *self.options],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _attempt in range(300):
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as door:
                door.connect(str(self.socket))
                return
            time.sleep(0.1)
        raise TimeoutError((self.folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        """Stop the server process, as a restart or the end of the tests does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=60)
            self._process = None

    def connect(self, database: str | None = None) -> "pymysql.Connection[pymysql.cursors.Cursor]":
        """Return a connection as the server's root."""
        return pymysql.connect(
            unix_socket=str(self.socket), user="root", database=database, autocommit=True
        )

    def create_database(self, name: str) -> str:
        """Create a database and a user for it; return its URL."""
        with self.connect() as connection, connection.cursor() as cursor:
            cursor.execute("SET foreign_key_checks = 0")
            cursor.execute(f"DROP DATABASE IF EXISTS `{name}`")
            cursor.execute(f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4")
            cursor.execute("CREATE USER IF NOT EXISTS 'shop'@'%' IDENTIFIED BY 'shop'")
            cursor.execute(f"GRANT ALL ON `{name}`.* TO 'shop'@'%'")
        return f"mysql://shop:shop@127.0.0.1:{self.port}/{name}"

    @contextlib.contextmanager
    def locked(self, name: str, table: str) -> Iterator[None]:
        """Have every statement on a table wait for the length of the block."""
        with self.connect(name) as connection, connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLES `{table}` WRITE")
            try:
                yield
            finally:
                cursor.execute("UNLOCK TABLES")

    def empty(self, name: str) -> None:
        """Delete every row of a database but the migrations' own."""
        with self.connect(name) as connection, connection.cursor() as cursor:
            cursor.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = %s"
                " AND table_type = 'BASE TABLE' AND table_name NOT LIKE '%%\\_version'",
                (name,),
            )
            tables = [row[0] for row in cursor.fetchall()]
            cursor.execute("SET foreign_key_checks = 0")
            for table in tables:
                cursor.execute(f"DELETE FROM `{table}`")


class MySQL(MariaDB):
    """A running server of Oracle's MySQL, of the program that TESTS_MYSQLD names."""

    @staticmethod
    def program() -> str:
        """Return the server's program."""
        return os.environ[MYSQLD]

    @staticmethod
    def missing() -> str:
        """Return what to do where there is no such program."""
        return f"There is no program {os.environ[MYSQLD]}: name a mysqld with --mysql."

    def own_options(self) -> list[str]:
        """Return the options that only this kind of server knows."""
        return [
            "--mysqlx=OFF", "--secure-file-priv=", "--disable-log-bin",
            "--max-allowed-packet=16M", "--explain-format=TRADITIONAL",
        ]  # fmt: skip

    def install(self) -> None:
        """Make the files of an empty server."""
        subprocess.run(
            [self.program(), "--no-defaults", "--initialize-insecure", *_user(),
             f"--datadir={self.folder}/data", f"--tmpdir={self.folder}/tmp",
             "--secure-file-priv="],
            check=True, capture_output=True,
        )  # fmt: skip


def _user() -> list[str]:
    return ["--user=root"] if os.geteuid() == 0 else []


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
