"""The shop in both topologies, in processes of its own: one, or three behind the real Traefik."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from bookstore.commands import services
from bookstore.migrations import migrate
from bookstore.settings import CONTEXTS, Settings
from tests.conftest import settings_for
from tests.support.server import free_port


class Services:
    """Three services behind Traefik; each can be killed and started again."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        self._settings = settings
        self._folder = folder
        self.port = free_port()
        self.origin = f"http://127.0.0.1:{self.port}"
        self.origins = {context: f"http://127.0.0.1:{free_port()}" for context in CONTEXTS}
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, context: str) -> None:
        """Start one service, as its supervisor does after it died."""
        environment = services.environment_of(context, self._settings, self.origins)
        with (self._folder / f"{context}.log").open("ab") as log:
            self._processes[context] = subprocess.Popen(
                [sys.executable, "-m", "bookstore", "serve"], env=environment, stderr=log
            )

    def kill(self, context: str) -> None:
        """End a service without a word, as a power loss does."""
        process = self._processes[context]
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=10)

    def logs(self) -> str:
        """Return what the services wrote."""
        return "\n".join(path.read_text() for path in self._folder.glob("*.log"))

    @contextlib.contextmanager
    def running(self) -> Iterator["Services"]:
        """Run all of it for the length of the block."""
        configuration = services.write_traefik_files(
            self._folder / "traefik", self.port, self.origins
        )
        traefik = Path(sys.executable).parent / "traefik"
        with (self._folder / "traefik.log").open("wb") as log:
            self._processes["traefik"] = subprocess.Popen(
                [traefik, f"--configFile={configuration}"], stdout=log, stderr=log
            )
        try:
            for context in CONTEXTS:
                self.start(context)
            for address in ("/", "/login", "/basket"):
                wait_until_answered(self.origin + address)
            yield self
        finally:
            for process in self._processes.values():
                if process.poll() is None:
                    process.kill()
                process.wait(timeout=10)


@contextlib.contextmanager
def services_running(database_url: str, folder: Path, **overrides: object) -> Iterator[Services]:
    """Migrate a database and run the three services on it."""
    settings = settings_for(database_url, folder / "media", **overrides)
    migrate(settings)
    given = {f"BOOKSTORE_{name.upper()}" for name in Settings.model_fields} & set(os.environ)
    assert not given, "the tests choose the settings themselves"
    with Services(settings, folder).running() as running:
        yield running


def wait_until_answered(url: str, seconds: float = 20) -> None:
    """Wait until an address answers with a page; a proxy may be up before what is behind it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url).status_code == 200:
                return
        time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer")
