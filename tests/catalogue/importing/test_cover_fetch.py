"""Covers by address: what is fetched, and what is never asked."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from PIL import Image

from bookstore.catalogue.importing.cover_fetch import (
    CoverFetcher,
    NotFetched,
    fetched,
    is_public,
)
from bookstore.clock import now
from bookstore.data.database import Database
from bookstore.settings import Settings
from tests.catalogue.importing.support import load


def picture() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (60, 90), "green").save(out, "JPEG")
    return out.getvalue()


@asynccontextmanager
async def web(status: str, headers: str, body: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """Serve one answer to everybody on loopback; give the address and what was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(f"HTTP/1.1 {status}\r\n{headers}Connection: close\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


def anywhere(_address: str, _port: int) -> bool:
    return True


async def file_with(database: Database, folder: Path, url: str) -> None:
    file = folder / "books.csv"
    file.write_text(f"sku,title,author,price,condition,cover\nA-1,Emma,Ann,5,Good,{url}\n")
    await load(database, file)


async def test_a_cover_is_fetched_once(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    async with web("200 OK", "", picture()) as (origin, asked):
        await file_with(database, tmp_path, f"{origin}/emma.jpg")
        fetcher = CoverFetcher(database, settings, now, anywhere)
        await fetcher.sweep()
        await fetcher.sweep()
    assert len(asked) == 1
    name = await database.value("SELECT cover FROM books")
    assert (settings.media_dir / "covers" / name).is_file()


@pytest.mark.parametrize(
    ("status", "body", "waits"),
    [("404 Not Found", b"", False), ("200 OK", b"<html>", False), ("503 Away", b"", True)],
)
async def test_what_is_no_cover_is_given_up_or_asked_later(
    database: Database, settings: Settings, tmp_path: Path, status: str, body: bytes, waits: bool
) -> None:
    async with web(status, "", body) as (origin, _asked):
        await file_with(database, tmp_path, f"{origin}/emma.jpg")
        await CoverFetcher(database, settings, now, anywhere).sweep()
    assert await database.value("SELECT cover FROM books") is None
    assert (await database.value("SELECT fetch_at FROM book_details") is not None) == waits


async def test_what_is_too_large_is_not_read_to_its_end() -> None:
    async with web("200 OK", "", b"x" * (11 * 1024 * 1024)) as (origin, _asked):
        with pytest.raises(NotFetched, match="too large"):
            await fetched(f"{origin}/x", anywhere)


async def test_no_way_leads_into_a_private_network(
    database: Database, settings: Settings, tmp_path: Path
) -> None:
    async with web("200 OK", "", picture()) as (origin, asked):
        await file_with(database, tmp_path, f"{origin}/emma.jpg")
        await CoverFetcher(database, settings, now).sweep()
        assert asked == []
        async with web("302 Found", f"Location: {origin}/x\r\n", b"") as (outside, led):
            port = int(outside.rpartition(":")[2])
            with pytest.raises(NotFetched, match="private"):
                await fetched(f"{outside}/x", lambda _address, asked_port: asked_port == port)
            assert len(led) == 1
        assert asked == []
    assert await database.value("SELECT cover FROM books") is None


async def test_going_round_in_circles_ends() -> None:
    async with web("302 Found", "Location: /again\r\n", b"") as (origin, asked):
        with pytest.raises(NotFetched, match="on and on"):
            await fetched(f"{origin}/x", anywhere)
    assert len(asked) == 4


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/x", "http://127.0.0.1/x", "http://[::1]/x", "http://10.0.0.1/x",
        "http://169.254.169.254/latest/meta-data", "http://192.168.1.1/", "http://0.0.0.0/",
        "http://2130706433/", "http://[::ffff:127.0.0.1]/", "ftp://example.org/x",
        "http://user:word@example.org/", "https:///x", "http://[x/", "http://1.1.1.1:22/x",
    ],
)  # fmt: skip
async def test_what_is_never_asked(url: str) -> None:
    with pytest.raises(NotFetched):
        await fetched(url)


@pytest.mark.parametrize(
    ("address", "port", "public"),
    [("93.184.216.34", 443, True), ("93.184.216.34", 25, False), ("172.16.0.1", 80, False),
     ("fd00::1", 443, False), ("100.64.0.1", 443, False), ("x", 80, False)],
)  # fmt: skip
def test_what_is_public(address: str, port: int, public: bool) -> None:
    assert is_public(address, port) == public
