"""Replicas of the shop in processes of their own, which are killed and started again."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.support.mariadb import MariaDB
from tests.support.server import free_port

SECRET = "a secret of the tests, longer than thirty-two characters"
DATABASE = "attack"


class Replicas:
    """Some processes that serve one shop from one database."""

    def __init__(self, url: str, folder: Path, count: int = 2) -> None:
        self._folder = folder
        self._url = url
        self.ports = [free_port() for _each in range(count)]
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self.kills = 0

    def origins(self) -> list[str]:
        """Return where the replicas answer, those that are dead at the moment included."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    def start(self, port: int) -> None:
        """Start the replica of a port."""
        environment = {key: value for key, value in os.environ.items() if "BOOKSTORE" not in key}
        environment |= {
            "BOOKSTORE_DATABASE_URL": self._url,
            "BOOKSTORE_MEDIA_DIR": str(self._folder / "media"),
            "BOOKSTORE_SECRET_KEY": SECRET,
            "BOOKSTORE_BIND": f"127.0.0.1:{port}",
            "BOOKSTORE_REPLICA": f"replica-{port}",
            "BOOKSTORE_HOLD_MINUTES": "0.1",
            "BOOKSTORE_DRAIN_SECONDS": "0",
            "BOOKSTORE_LOG_LEVEL": "ERROR",
        }
        with (self._folder / f"replica-{port}.log").open("ab") as log:
            self._processes[port] = subprocess.Popen(
                [sys.executable, "-m", "bookstore", "serve"], env=environment, stderr=log
            )

    def start_all(self) -> None:
        """Start every replica and wait until all of them answer."""
        for port in self.ports:
            self.start(port)
        for origin in self.origins():
            _until_alive(origin)

    def kill(self, port: int) -> None:
        """End a replica without a word, as a power loss does, and start it anew."""
        self._processes[port].kill()
        self._processes[port].wait()
        self.kills += 1
        self.start(port)

    def stop(self) -> None:
        """End them all."""
        for process in self._processes.values():
            process.kill()
            process.wait()

    def errors(self) -> str:
        """Return what the replicas have logged as errors."""
        return "\n".join(path.read_text() for path in self._folder.glob("replica-*.log"))


def _until_alive(origin: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{origin}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError(f"{origin} does not answer")


def cut_connections(server: MariaDB, chance: random.Random) -> int:
    """Cut some of the shop's connections on the server's side; return how many."""
    with server.connect() as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id FROM information_schema.processlist WHERE user = 'shop'")
        ids = sorted(row[0] for row in cursor.fetchall())
        chosen = chance.sample(ids, min(len(ids), chance.randint(1, 3)))
        cut = 0
        for number in chosen:
            try:
                cursor.execute(f"KILL CONNECTION {int(number)}")
                cut += 1
            except Exception:  # noqa: S112  # it had ended by itself
                continue
        return cut
