"""The three services on one machine behind the real Traefik: `./run app --services`.

Each context is a process of its own with the same image's code; Traefik routes by path, as
swarm/services.yml has it do in a swarm.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from pydantic import SecretStr

from bookstore.settings import CONTEXTS, Settings, SettingsError
from bookstore.web import segments

# Which paths belong to which context. The catalogue takes the rest, but nothing that is private.
ROUTES = {
    "accounts": f"PathRegexp(`^/({'|'.join(segments.SEGMENTS['accounts'])})(/|$)`)",
    "orders": f"PathRegexp(`^/({'|'.join(segments.SEGMENTS['orders'])})(/|$)`)",
    "catalogue": f"!PathRegexp(`^/({'|'.join(segments.PRIVATE)})(/|$)`)",
}
LIVES, TRIES, PAUSE = 5.0, 3, 1.0  # a swarm waits a second as well (restart_policy)
PRIORITY = {"accounts": 20, "orders": 20, "catalogue": 10}

_STATIC = """\
entryPoints:
  web:
    address: 127.0.0.1:{port}
providers:
  file:
    filename: {dynamic}
log:
  level: ERROR
global:
  checkNewVersion: false
  sendAnonymousUsage: false
"""


def run(settings: Settings, folder: Path, port: int) -> int:
    """Serve accounts, catalogue and orders behind Traefik on 127.0.0.1:`port` until a signal.

    What is killed starts again, as a swarm would have it: try `kill -9` and watch a page.
    """
    traefik = _traefik()
    origins = {context: f"http://127.0.0.1:{_free_port()}" for context in CONTEXTS}
    configuration = write_traefik_files(folder / "traefik", port, origins)
    parts = {
        context: Part(
            context,
            [sys.executable, "-m", "bookstore", "serve"],
            environment_of(context, settings, origins),
        )
        for context in CONTEXTS
    }
    parts["traefik"] = Part("traefik", [traefik, f"--configFile={configuration}"], None)
    over = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: over.set())
    try:
        for part in parts.values():
            part.start()
        print("accounts, catalogue and orders run behind Traefik:", flush=True)
        for context in CONTEXTS:
            print(f"  {context:9} {origins[context]}  process {parts[context].pid}", flush=True)
        while not over.wait(0.2):
            for part in parts.values():
                part.start_again_if_ended()
    finally:
        for part in parts.values():
            part.stop()
        worst = max(part.wait() for part in parts.values())
    return worst


class Part:
    """A process that is kept running."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str] | None) -> None:
        self.name = name
        self._command = command
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._ended: float | None = None
        self._short_lives = 0

    @property
    def pid(self) -> int | None:
        """Return the number of its process, if it ever had one."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process, in a session of its own: Ctrl-C reaches it through us, once."""
        self._started, self._ended = time.monotonic(), None
        self._process = subprocess.Popen(
            self._command, env=self._environment, start_new_session=True
        )

    def start_again_if_ended(self) -> None:
        """Start the process a second after it ended; raise SettingsError when it never lives."""
        if self._process is None or self._process.poll() is None:
            return
        now = time.monotonic()
        if self._ended is None:
            self._ended = now
            self._short_lives = self._short_lives + 1 if now - self._started < LIVES else 0
            print(f"{self.name} {_how(self._process.returncode)}.", flush=True)
        if self._short_lives >= TRIES:
            raise SettingsError(
                f"{self.name} ended {TRIES} times within {LIVES:.0f} s of its start, so this ends."
                " What it said last is above."
            )
        if now - self._ended >= PAUSE:
            self.start()
            print(f"{self.name} is started again: process {self.pid}", flush=True)

    def stop(self) -> None:
        """Ask the process to end, once: a second SIGTERM means at once."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()

    def wait(self) -> int:
        """Wait for the process to end; return its status, 0 when it was killed before."""
        if self._process is None or self._ended is not None:
            return 0
        status = self._process.wait()
        return 0 if self.name == "traefik" else abs(status)


def _how(status: int) -> str:
    return f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended ({status})"


def write_traefik_files(folder: Path, port: int, origins: dict[str, str]) -> Path:
    """Write Traefik's configuration for services at `origins`; return the static file's path."""
    folder.mkdir(parents=True, exist_ok=True)
    dynamic = folder / "dynamic.yml"
    lines = ["http:", "  routers:"]
    for context in origins:
        lines += [
            f"    {context}:",
            f'      rule: "{ROUTES[context]}"',
            f"      priority: {PRIORITY[context]}",
            f"      service: {context}",
            "      middlewares: [retry]",
        ]
    lines += [
        "  middlewares:",
        "    retry:",
        "      retry: {attempts: 4, initialInterval: 100ms}",
        "  serversTransports:",
        "    quick:",
        "      forwardingTimeouts: {dialTimeout: 1s, responseHeaderTimeout: 10s}",
        "  services:",
    ]
    for context, origin in origins.items():
        lines += [
            f"    {context}:",
            "      loadBalancer:",
            "        serversTransport: quick",
            f'        servers: [{{url: "{origin}"}}]',
        ]
    dynamic.write_text("\n".join(lines) + "\n")
    static = folder / "traefik.yml"
    static.write_text(_STATIC.format(port=port, dynamic=dynamic.absolute()))
    return static


def environment_of(context: str, settings: Settings, origins: dict[str, str]) -> dict[str, str]:
    """Return the environment of one service's process: what the whole shop was given, its own
    context and address, and where its siblings answer."""
    given = {name: getattr(settings, name) for name in settings.model_fields_set}
    given = {name: value for name, value in given.items() if value is not None}
    given |= {f"{name}_origin": origin for name, origin in origins.items()}
    given |= {
        "contexts": context,
        "bind": origins[context].removeprefix("http://"),
        "replica": f"{context}@{settings.replica}",
        "trusted_hops": 1,
    }
    return {**os.environ, **{f"BOOKSTORE_{name.upper()}": _text(v) for name, v in given.items()}}


def _text(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return ",".join(value) if isinstance(value, tuple) else str(value)


def _traefik() -> str:
    beside = Path(sys.executable).parent / "traefik"
    found = str(beside) if beside.exists() else shutil.which("traefik")
    if found is None:
        raise SettingsError(
            "Traefik is not installed. `./run app --services` installs it; without the launcher "
            "put a traefik binary (v3) on the PATH."
        )
    return found


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
