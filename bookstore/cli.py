"""The shop's command line: bookstore serve | migrate | import | demo."""

import argparse
import sys
from collections.abc import Sequence

from bookstore.database import DatabaseUnavailable
from bookstore.settings import Settings, SettingsError, load_settings


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; a wrong setting or an unreachable database is a sentence and status 2."""
    parser = argparse.ArgumentParser(prog="bookstore", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the shop on BOOKSTORE_BIND")
    serve.set_defaults(command=_serve)
    migrate = commands.add_parser("migrate", help="bring the database to the newest version")
    migrate.set_defaults(command=_migrate)
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
    from bookstore.web import logs, server

    logs.configure(settings.log_level, settings.log_format)
    server.run(create_app(settings), settings)
    return 0


def _serve(_options: argparse.Namespace) -> int:
    return serve(load_settings())


def _migrate(_options: argparse.Namespace) -> int:
    from bookstore.migrations import migrate

    for line in migrate(load_settings()) or ["nothing to migrate"]:
        print(line)
    return 0
