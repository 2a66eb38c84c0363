"""Cover pictures: an upload leaves nothing behind but the pixels of a picture."""

import io
import re
from array import array
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin
from werkzeug.datastructures import FileStorage

from bookstore.catalogue import covers
from bookstore.data.database import Database
from bookstore.settings import Settings
from bookstore.web.shop import Shop
from tests.support.reader import Page, Reader

BOOK: dict[str, Any] = {
    "title": "Orlando",
    "author": "Virginia Woolf",
    "category": "fiction",
    "condition": "good",
    "price": "7.50",
    "copies": "2",
}
SCRIPT = b"<script>alert(document.cookie)</script>"
SECRET_PLACE = b"Calle Secreta 7"


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """Pictures are files: one engine will do."""
    return sqlite_url


@pytest.fixture
async def seller(shop: Shop) -> Reader:
    return await Reader(shop).register("Sela")


def encoded(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def photograph(width: int = 900, height: int = 1400, kind: str = "JPEG") -> bytes:
    """Return a picture with something in it."""
    return encoded(Image.linear_gradient("L").resize((width, height)).convert("RGB"), kind)


def png_with_a_note() -> bytes:
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", SCRIPT.decode())
    return encoded(Image.new("RGB", (200, 300)), "PNG", pnginfo=note)


def program() -> bytes:
    """Return a JPEG that is a JavaScript program as well: the length of its first segment opens
    a comment."""
    length = int.from_bytes(b"/*")
    comment = b"/*" + JPEG[6:20] + bytes(length - 16)
    return b"\xff\xd8\xff\xe0" + comment + JPEG[20:-2] + b"*/=alert(1)//\xff\xd9"


async def offer(seller: Reader, content: bytes, name: str = "cover.jpg", **fields: str) -> Page:
    """Publish a book with a picture."""
    file = FileStorage(io.BytesIO(content), filename=name, content_type="image/jpeg")
    return await seller.submit("/sell", files={"cover": file}, **{**BOOK, **fields})


def stored(settings: Settings) -> list[str]:
    return sorted(path.name for path in Path(settings.media_dir).rglob("*") if path.is_file())


async def books(shop: Shop) -> int:
    database: Database = shop.extensions["bookstore.databases"]["catalogue"]
    return int(await database.value("SELECT COUNT(*) FROM books"))


SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect width="99"/></svg>'
JPEG = photograph(200, 300)


@pytest.mark.parametrize(
    ("content", "name", "sentence"),
    [
        pytest.param(SVG, "cover.svg", "more than a picture", id="SVG"),
        pytest.param(b"<?xml version='1.0'?>" + SVG, "cover.jpg", "more than", id="SVG as JPEG"),
        pytest.param(b"<html>" + SCRIPT, "cover.jpg", "more than", id="page as JPEG"),
        pytest.param(b"GIF89a" + b"\1\0\1\0\0\0\0;", "cover.gif", "no picture we", id="GIF"),
        pytest.param(b"", "cover.jpg", "no picture we can read", id="empty"),
        pytest.param(JPEG[:300], "cover.jpg", "no picture we can read", id="cut off"),
        pytest.param(JPEG + SCRIPT, "cover.jpg", "more than", id="script behind the picture"),
        pytest.param(JPEG + b"<IMG src=x onerror=alert(1)>", "cover.jpg", "more than",
                     id="event handler behind the picture"),
        pytest.param(JPEG + b"<svg/onload=alert(1)>", "cover.jpg", "more than",
                     id="SVG behind the picture"),
        pytest.param(JPEG + b"<?php system($_GET['x']);", "cover.php.jpg", "more than", id="PHP"),
        pytest.param(encoded(Image.new("RGB", (200, 300)), comment=SCRIPT), "cover.jpg",
                     "more than", id="script in a comment"),
        pytest.param(png_with_a_note(), "cover.png", "more than", id="script in a PNG's text"),
        pytest.param(program(), "cover.jpg", "more than", id="JavaScript program"),
        pytest.param(encoded(Image.new("1", (6000, 6000)), "PNG"), "cover.png", "25 megapixels",
                     id="36 megapixels"),
        pytest.param(encoded(Image.new("1", (20000, 20000)), "PNG"), "cover.png", "25 megapixels",
                     id="400 megapixels"),
        pytest.param(photograph(30, 30), "cover.jpg", "too small", id="tiny"),
        pytest.param(JPEG, "../../x", "name we do not take", id="path as name"),
        pytest.param(JPEG, "..\\..\\x.jpg", "name we do not take", id="Windows path as name"),
        pytest.param(JPEG + bytes(11_000_000 - len(JPEG)), "cover.jpg", "larger than 10 MB",
                     id="11 MB"),
    ],
)  # fmt: skip
async def test_an_attack_is_refused_with_a_sentence_and_leaves_nothing(
    seller: Reader, shop: Shop, settings: Settings, content: bytes, name: str, sentence: str
) -> None:
    answer = await offer(seller, content, name)
    assert answer.status == 422
    assert sentence in " ".join(answer.errors())
    assert answer.form("/sell")["title"] == BOOK["title"]
    assert stored(settings) == []
    assert await books(shop) == 0


async def test_a_request_of_17_mebibytes_is_cut_short(
    seller: Reader, shop: Shop, settings: Settings
) -> None:
    answer = await offer(seller, JPEG + bytes(17 * 1024 * 1024))
    assert answer.status == 413
    assert "up to 10 MB" in answer.text
    assert stored(settings) == []
    assert await books(shop) == 0


async def test_a_photograph_is_painted_anew_without_its_metadata(
    seller: Reader, shop: Shop, settings: Settings
) -> None:
    exif = Image.Exif()
    exif[0x010E] = SECRET_PLACE.decode()
    exif[0x0112] = 6  # taken with the camera on its side
    exif.get_ifd(0x8825).update({1: "N", 2: (40.0, 25.0, 0.0), 3: "W", 4: (3.0, 42.0, 0.0)})
    taken = encoded(
        Image.open(io.BytesIO(photograph(1400, 900))), exif=exif, comment=b"by a person"
    )
    assert SECRET_PLACE in taken
    answer = await offer(seller, taken, "IMG_2041.JPG")
    assert answer.status == 303, answer.errors()

    large, small = stored(settings)
    assert re.fullmatch(r"[0-9a-f]{32}-large\.webp", large)
    assert small == large.replace("-large", "")
    for name, size in ((small, (231, 360)), (large, (771, 1200))):
        content = (Path(settings.media_dir) / "covers" / name).read_bytes()
        assert not any(word in content for word in (SECRET_PLACE, b"EXIF", b"Exif", b"a person"))
        with Image.open(io.BytesIO(content)) as picture:
            assert (picture.format, picture.size) == ("WEBP", size)
            assert dict(picture.getexif()) == {}

    book = await seller.get(str(answer.location))
    assert f"/covers/{large}" in str(book.soup.select_one("img.book-cover"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_a_cover_is_served_as_a_picture_and_nothing_else(
    seller: Reader, shop: Shop, settings: Settings, kind: str
) -> None:
    assert (await offer(seller, photograph(kind=kind))).status == 303
    for name in stored(settings):
        response = await shop.test_client().get(f"/covers/{name}")
        content = await response.get_data(as_text=False)
        assert content == (Path(settings.media_dir) / "covers" / name).read_bytes()
        assert response.headers["Content-Type"] == "image/webp"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"


async def test_what_hangs_on_behind_a_photograph_is_left_out(
    seller: Reader, settings: Settings
) -> None:
    film = b"\0\0\0\x18ftypmp42" + SECRET_PLACE  # as telephones append one
    assert (await offer(seller, JPEG + film)).status == 303
    for name in stored(settings):
        content = (Path(settings.media_dir) / "covers" / name).read_bytes()
        assert SECRET_PLACE not in content


async def test_the_same_picture_is_kept_once(
    seller: Reader, shop: Shop, settings: Settings
) -> None:
    for title in ("Orlando", "Flush"):
        assert (await offer(seller, JPEG, title=title)).status == 303
    assert len(stored(settings)) == 2
    assert await books(shop) == 2


async def test_transparent_parts_become_white(seller: Reader, settings: Settings) -> None:
    assert (await offer(seller, encoded(Image.new("RGBA", (60, 90)), "PNG"))).status == 303
    with Image.open(Path(settings.media_dir) / "covers" / stored(settings)[0]) as picture:
        assert picture.convert("RGB").getpixel((30, 45)) == (255, 255, 255)


async def test_a_cover_is_kept_while_other_fields_are_corrected(
    seller: Reader, settings: Settings
) -> None:
    refused = await offer(seller, JPEG, price="-1")
    assert refused.status == 422
    assert "Your picture is kept" in refused.text
    published = await seller.post("/sell", {**refused.form("/sell"), **BOOK})
    book = await seller.get(str(published.location))
    assert f"/covers/{stored(settings)[0]}" in book.text


async def test_a_cover_is_kept_while_an_isbn_is_looked_up_without_javascript(
    seller: Reader, settings: Settings
) -> None:
    form = (await seller.get("/sell")).form("/sell")
    cover = FileStorage(io.BytesIO(JPEG), filename="cover.jpg", content_type="image/jpeg")
    page = await seller.post("/sell/look-up", {**form, **BOOK}, files={"cover": cover})
    assert "Your picture is kept" in page.text
    published = await seller.post("/sell", {**page.form("/sell"), **BOOK})
    assert f"/covers/{stored(settings)[0]}" in (await seller.get(str(published.location))).text


async def test_a_cover_that_was_never_sent_cannot_be_named(
    seller: Reader, settings: Settings
) -> None:
    assert (await offer(seller, JPEG)).status == 303
    large, _small = stored(settings)
    for name in ("../../x", "0" * 32 + ".webp", large):
        answer = await seller.submit("/sell", kept_cover=name, **BOOK)
        assert answer.status == 303
        assert "/covers/" not in (await seller.get(str(answer.location))).text


@pytest.mark.parametrize(
    "name",
    [
        "0" * 32 + ".webp",
        "0" * 32 + ".webp%0a",
        "0" * 31 + ".webp",
        "A" * 32 + ".webp",
        "cover.svg",
        ".writing-abc",
        "..%2f..%2fshop.db",
        "..%5cshop.db",
        "../shop.db",
        "%00",
        "%ff",
    ],
)
async def test_what_is_no_cover_is_not_found(reader: Reader, name: str) -> None:
    assert (await reader.get(f"/covers/{name}")).status == 404


@pytest.mark.parametrize("mode", ["I;16", "1", "L", "LA", "P", "RGBA", "CMYK"])
def test_every_kind_of_pixels_keeps_its_shades(mode: str) -> None:
    """Left a dark half and right a bright one: that is what a reader is to see."""
    grey = Image.linear_gradient("L").rotate(90).resize((200, 300))
    if mode.startswith("I"):
        wide = array("H", (value * 257 for value in grey.tobytes()))
        picture = Image.frombytes("I;16", grey.size, wide.tobytes())
    else:
        picture = grey.convert(mode)
    kind = "JPEG" if mode == "CMYK" else "PNG"
    with Image.open(io.BytesIO(covers.encoded(encoded(picture, kind))[1])) as kept:
        row = kept.convert("L").crop((0, 50, kept.width, 51)).tobytes()
    dark, bright = sorted((row[10], row[-10]))
    assert dark < 60
    assert bright > 190
