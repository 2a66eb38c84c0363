"""Serve the shop with Hypercorn and stop without failing a request."""

import asyncio
import gc
import inspect
import logging
import signal
from collections.abc import Awaitable
from typing import Any

import structlog
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from hypercorn.middleware import ProxyFixMiddleware
from quart import Quart, Request
from quart.asgi import ASGIHTTPConnection
from quart.ctx import AppContext
from quart.globals import _cv_app
from quart.sessions import NullSession, SessionInterface

from bookstore.settings import Settings
from bookstore.web import protocol
from bookstore.web.csrf import SAFE_METHODS
from bookstore.web.marks import FLAG

log = structlog.get_logger()


class _NoSessions(SessionInterface):
    """The shop's sessions are its own (sessions.py): Quart need not look for any."""

    async def open_session(self, _app: Any, _request: Any) -> NullSession:
        return NullSession()


class _PageContext(AppContext):
    """The context of a page that is the same for everybody: a request and its route. It has no
    session, and nothing listens to its signals or tears anything down."""

    async def push(self) -> None:
        self._session = NullSession()
        self._cv_token = _cv_app.set(self)
        if self.url_adapter is not None:
            self.match_request()

    async def pop(self, exc: BaseException | None = None) -> None:
        assert self._cv_token is not None
        _cv_app.reset(self._cv_token)


class _Connection(ASGIHTTPConnection):
    """A page for everybody is asked for by the page cache, without a body, and by nobody who could
    go away meanwhile: it needs no tasks that watch for either."""

    async def __call__(self, receive: Any, send: Any) -> None:
        if not self.scope.get(FLAG):
            return await super().__call__(receive, send)
        request = self._create_request_from_scope(send)
        request.body.set_complete()
        return await self.handle_request(request, send)


class Shop(Quart):
    """Quart, except that a request which changes something runs to its end even when the reader
    goes away: it commits or rolls back, and its answer is kept for the next try. And pages that
    are the same for everybody take a shorter way through it."""

    asgi_http_class = _Connection
    session_interface = _NoSessions()  # type: ignore[assignment]  # none of Quart's

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unfinished: set[asyncio.Task[Any]] = set()

    def request_context(self, request: Request) -> AppContext:
        """Return the context that a request is answered in."""
        kind = _PageContext if request.scope.get(FLAG) else AppContext
        return kind(self, request=request)

    def ensure_async(self, func: Any) -> Any:
        """Return a function as a coroutine function. Nearly all are, which their code tells."""
        code = getattr(func, "__code__", None)
        if code is not None and code.co_flags & inspect.CO_COROUTINE:
            return func
        return super().ensure_async(func)

    async def dispatch_request(self, ctx: AppContext) -> Any:
        assert ctx.request is not None
        if ctx.request.method in SAFE_METHODS:
            return await super().dispatch_request(ctx)
        task = asyncio.ensure_future(super().dispatch_request(ctx))
        self.unfinished.add(task)
        task.add_done_callback(self.unfinished.discard)
        return await asyncio.shield(task)


def run(app: Shop, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    # Code and templates stay for good: the collector need not look at them again, and requests
    # leave few cycles behind, so that it need not look as often either.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 10)
    protocol.install()
    asyncio.run(_serve(app, settings))


async def _serve(app: Shop, settings: Settings) -> None:
    config = Config()
    config.bind = [settings.bind]
    config.include_server_header = False
    config.accesslog = None
    config.errorlog = logging.getLogger("hypercorn.error")
    config.graceful_timeout = 20
    config.keep_alive_timeout = 65
    config.h11_max_incomplete_size = 32 * 1024
    config.backlog = 1024
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def drain() -> None:
        """Fail readiness at once, serve on while proxies notice, then stop."""
        readiness = app.extensions["bookstore.readiness"]
        if readiness.draining:
            stop.set()  # asked a second time: stop now
            return
        readiness.draining = True
        log.info("draining", seconds=settings.drain_seconds)
        loop.call_later(settings.drain_seconds, stop.set)

    loop.add_signal_handler(signal.SIGTERM, drain)
    loop.add_signal_handler(signal.SIGINT, stop.set)

    async def stopped() -> None:
        await stop.wait()

    served: Any = app
    if settings.trusted_hops:
        served = ProxyFixMiddleware(app, mode="legacy", trusted_hops=settings.trusted_hops)
    serving: Awaitable[None] = hypercorn_serve(served, config, shutdown_trigger=stopped)
    await serving
