"""A simulated reader's browser: sends a form until it is heard, with the same key."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any
from urllib.parse import urlencode

from bookstore.web.csrf import token_of
from loadtest.simulation.network import Answer, Unheard

TRIES = 12
_UNDER_WAY = b"still being worked on"

type Ask = Callable[[str, str, dict[str, str], bytes], Awaitable[Answer]]


class Reader:
    """Somebody with a session, sending forms to whichever replica is reached."""

    def __init__(self, name: str, ask: Ask, csrf_key: bytes, chance: Random) -> None:
        self.name = name
        self.email = f"{name}@example.org"
        self.cookies: dict[str, str] = {}
        self.chance = chance
        self._ask = ask
        self._csrf_key = csrf_key

    async def get(self, path: str) -> Answer:
        """Open a page; raise Unheard when nobody answers for long."""
        return await self._insist("GET", path, b"", {})

    async def post(self, path: str, fields: dict[str, Any], *, key: str = "") -> Answer:
        """Send a form as a page of ours makes it; raise Unheard when nobody answers for long."""
        token = token_of(self._csrf_key, self.cookies["session"])
        whole = {**fields, "csrf_token": token, "idempotency_key": key or self.key()}
        headers = {"content-type": "application/x-www-form-urlencoded", "origin": "http://shop"}
        return await self._insist("POST", path, urlencode(whole).encode(), headers)

    def key(self) -> str:
        """Return the key of a new form."""
        return f"{self.chance.getrandbits(96):024x}"

    async def _insist(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Answer:
        headers = headers | {"host": "shop", "content-length": str(len(body))}
        for _attempt in range(TRIES):
            cookie = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
            try:
                answer = await self._ask(method, path, headers | {"cookie": cookie}, body)
            except Unheard:
                await asyncio.sleep(self.chance.uniform(0.1, 1))
                continue
            if answer.status == 503 or (answer.status == 409 and _UNDER_WAY in answer.body):
                await asyncio.sleep(self.chance.uniform(0.5, 3))
                continue
            self._remember(answer)
            return answer
        raise Unheard

    def _remember(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name == "set-cookie" and (found := re.match(r"(\w+)=([^;]*)", value)):
                self.cookies[found[1]] = found[2]
