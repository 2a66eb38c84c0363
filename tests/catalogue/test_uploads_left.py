"""Somebody sends a book with its picture and is gone before the answer: the book is published."""

import io
import random
import socket
import time
from pathlib import Path

import httpx
import pytest
from PIL import Image

from tests.support.reader import PASSWORD
from tests.support.server import Server, serving
from tests.web.test_server import form_of

PAUSES = (0, 0, 0.02, 0.1, 0.6)  # seconds
TITLES = [f"Left as number {number}" for number in range(len(PAUSES))]


def picture(seed: int) -> bytes:
    """Return a picture that takes a while to read: above what a server keeps in memory."""
    noise = random.Random(seed).randbytes(800 * 800)
    content = io.BytesIO()
    Image.frombytes("L", (800, 800), noise).convert("RGB").save(content, "PNG")
    return content.getvalue()


def send_and_leave(server: Server, client: httpx.Client, title: str, pause: float) -> None:
    """Send the whole form and close the connection after a moment, unread."""
    fields = form_of(client.get("/sell").text) | {
        "title": title, "author": "Ana Autora", "category": "other", "condition": "good",
        "price": "5", "copies": "1",
    }  # fmt: skip
    request = client.build_request(
        "POST", "/sell", data=fields, files={"cover": ("cover.png", picture(len(title)))}
    )
    body = request.read()
    head = f"POST /sell HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
    head += f"Content-Type: {request.headers['Content-Type']}\r\nContent-Length: {len(body)}\r\n"
    head += f"Origin: {server.origin}\r\nCookie: {request.headers['Cookie']}\r\n\r\n"
    with server.connect() as connection:
        connection.sendall(head.encode() + body)
        time.sleep(pause)
        if pause > 0.5:  # gone with a reset, and not with a good-bye, once all has arrived
            linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)


@pytest.mark.parametrize("engine", ["hypercorn", "uvicorn"])
def test_a_book_is_published_whose_sender_has_left(
    engine: str, sqlite_url: str, tmp_path: Path
) -> None:
    with (
        serving(sqlite_url, tmp_path, server=engine) as server,
        httpx.Client(base_url=server.origin, headers={"Origin": server.origin}) as client,
    ):
        fields = form_of(client.get("/register").text)
        client.post(
            "/register",
            data={**fields, "name": "Ana", "email": "ana@example.org", "password": PASSWORD},
        )
        for title, pause in zip(TITLES, PAUSES, strict=True):
            send_and_leave(server, client, title, pause)
        deadline = time.monotonic() + 30
        missing = set(TITLES)
        while missing and time.monotonic() < deadline:
            page = client.get("/my/books").text
            missing = {title for title in TITLES if title not in page}
            time.sleep(0.2)
        assert not missing
        assert page.count("/covers/") >= len(TITLES)
        assert "Traceback" not in server.log.read_text()
