"""The shop's command line: bookstore serve | migrate | import | people | demo."""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from bookstore.commands import importing, people
from bookstore.data.queries import DatabaseUnavailable
from bookstore.pipes import reader_may_leave
from bookstore.settings import Settings, SettingsError, load_settings

DATA = "BOOKSTORE_DATA"
_NO_TABLE = re.compile(r"^no such table: |^\(1146, ")  # as SQLite and MySQL say it


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; what cannot be done is a sentence and status 2."""
    options = _parser().parse_args(arguments)
    if options.data is not None:
        os.environ[DATA] = str(options.data)
    try:
        with reader_may_leave():
            status = options.command(options)
    except KeyboardInterrupt:
        status = 130
    except Exception as error:
        sentence = _sentence(error)
        if sentence is None:
            raise
        print(f"bookstore: {sentence}", file=sys.stderr)
        status = 2
    sys.exit(status)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bookstore", description=__doc__)
    parser.set_defaults(data=None)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="serve the shop on BOOKSTORE_BIND")
    serve.set_defaults(command=_serve)
    migrate = commands.add_parser("migrate", help="bring the database to the newest version")
    migrate.set_defaults(command=_migrate)
    importing.add_command(commands)
    commands.choices["import"].set_defaults(command=_import)
    people.add_command(commands, _people)
    health = commands.add_parser("health", help="ask this machine's shop whether it is alive")
    health.set_defaults(command=_health)
    demo = commands.add_parser("demo", help="serve a shop with a demo catalogue on this machine")
    demo.add_argument("--port", type=_port, default=8000, help="port on 127.0.0.1 (default 8000)")
    demo.add_argument(
        "--services", action="store_true", help="three services behind Traefik, not one process"
    )
    demo.set_defaults(command=_demo)
    for command in commands.choices.values():
        command.add_argument(
            "--data", type=Path, default=argparse.SUPPRESS, metavar="FOLDER",
            help=f"folder of SQLite and covers, where {DATA} and the like do not say otherwise"
            " (default var)",
        )  # fmt: skip
    return parser


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 1 to 65535")
    return int(text)


def _sentence(error: Exception) -> str | None:
    """Return what an error means to whoever typed the command; None for an error of ours."""
    if isinstance(error, SettingsError | DatabaseUnavailable):
        return str(error)
    if isinstance(error, OSError) and error.filename is not None:
        return (
            f"{error.filename} cannot be used ({error.strerror}). "
            "Give another one, or another folder with --data FOLDER."
        )
    if _NO_TABLE.search(str(error)):
        return "the database has no tables of the shop yet. `bookstore migrate` makes them."
    sql = sys.modules.get("sqlalchemy.exc")  # not loaded where no database was asked
    if sql is not None and isinstance(error, sql.DBAPIError):
        reason = error.orig.args[-1] if error.orig and error.orig.args else error
        if error.statement is None or "not a database" in str(reason):
            return (
                f"the database cannot be used ({reason}). See that it is there and that "
                "BOOKSTORE_DATABASE_URL, or --data FOLDER for SQLite, names it."
            )
    return None


def serve(settings: Settings) -> int:
    """Serve the shop until a signal ends it."""
    from bookstore.app import create_app
    from bookstore.web import logs
    from bookstore.web.serving.run import run

    logs.configure(settings.log_level, settings.log_format)
    run(create_app(settings), settings)
    return 0


def _serve(_options: argparse.Namespace) -> int:
    settings = load_settings()
    settings.required_secret_key()
    require_databases(settings)
    return serve(settings)


def require_databases(settings: Settings) -> None:
    """Raise SettingsError where a file of SQLite is not there yet."""
    for context in settings.contexts:
        url = settings.database_url_of(context)
        if url.startswith("sqlite") and not Path(url.removeprefix("sqlite:///")).exists():
            raise SettingsError(
                f"There is no database {url.removeprefix('sqlite:///')} yet. "
                "`bookstore migrate` makes it."
            )


def _migrate(_options: argparse.Namespace) -> int:
    from bookstore.migrations import migrate

    for line in migrate(load_settings()) or ["nothing to migrate"]:
        print(line)
    return 0


def _people(options: argparse.Namespace) -> int:
    require_databases(load_settings())
    return people.run(options)


def _import(options: argparse.Namespace) -> int:
    """Import a file; into SQLite, which is made where it is not there yet."""
    from bookstore.migrations import migrate

    settings = load_settings()
    readable = options.file == "-" or Path(options.file).is_file()
    if readable and settings.database_url_of("catalogue").startswith("sqlite"):
        migrate(settings)
    return importing.run(options)


def _health(_options: argparse.Namespace) -> int:
    """Return 0 when this replica answers, whatever address it is bound to."""
    from bookstore import probe

    wrong = probe.fault(int(load_settings().bind.rpartition(":")[2]))
    if wrong is not None:
        print(f"bookstore: {wrong}", file=sys.stderr)
    return 0 if wrong is None else 1


def _demo(options: argparse.Namespace) -> int:
    from bookstore.commands import demo, services

    folder = Path(os.environ.get(DATA) or "var")
    settings = demo.prepare(folder, options.port)
    if options.services:
        return services.run(settings, folder, options.port)
    return serve(settings)
