"""Serve the shop with the server that the settings name, and stop without failing a request."""

import asyncio
import errno
import resource
from collections.abc import Callable
from types import ModuleType
from typing import Any

import structlog

from bookstore.settings import Settings
from bookstore.web.health import Readiness
from bookstore.web.serving.connections import Connections, Limits, OneByOne
from bookstore.web.serving.forwarded import TrustedHops
from bookstore.web.serving.listening import bound_socket
from bookstore.web.serving.stopping import GRACE, Stopping
from bookstore.web.shop import Shop

log = structlog.get_logger()

_RESERVED = 64  # descriptors for listening, logs, files and calls to siblings
_FOR_EACH_DATABASE_CONNECTION = 3  # SQLite opens as many


def run(app: Shop, settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT."""
    server = _server(settings.server)
    connections = Connections(limits_of(settings))
    with asyncio.Runner(loop_factory=lambda: server.Loop(connections)) as runner:
        runner.run(_serve(server, app, settings, connections))


def _server(name: str) -> ModuleType:
    """Return the module of a server; only the chosen one costs time and memory."""
    if name == "uvicorn":
        from bookstore.web.serving import uvicorn

        return uvicorn
    from bookstore.web.serving import hypercorn

    return hypercorn


def limits_of(settings: Settings) -> Limits:
    """Return what the settings, and the descriptors that this process may open, grant to peers."""
    descriptors, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    databases = len({settings.database_url_of(context) for context in settings.contexts})
    for_databases = databases * settings.database_pool_size * _FOR_EACH_DATABASE_CONNECTION
    most = max(16, descriptors - _RESERVED - for_databases)
    return Limits(min(settings.max_connections, most), settings.client_timeout)


async def _serve(
    server: ModuleType, app: Shop, settings: Settings, connections: Connections
) -> None:
    readiness: Readiness = app.extensions["bookstore.readiness"]
    stopping = Stopping(readiness, settings.drain_seconds)
    served: Any = app
    if settings.trusted_hops:
        served = TrustedHops(served, settings.trusted_hops)
    listener = bound_socket(settings.bind)
    most = connections.limits.connections
    log.info("serving", server=settings.server, bind=settings.bind, connections=most)
    asyncio.get_running_loop().set_exception_handler(_counting(connections))
    watch = asyncio.ensure_future(connections.watch())
    last = asyncio.ensure_future(_cut_what_stays(stopping, connections))
    try:
        await server.serve(OneByOne(served), listener, stopping)
    finally:
        for task in (watch, last):
            task.cancel()
        await asyncio.wait([watch, last])


def _counting(connections: Connections) -> Callable[[asyncio.AbstractEventLoop, Any], None]:
    """Return what handles errors of the event loop: a connection for which there is no descriptor
    is counted, because the loop tries again many times a second."""

    def handle(loop: asyncio.AbstractEventLoop, context: Any) -> None:
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in {errno.EMFILE, errno.ENFILE}:
            connections.count("no descriptor")
        else:
            loop.default_exception_handler(context)

    return handle


async def _cut_what_stays(stopping: Stopping, connections: Connections) -> None:
    """End what does not end by itself once the shop stops: a peer that takes no answer."""
    await stopping.wait()
    await asyncio.sleep(GRACE)
    connections.cut_all()
