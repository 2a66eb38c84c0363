"""Cover pictures: only what Pillow can read as JPEG, PNG or WebP is taken, and only what Pillow
writes anew is kept, so that nothing of an upload but its pixels ever reaches a reader."""

import hashlib
import os
import re
import tempfile
from pathlib import Path

from bookstore.catalogue.domain import NotACover

MAX_BYTES = 10 * 1024 * 1024
# Code that a browser might run if it took the file for a page or a program; no picture needs it.
# Short marks ask for more around them: four bytes alone occur by chance in a large photograph.
_CODE = re.compile(
    rb"<(script|html|iframe|body|!doctype|\?php|(svg|img)\s+[a-z]{2})"
    rb"|\bon(error|load)\s*=|javascript:|\A\xff\xd8\xff\xe0/\*",
    re.IGNORECASE,
)
NAME = re.compile(r"[0-9a-f]{32}(-large)?\.webp")
_SMALL_NAME = re.compile(r"[0-9a-f]{32}\.webp")


def folder(media_dir: Path) -> Path:
    """Return where the covers are; several replicas may share it."""
    return media_dir / "covers"


def large(name: str) -> str:
    """Return the name of the full size of a cover."""
    return name.replace(".webp", "-large.webp")


def exists(name: str, media_dir: Path) -> bool:
    """Tell whether there is a cover of that name, as `store` returned it."""
    return bool(_SMALL_NAME.fullmatch(name)) and (folder(media_dir) / name).is_file()


def check_name(name: str) -> None:
    """Refuse a file name that no browser sends; it would not be used anyway."""
    if ".." in name or "/" in name or "\\" in name or "\0" in name:
        raise NotACover("name")


def store(sizes: tuple[bytes, bytes], media_dir: Path) -> str:
    """Keep a picture in two sizes, as `encoded` gives them; return the name of the small one.

    The name is a digest of the content, so the same picture is kept once, and a name never gets
    another content.
    """
    full, small = sizes
    name = hashlib.sha256(full).hexdigest()[:32] + ".webp"
    folder(media_dir).mkdir(parents=True, exist_ok=True)
    _write(folder(media_dir) / large(name), full)
    _write(folder(media_dir) / name, small)
    return name


def encoded(content: bytes) -> tuple[bytes, bytes]:
    """Write a picture anew, large and small. Raise NotACover.

    It takes a fraction of a second of computing: call it in a thread.
    """
    if len(content) > MAX_BYTES:
        raise NotACover("bytes")
    if _CODE.search(content):
        raise NotACover("code")
    from bookstore.catalogue import pictures  # Pillow: a replica at rest needs none of it

    return pictures.encoded(content)


def _write(path: Path, content: bytes) -> None:
    """Write a file so that whoever reads it at the same time sees all of it or nothing."""
    if path.exists():
        return
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
