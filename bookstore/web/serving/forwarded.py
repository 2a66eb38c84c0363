"""What proxies in front tell about the reader, as far as they are to be believed."""

from typing import Any

from bookstore.web import inbound


class TrustedHops:
    """An ASGI application that takes the reader's address, scheme and host from X-Forwarded-*.
    Each proxy appends what it saw, so that the last `hops` values are true and the others are
    whatever the reader wrote."""

    def __init__(self, app: Any, hops: int) -> None:
        self._app = app
        self._hops = hops

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request as the proxies to be trusted say it came."""
        if scope["type"] == "http":
            found = inbound.joined(scope["headers"])  # gone through once, for everybody
            scope = self._believing(scope, found)
            inbound.remember(scope, found)
        await self._app(scope, receive, send)

    def _believing(self, scope: Any, found: dict[bytes, bytes]) -> Any:
        changed: dict[str, Any] = {}
        if address := self._told(found, b"x-forwarded-for"):
            changed["client"] = (address.decode("latin-1"), 0)
        if scheme := self._told(found, b"x-forwarded-proto"):
            changed["scheme"] = scheme.decode("latin-1")
        host = self._told(found, b"x-forwarded-host")
        if host and host != found.get(b"host"):
            found[b"host"] = host
            others = [item for item in scope["headers"] if item[0] != b"host"]
            changed["headers"] = [*others, (b"host", host)]
        return {**scope, **changed} if changed else scope

    def _told(self, found: dict[bytes, bytes], name: bytes) -> bytes:
        values = found.get(name, b"").split(b",")
        return values[-self._hops].strip() if len(values) >= self._hops else b""
