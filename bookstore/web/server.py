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
from quart.sessions import NullSession
from quart.utils import encode_headers
from quart.wrappers.response import DataBody

from bookstore.settings import Settings
from bookstore.web import protocol
from bookstore.web.csrf import SAFE_METHODS
from bookstore.web.placeholders import FLAG

log = structlog.get_logger()


class _Context(AppContext):
    """The context of a request. The shop uses no session of Quart's, listens to none of its
    signals and has nothing to tear down but the files that a form brought."""

    async def push(self) -> None:
        self._session = NullSession()
        self._cv_token = _cv_app.set(self)
        if self.url_adapter is not None:
            self.match_request()

    async def pop(self, exc: BaseException | None = None) -> None:
        assert self._cv_token is not None
        _cv_app.reset(self._cv_token)
        self._cv_token = None
        if self.request.method not in SAFE_METHODS:
            await self.request.close()


class _Connection(ASGIHTTPConnection):
    """One request. A page for everybody is asked for by the page cache, without a body, and by
    nobody who could go away meanwhile: it needs no task that watches for either."""

    async def __call__(self, receive: Any, send: Any) -> None:
        request = self._create_request_from_scope(send)
        if self.scope.get(FLAG):
            request.body.set_complete()
            await self.handle_request(request, send)
            return
        task = asyncio.current_task()
        assert task is not None
        watching = asyncio.ensure_future(self.handle_messages(request, receive, task))
        try:
            await self.handle_request(request, send)
        except asyncio.CancelledError:
            if not self._disconnected:
                raise
        finally:
            watching.cancel()
            if self._disconnected:  # nobody else is to take it for a cancellation
                task.uncancel()

    async def _send_response(self, send: Any, response: Any) -> None:
        """Send the answer; a body that is there already, in one message."""
        body = getattr(response, "response", None)
        if type(body) is not DataBody or self._disconnected:
            await super()._send_response(send, response)
            return
        headers = encode_headers(response.headers)
        start = {"type": "http.response.start", "status": response.status_code}
        await send({**start, "headers": headers})
        data = body.data[body.begin : body.end]
        await send({"type": "http.response.body", "body": data, "more_body": False})


class Shop(Quart):
    """Quart, except that a request which changes something runs to its end even when the reader
    goes away: it commits or rolls back, and its answer is kept for the next try. And without
    what the shop does not use of it."""

    asgi_http_class = _Connection

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unfinished: set[asyncio.Task[Any]] = set()

    def request_context(self, request: Request) -> AppContext:
        """Return the context that a request is answered in."""
        return _Context(self, request=request)

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
