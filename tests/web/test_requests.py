"""Requests on their way through the framework, whose readers stay or go away."""

import asyncio
from typing import Any

import pytest
from quart import Response

from bookstore.web.shop import Shop


def _app(ended: list[str]) -> Shop:
    app = Shop("test")

    @app.route("/slow", methods=["GET", "POST"])
    async def slow() -> Response:
        try:
            await asyncio.sleep(0.2)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        ended.append("finished")
        return Response("done")

    return app


async def _ask(app: Shop, method: str, *, leaves: bool) -> list[dict[str, Any]]:
    """Ask as a server does, for a reader who perhaps leaves before there is an answer."""
    sent: list[dict[str, Any]] = []
    messages = [{"type": "http.request", "body": b"", "more_body": False}]
    answered = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        if leaves:
            await asyncio.sleep(0.05)
        else:
            await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)
        if not message.get("more_body", True):
            answered.set()

    scope = {"type": "http", "http_version": "1.1", "method": method, "scheme": "http",
             "path": "/slow", "raw_path": b"/slow", "query_string": b"", "root_path": "",
             "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1)}  # fmt: skip
    await app(scope, receive, send)  # type: ignore[arg-type]
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await asyncio.sleep(0)  # and no cancellation is on its way
    return sent


async def test_a_reader_who_goes_away_ends_what_only_reads() -> None:
    ended: list[str] = []
    assert await _ask(_app(ended), "GET", leaves=True) == []
    assert ended == ["cancelled"]


async def test_a_change_ends_though_the_reader_has_gone_away() -> None:
    ended: list[str] = []
    await _ask(_app(ended), "POST", leaves=True)
    assert ended == ["finished"]


async def test_a_change_ends_though_the_server_gives_the_request_up() -> None:
    ended: list[str] = []
    app = _app(ended)
    request = asyncio.ensure_future(_ask(app, "POST", leaves=False))
    await asyncio.sleep(0.05)
    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    assert ended == []
    await asyncio.wait(app.unfinished)
    assert ended == ["finished"]


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_reader_who_stays_gets_the_answer(method: str) -> None:
    start, *pieces = await _ask(_app([]), method, leaves=False)
    assert (start["type"], start["status"]) == ("http.response.start", 200)
    assert b"".join(piece["body"] for piece in pieces) == b"done"
