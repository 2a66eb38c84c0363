"""The shop's command line: bookstore serve | migrate | import | demo."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bookstore.commands import importing, people
from bookstore.data.queries import DatabaseUnavailable
from bookstore.settings import Settings, SettingsError, load_settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a wrong setting or an unreachable database is a sentence and status 2."""
    parser = argparse.ArgumentParser(prog="bookstore", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the shop on BOOKSTORE_BIND")
    serve.set_defaults(command=_serve)
    migrate = commands.add_parser("migrate", help="bring the database to the newest version")
    migrate.set_defaults(command=_migrate)
    importing.add_command(commands)
    people.add_command(commands)
    health = commands.add_parser("health", help="ask this machine's shop whether it is alive")
    health.set_defaults(command=_health)
    demo = commands.add_parser("demo", help="serve a shop with a demo catalogue on this machine")
    demo.add_argument("--port", type=int, default=8000, help="port on 127.0.0.1 (default 8000)")
    demo.add_argument(
        "--data", type=Path, default=Path("var"), help="folder that keeps everything (default var)"
    )
    demo.add_argument(
        "--services", action="store_true", help="three services behind Traefik, not one process"
    )
    demo.set_defaults(command=_demo)
    options = parser.parse_args(arguments)
    try:
        sys.exit(options.command(options))
    except (SettingsError, DatabaseUnavailable) as error:
        print(f"bookstore: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def serve(settings: Settings) -> int:
    """Serve the shop until a signal ends it."""
    from bookstore.app import create_app
    from bookstore.web import logs
    from bookstore.web.serving.run import run

    logs.configure(settings.log_level, settings.log_format)
    run(create_app(settings), settings)
    return 0


def _serve(_options: argparse.Namespace) -> int:
    return serve(load_settings())


def _migrate(_options: argparse.Namespace) -> int:
    from bookstore.migrations import migrate

    for line in migrate(load_settings()) or ["nothing to migrate"]:
        print(line)
    return 0


def _health(_options: argparse.Namespace) -> int:
    """Return 0 when this replica answers, whatever address it is bound to."""
    import http.client

    port = int(load_settings().bind.rpartition(":")[2])
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/healthz")
        return 0 if connection.getresponse().status == 200 else 1
    except OSError as error:
        print(f"bookstore: port {port} does not answer: {error}", file=sys.stderr)
        return 1


def _demo(options: argparse.Namespace) -> int:
    from bookstore.commands import demo, services

    settings = demo.prepare(options.data, options.port)
    if options.services:
        return services.run(settings, options.data, options.port)
    return serve(settings)
