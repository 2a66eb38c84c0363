"""What we work around in Hypercorn. When this fails, a version has come that needs it no longer:
take `_farewell` out of bookstore/web/serving/."""

import asyncio
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

from tests.support.server import free_port


async def _nothing(scope: Any, _receive: Any, send: Any) -> None:
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def test_it_watches_over_connections_whose_peer_has_gone() -> None:
    port, stop = free_port(), asyncio.Event()
    config = Config()
    config.bind, config.keep_alive_timeout, config.errorlog = [f"127.0.0.1:{port}"], 60, None
    serving = asyncio.ensure_future(serve(_nothing, config, shutdown_trigger=stop.wait))
    await asyncio.sleep(0.2)
    before = len(asyncio.all_tasks())
    for _each in range(10):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        assert (await reader.readline()).startswith(b"HTTP/1.1 204")
        writer.close()
        await writer.wait_closed()
    await asyncio.sleep(0.5)
    assert len(asyncio.all_tasks()) - before >= 10
    stop.set()
    await serving
