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
import time
from pathlib import Path

from bookstore.settings import CONTEXTS, Settings, SettingsError

# Which paths belong to which context. The catalogue takes the rest, but nothing that is private.
ROUTES = {
    "accounts": r"PathRegexp(`^/(register|login|logout|account|people)(/|$)`)",
    "orders": r"PathRegexp(`^/(basket|checkout|orders|sales|pay|webhooks)(/|$)`)",
    "catalogue": r"!PathRegexp(`^/(internal|metrics|healthz|readyz)(/|$)`)",
}
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
    """Serve accounts, catalogue and orders behind Traefik on 127.0.0.1:`port` until a signal."""
    traefik = _traefik()
    origins = {context: f"http://127.0.0.1:{_free_port()}" for context in CONTEXTS}
    processes: list[subprocess.Popen[bytes]] = []

    told: set[int] = set()  # once each: a second SIGTERM means "at once"

    def stop(*_signal: object) -> None:
        for process in processes:
            if process.pid not in told:
                told.add(process.pid)
                process.terminate()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    processes.extend(_serve(context, settings, origins) for context in CONTEXTS)
    configuration = write_traefik_files(folder / "traefik", port, origins)
    processes.append(
        subprocess.Popen([traefik, f"--configFile={configuration}"], start_new_session=True)
    )
    print("accounts, catalogue and orders run behind Traefik:", flush=True)
    for context, process in zip(CONTEXTS, processes, strict=False):
        print(f"  {context:9} {origins[context]}  process {process.pid}", flush=True)
    while all(process.poll() is None for process in processes):
        time.sleep(0.2)
    stop()
    return max(abs(process.wait()) for process in processes[: len(CONTEXTS)])


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
    """Return the environment of one service's process."""
    given = {
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "MEDIA_DIR": str(settings.media_dir),
        "SECRET_KEY": settings.required_secret_key(),
        "SHIPPING_SPEED": str(settings.shipping_speed),
        "HOLD_MINUTES": str(settings.hold_minutes),
        "LOG_LEVEL": settings.log_level,
        "LOG_FORMAT": settings.log_format,
        "SERVER": settings.server,
        "DRAIN_SECONDS": str(settings.drain_seconds),
        "TRUSTED_HOPS": "1",
        "CONTEXTS": context,
        "BIND": origins[context].removeprefix("http://"),
        "REPLICA": f"{context}@{settings.replica}",
    }
    given |= {f"{name.upper()}_ORIGIN": origin for name, origin in origins.items()}
    return {**os.environ, **{f"BOOKSTORE_{name}": value for name, value in given.items()}}


def _serve(context: str, settings: Settings, origins: dict[str, str]) -> "subprocess.Popen[bytes]":
    # A session of its own, so that Ctrl-C reaches it through us, once.
    return subprocess.Popen(
        [sys.executable, "-m", "bookstore", "serve"],
        env=environment_of(context, settings, origins),
        start_new_session=True,
    )


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
