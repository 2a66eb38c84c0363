"""A shop to look at: SQLite and covers under one folder, a small catalogue, two people."""

import asyncio
import errno
import os
import secrets
import socket
from pathlib import Path

from bookstore.accounts.repository import confirm
from bookstore.accounts.service import Accounts
from bookstore.catalogue.demo_books import load_demo
from bookstore.clock import now
from bookstore.data.database import Database
from bookstore.migrations import migrate
from bookstore.settings import Settings, SettingsError, load_settings

PEOPLE = (
    ("Ana", "ana@example.org"),
    ("Bruno", "bruno@example.org"),
    ("Carmen", "carmen@example.org"),
)
PASSWORD = "seven quiet lanterns"  # noqa: S105  # printed on the screen, for a shop on loopback


def prepare(folder: Path, port: int) -> Settings:
    """Make the folder, migrate, load the demo, say how to sign in; return the settings to serve.

    BOOKSTORE_* variables pass through; without a database URL SQLite lives under `folder`.
    """
    _refuse_a_taken_port(port)
    _make(folder)
    defaults: dict[str, object] = {"bind": f"127.0.0.1:{port}", "log_format": "console"}
    if not _given("DATABASE_URL"):
        defaults["database_url"] = f"sqlite:///{folder.absolute() / 'bookstore.db'}"
    if not _given("MEDIA_DIR"):
        defaults["media_dir"] = folder.absolute() / "media"
    if not _given("SECRET_KEY"):
        defaults["secret_key"] = _kept_secret(folder / "secret_key")
    if not _given("SMTP_URL"):
        defaults["smtp_url"] = f"file:{folder.absolute() / 'mail'}"
        defaults["mailbox"] = True
    if not _given("SHIPPING_SPEED"):
        defaults["shipping_speed"] = 1440.0  # a day takes a minute: a parcel arrives while you look
    if not _given("LOG_LEVEL"):
        defaults["log_level"] = "WARNING"
    if not _given("DRAIN_SECONDS"):
        defaults["drain_seconds"] = 0.0
    settings = load_settings(**defaults)
    migrate(settings)
    books = asyncio.run(_load(settings))
    print(f"BookStore is at http://127.0.0.1:{port} with {books} books. Ctrl-C ends it.")
    print(f"Sign in as {' or '.join(email for _, email in PEOPLE)}; password: {PASSWORD}")
    if settings.mailbox:
        print(f"Mails that the shop sends are at http://127.0.0.1:{port}/mailbox")
    print("Pay with card 4242 4242 4242 4242, any future date, any CVC.", flush=True)
    return settings


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise SettingsError(
            f"{folder} cannot keep the shop's data ({error.strerror}). Choose another folder: "
            "./run app --data FOLDER"
        ) from error


def _given(name: str) -> bool:
    return bool(os.environ.get(f"BOOKSTORE_{name}") or os.environ.get(f"BOOKSTORE_{name}_FILE"))


def _refuse_a_taken_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise SettingsError(
                f"port {port} on 127.0.0.1 cannot be used ({error.strerror}). "
                f"Choose another one: ./run app --port {port + 1}"
            ) from error


def _kept_secret(path: Path) -> str:
    """Return the secret of this folder, made once and readable by its owner alone."""
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    return path.read_text()


async def _load(settings: Settings) -> int:
    """Create the demo people and their books where they are missing; return how many books the
    catalogue holds."""
    accounts_database = Database(settings.database_url_of("accounts"))
    catalogue_database = Database(settings.database_url_of("catalogue"))
    await accounts_database.connect()
    await catalogue_database.connect()
    try:
        accounts = Accounts(accounts_database, now)
        sellers = []
        for name, email in PEOPLE:
            person = await accounts.find(email) or await accounts.register(
                email=email, name=name, password=PASSWORD, form_key=f"demo {email}"
            )
            await confirm(accounts_database, person.id, now())
            sellers.append((person.id, person.name))
        await load_demo(catalogue_database, sellers, now, currency=settings.currency)
        return int(await catalogue_database.value("SELECT COUNT(*) FROM books WHERE listed = 1"))
    finally:
        await accounts_database.disconnect()
        await catalogue_database.disconnect()
