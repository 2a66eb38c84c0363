"""Requests on their way through the framework: readers who go away, and whole answers."""

import asyncio
from typing import Any

import pytest
from quart import Response

from bookstore.web.server import Shop


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
    sent: list[dict[str, Any]] = []
    messages = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await asyncio.sleep(0.05 if leaves else 60)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": "http", "http_version": "1.1", "method": method, "scheme": "http",
             "path": "/slow", "raw_path": b"/slow", "query_string": b"", "root_path": "",
             "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 1)}  # fmt: skip
    await app(scope, receive, send)  # type: ignore[arg-type]
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()
    await asyncio.sleep(0)  # and no cancellation is on its way
    return sent


@pytest.mark.parametrize(("method", "end"), [("GET", "cancelled"), ("POST", "finished")])
async def test_a_reader_who_goes_away_ends_what_only_reads(method: str, end: str) -> None:
    ended: list[str] = []
    assert await _ask(_app(ended), method, leaves=True) == []
    await asyncio.sleep(0.3)
    assert ended == [end]


async def test_an_answer_is_two_messages() -> None:
    ended: list[str] = []
    start, body = await _ask(_app(ended), "GET", leaves=False)
    assert (start["type"], start["status"]) == ("http.response.start", 200)
    assert body == {"type": "http.response.body", "body": b"done", "more_body": False}
    assert ended == ["finished"]
