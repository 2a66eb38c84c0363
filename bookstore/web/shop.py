"""The shop as a Quart application."""

import asyncio
from typing import Any

from quart import Quart, Response
from werkzeug.datastructures import Headers
from werkzeug.routing import IntegerConverter

from bookstore.web.csrf import SAFE_METHODS
from bookstore.web.placeholders import FLAG


class _Number(IntegerConverter):
    """A number in an address as the shop writes it, so that each page has one address: no zeros
    before it, and no digits of other scripts."""

    regex = r"0|[1-9][0-9]*"


class Shop(Quart):
    """Quart, except that a request which changes something runs to its end even when the reader
    goes away: it commits or rolls back, and its answer is kept for the next try."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.url_map.converters = {**self.url_map.converters, "int": _Number}
        self.unfinished: set[asyncio.Task[None]] = set()

    async def asgi_app(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; one that changes something, in a task that nobody cancels."""
        if scope.get(FLAG):
            return await self._answer_the_cache(scope, send)
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS:
            return await super().asgi_app(scope, receive, send)
        exchange = _Exchange(receive, send)
        answering = super().asgi_app(scope, exchange.receive, exchange.send)
        task = asyncio.ensure_future(answering)
        self.unfinished.add(task)
        task.add_done_callback(self.unfinished.discard)
        return await asyncio.shield(task)

    async def _answer_the_cache(self, scope: Any, send: Any) -> None:
        """Answer a request that the page cache made. It has no body and is never called off, and so
        needs none of the tasks in which Quart waits for either."""
        headers = Headers(
            [(name.decode(), value.decode("latin-1")) for name, value in scope["headers"]]
        )
        request = self.request_class(
            scope["method"], scope["scheme"], scope["path"], scope["query_string"], headers,
            scope["root_path"], scope["http_version"], scope, send_push_promise=_push_nothing,
        )  # fmt: skip
        response = await self.handle_request(request)
        lines = [(name.encode(), value.encode("latin-1")) for name, value in response.headers]
        start = {"type": "http.response.start", "status": response.status_code, "headers": lines}
        if isinstance(response, Response):
            body = await response.get_data(as_text=False)
        else:  # by Werkzeug: the way to another spelling of an address
            body = response.get_data()
        await send(start)
        await send({"type": "http.response.body", "body": body, "more_body": False})


async def _push_nothing(_path: str, _headers: Headers) -> None:
    """Take the place of what HTTP/2 could push."""


class _Exchange:
    """What the server and the shop tell each other about one request. Once it has arrived whole,
    the shop hears no more of the reader until it has answered."""

    def __init__(self, receive: Any, send: Any) -> None:
        self._receive = receive
        self._send = send
        self._arrived = False
        self._answered = asyncio.Event()

    async def receive(self) -> Any:
        """Return the next piece of the request."""
        if self._arrived:
            await self._answered.wait()
            return {"type": "http.disconnect"}
        message = await self._receive()
        self._arrived = message["type"] == "http.request" and not message.get("more_body", False)
        return message

    async def send(self, message: Any) -> None:
        """Send a piece of the answer."""
        try:
            await self._send(message)
        except OSError:
            pass  # nobody hears it
        finally:
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                self._answered.set()
