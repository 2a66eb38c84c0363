"""Signed HTTP to a sibling service. A shop in one process needs none of it, nor the libraries."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import structlog
from circuitbreaker import CircuitBreaker, CircuitBreakerError
from quart import has_request_context
from tenacity import (
    AsyncRetrying,
    retry_if_exception_type,
    stop_after_attempt,
    stop_after_delay,
    wait_random_exponential,
)

from bookstore.contracts import SiblingUnavailable
from bookstore.web.inbound import inbound
from bookstore.web.signing import Signer

log = structlog.get_logger()

CONNECT_TIMEOUT = 0.5  # seconds
WHOLE_TIMEOUT = 2.0  # seconds, all attempts together
AT_ONCE = 32  # calls under way to one sibling: a slow one cannot take every request with it
BREAKER_FAILURES = 8  # in a row, then the sibling is left alone for a moment
BREAKER_REST = 2  # seconds


class _ServerError(Exception):
    """The sibling answered that it cannot answer."""


_NO_ANSWER = (httpx.TransportError, TimeoutError, _ServerError)


class Sibling:
    """A sibling service at an origin. Every call to it may be repeated without doing more, so a
    call that failed is tried again within the two seconds that it has altogether."""

    def __init__(
        self,
        name: str,
        origin: str,
        signer: Signer,
        *,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._name = name
        self._signer = signer
        self._turn = asyncio.Semaphore(AT_ONCE)
        breaker = CircuitBreaker(
            failure_threshold=BREAKER_FAILURES,
            recovery_timeout=BREAKER_REST,
            expected_exception=_NO_ANSWER,
            name=name,
        )
        self._guarded_send = breaker.decorate(self._send)
        self._client = httpx.AsyncClient(
            base_url=origin,
            transport=transport,
            timeout=httpx.Timeout(WHOLE_TIMEOUT, connect=CONNECT_TIMEOUT),
            limits=httpx.Limits(max_connections=AT_ONCE, max_keepalive_connections=AT_ONCE),
        )

    async def close(self) -> None:
        """Close the connections to the service."""
        await self._client.aclose()

    async def call(self, path: str, **values: Any) -> Any:
        """Return the sibling's answer; raise SiblingUnavailable when it does not give one."""
        body = json.dumps(values).encode()
        deadline = asyncio.get_running_loop().time() + WHOLE_TIMEOUT
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(_NO_ANSWER),
            stop=stop_after_attempt(4) | stop_after_delay(WHOLE_TIMEOUT - 0.1),
            wait=wait_random_exponential(multiplier=0.05, max=0.4),
            reraise=True,
        )
        try:
            async with self._place(deadline):
                return await attempts(self._guarded_send, path, body, deadline)
        except (*_NO_ANSWER, CircuitBreakerError) as error:
            log.warning("a sibling does not answer", sibling=self._name, reason=repr(error))
            raise SiblingUnavailable(self._name) from error

    @asynccontextmanager
    async def _place(self, deadline: float) -> AsyncIterator[None]:
        async with asyncio.timeout_at(deadline):
            await self._turn.acquire()
        try:
            yield
        finally:
            self._turn.release()

    async def _send(self, path: str, body: bytes, deadline: float) -> Any:
        headers = self._signer.headers("POST", path, body)
        headers["Content-Type"] = "application/json"
        if has_request_context():
            headers["X-Request-ID"] = inbound().request_id
        async with asyncio.timeout_at(deadline):
            response = await self._client.post(path, content=body, headers=headers)
        if response.status_code >= 500:
            raise _ServerError(f"{path} answered {response.status_code}")
        response.raise_for_status()
        return response.json()
