"""Serve the shop with Hypercorn and stop without failing a request."""

import asyncio
import logging
import signal
from collections.abc import Awaitable
from typing import Any

import structlog
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from hypercorn.middleware import ProxyFixMiddleware
from quart import Quart
from quart.ctx import AppContext

from bookstore.settings import Settings
from bookstore.web.csrf import SAFE_METHODS

log = structlog.get_logger()


class Shop(Quart):
    """Quart, except that a request which changes something runs to its end even when the reader
    goes away: it commits or rolls back, and its answer is kept for the next try."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.unfinished: set[asyncio.Task[Any]] = set()

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
