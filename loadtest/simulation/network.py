"""The network between readers, replicas and services: it delays, loses and doubles messages."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import httpx

from loadtest.simulation.process import Process

PATIENCE = 15.0  # seconds for which a reader waits


class Unheard(Exception):
    """No answer came."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        """Return the first header of a name, "" without one."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass
class Weather:
    """The shares of messages that are lost or come twice, and how late they are."""

    chance: Random
    lost: float = 0.0
    doubled: float = 0.0
    late: float = 0.0

    async def carry(self) -> None:
        """Take a message to where it goes; raise Unheard when it gets lost."""
        roll = self.chance.random()
        if roll < self.lost:
            await asyncio.sleep(PATIENCE)
            raise Unheard
        slow = roll > 1 - self.late
        await asyncio.sleep(self.chance.uniform(1, 10) if slow else self.chance.expovariate(500))


async def ask_app(
    app: Any, process: Process, method: str, path: str, headers: Mapping[str, str], body: bytes
) -> Answer:
    """Hand a request to an application in its process, and return what it sends before it dies."""
    way, _, query = path.partition("?")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method,
        "scheme": "http", "path": way, "raw_path": way.encode(), "query_string": query.encode(),
        "root_path": "", "client": ("10.0.0.9", 1024), "server": ("shop", 80), "extensions": {},
        "headers": [(name.lower().encode(), value.encode()) for name, value in headers.items()],
    }  # fmt: skip
    answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
    arrived = False
    start: dict[str, Any] = {}
    pieces: list[bytes] = []

    async def receive() -> dict[str, Any]:
        nonlocal arrived
        if arrived:
            await asyncio.get_running_loop().create_future()
        arrived = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        await process.live()
        if message["type"] == "http.response.start":
            start.update(message)
        elif message["type"] == "http.response.body":
            pieces.append(message.get("body", b""))
            if not message.get("more_body", False) and not answered.done():
                found = [(k.decode().lower(), v.decode("latin-1")) for k, v in start["headers"]]
                answered.set_result(Answer(start["status"], found, b"".join(pieces)))

    process.start(app(scope, receive, send))
    return await answered


class Wire(httpx.AsyncBaseTransport):
    """What the services call each other over."""

    def __init__(self, caller: Process, weather: Weather, find: Any) -> None:
        self._caller, self._weather, self._find = caller, weather, find

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry a call to one of the replicas of a service, and its answer back."""
        callee = self._find(request.url.host)
        try:
            await self._weather.carry()
            await self._caller.live()
            if callee is None or callee.process.dead:
                raise httpx.ConnectError("nobody listens")
            answer = await ask_app(
                callee.app, callee.process, request.method, request.url.raw_path.decode(),
                dict(request.headers), request.content,
            )  # fmt: skip
            await self._weather.carry()
        except Unheard:
            raise httpx.ReadTimeout("no answer came") from None
        await self._caller.live()
        return httpx.Response(answer.status, headers=list(answer.headers), content=answer.body)
