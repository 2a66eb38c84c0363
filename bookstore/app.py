"""The composition root: mount the contexts that the settings name, and wire the links."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from bookstore import accounts, catalogue, orders
from bookstore.accounts.service import Accounts
from bookstore.catalogue.service import Catalogue
from bookstore.clock import Clock, now
from bookstore.database import Database
from bookstore.links import DirectCatalogue, DirectSessions
from bookstore.orders.service import Orders
from bookstore.settings import Settings
from bookstore.web import errors, headers, health, idempotency, templating
from bookstore.web.server import Shop

log = structlog.get_logger()

type Chore = tuple[float, Callable[[], Awaitable[None]]]


def create_app(settings: Settings, *, clock: Clock = now) -> Shop:
    """Build the shop; it connects to its databases when it starts serving."""
    secret = settings.required_secret_key()
    app = Shop("bookstore", static_folder=str(templating.STATIC_DIR), static_url_path="/static")
    app.config.update(MAX_CONTENT_LENGTH=12 * 1024 * 1024, PROVIDE_AUTOMATIC_OPTIONS=False)
    databases = _databases(settings)
    app.extensions.update(
        {
            "bookstore.settings": settings,
            "bookstore.databases": databases,
            "bookstore.csrf_key": derived_key(secret, "csrf"),
            "bookstore.templates": templating.make_environment(),
        }
    )
    health.install(app, databases)
    headers.install(app, settings)
    errors.install(app)

    the_accounts = Accounts(databases["accounts"], clock)
    the_catalogue = Catalogue(databases["catalogue"], settings, clock)
    the_orders = Orders(
        databases["orders"],
        settings,
        clock,
        DirectCatalogue(the_catalogue),
        webhook_key=derived_key(secret, "payment webhooks"),
    )
    app.extensions["bookstore.sessions"] = DirectSessions(the_accounts)
    app.extensions["bookstore.accounts"] = the_accounts
    app.extensions["bookstore.catalogue"] = the_catalogue
    app.extensions["bookstore.orders"] = the_orders
    for context in (accounts, catalogue, orders):
        app.register_blueprint(context.blueprint)

    chores: list[Chore] = [*the_accounts.chores(), *the_catalogue.chores(), *the_orders.chores()]
    for name, database in databases.items():
        chores.append((3600, _forgetting(database, name)))
    _run_with(app, databases, chores)
    return app


def derived_key(secret: str, purpose: str) -> bytes:
    """Return a key for one purpose, so that no two uses share the secret itself."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()


def _databases(settings: Settings) -> dict[str, Database]:
    """Return the database of each context; contexts with the same URL share one pool."""
    by_url: dict[str, Database] = {}
    for context in settings.contexts:
        url = settings.database_url_of(context)
        if url not in by_url:
            by_url[url] = Database(
                url,
                pool_size=settings.database_pool_size,
                pool_timeout=settings.database_pool_timeout,
            )
    return {context: by_url[settings.database_url_of(context)] for context in settings.contexts}


def _forgetting(database: Database, context: str) -> Callable[[], Awaitable[None]]:
    async def forget() -> None:
        await idempotency.forget_old_answers(database, context)

    return forget


def _run_with(app: Shop, databases: dict[str, Database], chores: list[Chore]) -> None:
    """Connect when serving starts, run the chores meanwhile, and close everything at the end."""
    tasks: list[asyncio.Task[None]] = []

    @app.before_serving
    async def start() -> None:
        for database in set(databases.values()):
            await database.connect()
        tasks.extend(asyncio.ensure_future(_repeat(seconds, chore)) for seconds, chore in chores)

    @app.after_serving
    async def stop() -> None:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        if app.unfinished:
            await asyncio.wait(app.unfinished, timeout=10)
        for database in set(databases.values()):
            await database.disconnect()


async def _repeat(seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
    """Do a chore again and again; one that fails is written down and tried next time."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await chore()
        except Exception as error:
            log.warning("a background chore failed", chore=chore.__qualname__, reason=repr(error))
