"""What proxies in front tell about the reader, as far as they are to be believed."""

from typing import Any


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
            found: dict[bytes, list[bytes]] = {}
            for name, value in scope["headers"]:
                if name.startswith(b"x-forwarded-"):
                    found.setdefault(name, []).extend(value.split(b","))
            if found:
                scope = self._believing(scope, found)
        await self._app(scope, receive, send)

    def _believing(self, scope: Any, found: dict[bytes, list[bytes]]) -> Any:
        told = {
            name: values[-self._hops].strip()
            for name, values in found.items()
            if len(values) >= self._hops
        }
        scope = {**scope}
        if address := told.get(b"x-forwarded-for"):
            scope["client"] = (address.decode("latin-1"), 0)
        if scheme := told.get(b"x-forwarded-proto"):
            scope["scheme"] = scheme.decode("latin-1")
        if host := told.get(b"x-forwarded-host"):
            others = [item for item in scope["headers"] if item[0] != b"host"]
            scope["headers"] = [*others, (b"host", host)]
        return scope
