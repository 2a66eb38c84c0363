"""A replica of the shop: the application as it is served, in a process that can die."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bookstore.app import create_app
from bookstore.data.database import Database
from bookstore.settings import CONTEXTS, load_settings
from loadtest.simulation.engine import Connections, Faults, Rewrite
from loadtest.simulation.network import Answer, Weather, Wire, ask_app
from loadtest.simulation.process import Process

SECRET = "the secret of a shop that is only simulated, long enough"  # noqa: S105  # of nothing
SPEED = 2000.0  # of parcels


class Replica:
    """One replica; `contexts` is what it serves."""

    def __init__(
        self,
        name: str,
        file: Path,
        contexts: tuple[str, ...],
        *,
        faults: Faults,
        weather: Weather,
        find: Callable[[str], Any],
        rewrite: Rewrite,
    ) -> None:
        self.name, self.contexts = name, contexts
        self.process = Process(name)
        self._pools: list[Connections] = []

        def open_database(url: str, **options: Any) -> Database:
            pool = Connections(file, self.process, faults, rewrite)
            self._pools.append(pool)
            return Database(url, engine=pool, **options)

        self.app = create_app(
            settings(file, contexts, name),
            open_database=open_database,
            transport=Wire(self.process, weather, find),
        )

    def start(self) -> None:
        """Start serving."""
        self.process.start(self.app.startup())

    def kill(self) -> None:
        """End it at once; the database undoes what it had not committed."""
        self.process.dead = True
        for pool in self._pools:
            pool.end()

    async def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return its answer to a request; it may die before it has one."""
        return await ask_app(self.app, self.process, method, path, headers, body)


def settings(file: Path, contexts: tuple[str, ...], name: str) -> Any:
    """Return the settings of a simulated replica."""
    origins = {f"{context}_origin": f"http://{context}" for context in CONTEXTS}
    return load_settings(
        database_url=f"sqlite:///{file}",
        secret_key=SECRET,
        media_dir=file.parent / "media",
        public_origin="http://shop",
        contexts=",".join(contexts),
        replica=name,
        hold_minutes=0.25,
        shipping_speed=SPEED,
        drain_seconds=0.0,
        page_cache_mb=0,
        **origins,
    )
