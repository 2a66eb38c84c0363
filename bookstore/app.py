"""The composition root: mount the contexts that the settings name, and wire the links."""

import asyncio
import hashlib
import hmac
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic
from typing import TYPE_CHECKING

import structlog
from quart import Blueprint

from bookstore import internal
from bookstore.accounts.passkeys import Passkeys
from bookstore.accounts.routes import blueprint as accounts_pages
from bookstore.accounts.second_step import SecondStep
from bookstore.accounts.service import Accounts
from bookstore.catalogue.routes import blueprint as catalogue_pages
from bookstore.catalogue.service import Catalogue
from bookstore.clock import SECOND, Clock, SharedClock
from bookstore.contracts import CatalogueLink, ContactLink
from bookstore.data import deadline
from bookstore.data.database import Database
from bookstore.links import (
    DirectCatalogue,
    DirectContacts,
    DirectSessions,
    HttpCatalogue,
    HttpContacts,
    HttpPersonal,
    HttpSessions,
)
from bookstore.mail import mailbox
from bookstore.mail.outbox import Outbox
from bookstore.mail.sweep import SWEEP_SECONDS as MAIL_SECONDS
from bookstore.mail.sweep import Box, Sweep, as_written
from bookstore.orders import mails as orders_mails
from bookstore.orders.routes import blueprint as orders_pages
from bookstore.orders.service import Orders
from bookstore.settings import CONTEXTS, Settings
from bookstore.web import errors, headers, health, kept_answers, templating
from bookstore.web.cache.page_cache import PageCache
from bookstore.web.cache.versions import Versions
from bookstore.web.shop import Shop
from bookstore.web.signing import Signer

if TYPE_CHECKING:
    import httpx

    from bookstore.siblings import Sibling

log = structlog.get_logger()

_ANSWER_SECONDS = 7.0  # for which one request waits for databases: readers hear within ten
_CLOCK_SECONDS, _CLOCK_PATIENCE = 10.0, 3.0  # how often the database's clock is asked; for how long
_CLOCK_OFF = 2 * SECOND

type Chore = tuple[float, Callable[[], Awaitable[None]]]


def create_app(
    settings: Settings,
    *,
    clock: Clock | None = None,
    open_database: Callable[..., Database] = Database,
    transport: "httpx.AsyncBaseTransport | None" = None,
) -> Shop:
    """Build the shop; it connects to its databases when it starts serving. What it knows of the
    world comes from databases, from their clock unless another is given, and by calls of its
    siblings over `transport`."""
    secret = settings.required_secret_key()
    app = Shop("bookstore", static_folder=str(templating.STATIC_DIR), static_url_path="/static")
    app.config.update(
        MAX_CONTENT_LENGTH=12 * 1024 * 1024,
        BODY_TIMEOUT=3 * settings.client_timeout,
        RESPONSE_TIMEOUT=None,  # a slow reader gets all; one who takes nothing, see connections.py
        PROVIDE_AUTOMATIC_OPTIONS=False,
    )
    databases = _databases(settings, open_database)
    listen = None
    if clock is None:
        clock = SharedClock()
        listen = _listening(clock, next(iter(databases.values())))
    app.extensions.update(
        {
            "bookstore.settings": settings,
            "bookstore.databases": databases,
            "bookstore.clock": clock,
            "bookstore.csrf_key": derived_key(secret, "csrf"),
            "bookstore.templates": templating.make_environments(),
        }
    )
    app.extensions["bookstore.versions"] = versions = Versions()
    app.asgi_app = PageCache(  # type: ignore[method-assign]  # so Quart has middleware installed
        app.asgi_app,
        settings,
        derived_key(secret, "csrf"),
        versions,
        budget=settings.page_cache_mb * 1024 * 1024,
    )
    app.before_request(_limit_waiting)
    health.install(app, databases)
    headers.install(app, settings)
    errors.install(app)

    signer = Signer(derived_key(secret, "internal calls"), clock)
    siblings = _siblings(settings, signer, transport)
    chores: list[Chore] = []
    outboxes = {
        name: Outbox(name, clock, is_open=settings.smtp_url is not None)
        for name in settings.contexts
    }
    contacts: ContactLink
    if "accounts" in settings.contexts:
        the_accounts = Accounts(databases["accounts"], clock, outboxes["accounts"])
        contacts = DirectContacts(the_accounts)
        app.extensions["bookstore.second_step"] = SecondStep(
            the_accounts, derived_key(secret, "second step")
        )
        app.extensions["bookstore.passkeys"] = Passkeys(
            the_accounts, derived_key(secret, "passkeys")
        )
        chores += _mount(app, "accounts", the_accounts, accounts_pages)
        app.extensions["bookstore.sessions"] = DirectSessions(the_accounts)
    else:
        contacts = HttpContacts(siblings["accounts"])
        app.extensions["bookstore.sessions"] = HttpSessions(siblings["accounts"])
    app.extensions["bookstore.contacts"] = contacts
    if "catalogue" in settings.contexts:
        the_catalogue = Catalogue(databases["catalogue"], settings, clock, outboxes["catalogue"])
        the_catalogue.changes.tell = versions.changed
        the_catalogue.changes.tell_everything = versions.everything_changed
        chores += _mount(app, "catalogue", the_catalogue, catalogue_pages)
    if "orders" in settings.contexts:
        link: CatalogueLink = (
            DirectCatalogue(the_catalogue)
            if "catalogue" in settings.contexts
            else HttpCatalogue(siblings["catalogue"])
        )
        webhook_key = derived_key(secret, "payment webhooks")
        the_orders = Orders(
            databases["orders"],
            settings,
            clock,
            link,
            webhook_key=webhook_key,
            outbox=outboxes["orders"],
        )
        chores += _mount(app, "orders", the_orders, orders_pages)
    app.extensions["bookstore.personal"] = {
        name: (
            app.extensions[f"bookstore.{name}"].personal
            if name in settings.contexts
            else HttpPersonal(siblings[name], name)
        )
        for name in ("catalogue", "orders")
        if name in settings.contexts or name in siblings
    }
    mail_key = app.extensions["bookstore.mail_key"] = derived_key(secret, "links of mails")
    if settings.smtp_url is not None and outboxes:
        shown = {"accounts": as_written, "catalogue": as_written, "orders": orders_mails.shown}
        boxes = [Box(outbox, databases[name], shown[name]) for name, outbox in outboxes.items()]
        sweep = Sweep(boxes, contacts, settings, clock, key=mail_key)
        app.extensions["bookstore.mail"] = sweep
        chores += [(MAIL_SECONDS, sweep.run), (600, sweep.forget_old)]
    mailbox.install(app, settings)
    if settings.contexts != CONTEXTS:
        app.extensions["bookstore.signer"] = signer
        app.register_blueprint(internal.blueprint)
    chores += [(3600, _forgetting(database, clock, name)) for name, database in databases.items()]
    _run_with(app, databases, siblings, chores, listen)
    return app


def _mount(
    app: Shop, name: str, service: Accounts | Catalogue | Orders, blueprint: Blueprint
) -> list[Chore]:
    """Serve a context's pages and return its chores."""
    app.extensions[f"bookstore.{name}"] = service
    app.register_blueprint(blueprint)
    return service.chores()


async def _limit_waiting() -> None:
    deadline.answer_within(_ANSWER_SECONDS)


def derived_key(secret: str, purpose: str) -> bytes:
    """Return a key for one purpose, so that no two uses share the secret itself."""
    return hmac.new(secret.encode(), purpose.encode(), hashlib.sha256).digest()


def _databases(settings: Settings, open_database: Callable[..., Database]) -> dict[str, Database]:
    """Return the database of each context; contexts with the same URL share one pool."""
    by_url: dict[str, Database] = {}
    for context in settings.contexts:
        url = settings.database_url_of(context)
        if url not in by_url:
            by_url[url] = open_database(
                url,
                pool_size=settings.database_pool_size,
                pool_timeout=settings.database_pool_timeout,
            )
    return {context: by_url[settings.database_url_of(context)] for context in settings.contexts}


def _siblings(
    settings: Settings, signer: Signer, transport: "httpx.AsyncBaseTransport | None"
) -> dict[str, "Sibling"]:
    """Return the contexts that other services hold."""
    origins = {
        name: origin
        for name in CONTEXTS
        if name not in settings.contexts and (origin := getattr(settings, f"{name}_origin"))
    }
    if not origins:
        return {}
    from bookstore.siblings import Sibling

    return {
        name: Sibling(name, origin, signer, transport=transport) for name, origin in origins.items()
    }


def _forgetting(database: Database, clock: Clock, context: str) -> Callable[[], Awaitable[None]]:
    async def forget() -> None:
        await kept_answers.forget_old_answers(database, context, clock())

    return forget


def _listening(clock: SharedClock, database: Database) -> Callable[[], Awaitable[None]]:
    was_off = False

    async def listen_to_the_clock() -> None:
        nonlocal was_off
        asked = monotonic()
        async with asyncio.timeout(_CLOCK_PATIENCE):  # a late answer says little
            moment = await database.moment()
        ahead = clock.hear(moment, asked, monotonic())
        is_off = abs(ahead) > _CLOCK_OFF
        if is_off and not was_off:
            log.warning("this host's clock is off the database's", seconds=ahead / SECOND)
        elif was_off and not is_off:
            log.info("this host's clock agrees with the database's again")
        was_off = is_off

    return listen_to_the_clock


def _run_with(
    app: Shop,
    databases: dict[str, Database],
    siblings: dict[str, "Sibling"],
    chores: list[Chore],
    listen: Callable[[], Awaitable[None]] | None,
) -> None:
    """Connect when serving starts, run the chores meanwhile, and close everything at the end."""
    tasks: list[asyncio.Task[None]] = []

    @app.before_serving
    async def start() -> None:
        settings: Settings = app.extensions["bookstore.settings"]
        log.info("serving", replica=settings.replica, shown_as=settings.shown_replica)
        for database in set(databases.values()):
            await database.connect()
        if listen is not None:
            await _attempt(listen)
            tasks.append(asyncio.ensure_future(_repeat(_CLOCK_SECONDS, listen)))
        tasks.extend(asyncio.ensure_future(_repeat(seconds, chore)) for seconds, chore in chores)
        if "catalogue" in settings.contexts:
            templates = app.extensions["bookstore.templates"]

            async def prepare_templates() -> None:
                await templating.prepare(templates)

            tasks.append(asyncio.ensure_future(_attempt(prepare_templates)))

    @app.after_serving
    async def stop() -> None:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        if app.unfinished:
            await asyncio.wait(app.unfinished, timeout=10)
        for sibling in siblings.values():
            await sibling.close()
        # At once: each may wait some seconds for connections in use.
        await asyncio.gather(*(each.disconnect() for each in set(databases.values())))


async def _repeat(seconds: float, chore: Callable[[], Awaitable[None]]) -> None:
    """Do a chore again and again; one that fails is written down and tried next time."""
    while True:
        await asyncio.sleep(seconds)
        await _attempt(chore)


async def _attempt(chore: Callable[[], Awaitable[None]]) -> None:
    """Do a chore; what fails is written down and ends nothing else."""
    try:
        await chore()
    except Exception as error:
        log.warning("a background chore failed", chore=chore.__qualname__, reason=repr(error))
