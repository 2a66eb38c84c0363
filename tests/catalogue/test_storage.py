"""Storage that stalls or fails costs a picture, and nobody anything else."""

import asyncio
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from werkzeug.datastructures import FileStorage

from bookstore.catalogue import storage
from bookstore.settings import Settings
from bookstore.web.shop import Shop
from tests.catalogue.test_covers import BOOK, stored
from tests.support.reader import Reader

NAME = "a" * 32 + ".webp"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Pictures are files: one engine will do."""
    return sqlite_url


@pytest.fixture
def folder(settings: Settings) -> Path:
    return Path(settings.media_dir) / "covers"


@pytest.fixture
def stalled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A cover whose storage does not answer: whoever opens a pipe waits for its writer."""
    monkeypatch.setattr(storage, "PATIENCE", 0.3)
    folder.mkdir(parents=True)
    os.mkfifo(folder / NAME)
    end = time.monotonic() + 10
    try:
        yield
    finally:
        while time.monotonic() < end:  # until nobody waits any more
            try:
                os.close(os.open(folder / NAME, os.O_WRONLY | os.O_NONBLOCK))
            except OSError:
                break
            time.sleep(0.01)


def cover() -> FileStorage:
    out = io.BytesIO()
    Image.new("RGB", (200, 300), "navy").save(out, "PNG")
    out.seek(0)
    return FileStorage(out, filename="cover.png", content_type="image/png")


@pytest.mark.usefixtures("stalled")
async def test_pages_are_served_while_pictures_are_waited_for(shop: Shop, reader: Reader) -> None:
    pictures = [asyncio.ensure_future(shop.test_client().get(f"/covers/{NAME}")) for _ in range(20)]
    await asyncio.sleep(0.1)
    begin = time.monotonic()
    assert (await reader.get("/")).status == 200
    await reader.register("Ana")  # hashes a password, in a thread
    assert time.monotonic() - begin < 3
    for answer in await asyncio.gather(*pictures):
        assert answer.status_code == 503
        assert "cannot be read at the moment" in await answer.get_data(as_text=True)
        assert answer.headers["Cache-Control"] == "no-store"


async def test_a_picture_that_cannot_be_kept_costs_nothing_else(
    reader: Reader, settings: Settings, folder: Path
) -> None:
    await reader.register("Sela")
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.touch()  # where the folder should be
    refused = await reader.submit("/sell", files={"cover": cover()}, **BOOK)
    assert refused.status == 503
    assert "We cannot keep pictures at the moment" in refused.text
    assert refused.form("/sell")["title"] == BOOK["title"]
    folder.unlink()
    filled = refused.form("/sell")
    again = await reader.post("/sell", filled, files={"cover": cover()})
    assert again.status == 303
    assert f"/covers/{stored(settings)[0]}" in (await reader.get(str(again.location))).text


async def test_a_browser_that_has_the_picture_is_told_so(shop: Shop, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / NAME).write_bytes(b"picture")
    client = shop.test_client()
    tag = (await client.get(f"/covers/{NAME}")).headers["ETag"]
    again = await client.get(f"/covers/{NAME}", headers={"If-None-Match": tag})
    assert again.status_code == 304
    part = await client.get(f"/covers/{NAME}", headers={"Range": "bytes=0-3"})
    assert (part.status_code, await part.get_data(as_text=False)) == (206, b"pict")
