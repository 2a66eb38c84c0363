"""The floor: Hypercorn, as the shop runs it, sending bytes that it holds ready."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

from hypercorn.asyncio import serve
from hypercorn.config import Config

_folder = Path(os.environ["BENCH_FLOOR"])
ANSWERS: dict[str, tuple[list[tuple[bytes, bytes]], bytes]] = {
    name: (
        [(key.encode(), value.encode()) for key, value in headers],
        (_folder / f"{number}.body").read_bytes(),
    )
    for number, (name, headers) in enumerate(json.loads((_folder / "index.json").read_text()))
}


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the bytes that the shop sent for the page."""
    if scope["type"] != "http":
        return
    headers, body = ANSWERS[scope["path"][1:]]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})


if __name__ == "__main__":
    config = Config()
    config.bind = [sys.argv[1]]
    config.include_server_header = False
    config.accesslog = None
    config.keep_alive_timeout = 65
    config.backlog = 1024
    asyncio.run(serve(app, config))
