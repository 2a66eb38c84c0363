"""What files are packed in, and how far they are read."""

import gzip
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.texts import N_
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import number

LARGEST = 2_000_000_000  # bytes once unpacked
_PICTURES = (".jpg", ".jpeg", ".png", ".webp", ".gif")
_OTHERS = {
    "content.xml": N_("an OpenDocument file"),
    "Index.zip": N_("a document of Numbers"),
    "Index/Document.iwa": N_("a document of Numbers"),
    "word/document.xml": N_("a text document and no spreadsheet"),
}
_WORKBOOKS = (".xlsx", ".xlsm")


class Workbook(Exception):
    """The file is a workbook, which is read by other means."""


class Pictures:
    """The pictures that came in a zip, by name."""

    def __init__(self, path: Path, names: list[str]) -> None:
        self._path = path
        self._names = {name.rpartition("/")[2].casefold(): name for name in names}

    def read(self, name: str, limit: int) -> bytes | None:
        """Return a picture that a row names, if the zip has it and it is not too large."""
        found = self._names.get(re.split(r"[/\\]", name)[-1].casefold())
        if found is None:
            return None
        with zipfile.ZipFile(self._path) as parts, parts.open(found) as part:
            content = part.read(limit + 1)
        return content if len(content) <= limit else None


def unpacked(path: Path, name: str) -> tuple[Callable[[], BinaryIO], Pictures | None]:
    """Return what opens the file inside of gzip or zip, or the file itself, and the pictures that
    came along; raise Workbook, or ImportRefused."""
    with path.open("rb") as file:
        first = file.read(4)
    if first.startswith(b"\x1f\x8b"):
        return (lambda: _bounded(gzip.open(path), name)), None
    if not first.startswith(b"PK\x03\x04"):
        if name.lower().endswith(_WORKBOOKS):
            raise ImportRefused(
                _(
                    "%(name)s cannot be opened as a workbook: it is damaged or something else. Open"
                    " it in Excel, save it again as .xlsx or CSV, and send that.",
                    name=name,
                )
            )
        return (lambda: path.open("rb")), None
    if name.lower().endswith(_WORKBOOKS):
        raise Workbook
    with zipfile.ZipFile(path) as parts:
        names = [part.filename for part in parts.infolist() if not part.is_dir()]
    if "xl/workbook.xml" in names:
        raise Workbook
    own = [part for part in names if not re.search(r"(^|/)(__MACOSX/|\.)", part)]
    pictures = [part for part in own if part.lower().endswith(_PICTURES)]
    files = [part for part in own if part not in pictures]
    if what := next((_OTHERS[part] for part in names if part in _OTHERS), ""):
        raise ImportRefused(
            _(
                "%(name)s is %(what)s. Save it as .xlsx or CSV (in LibreOffice: Save as; in"
                " Numbers: Export to) and send that.",
                name=name,
                what=_(what),
            )
        )
    if len(files) != 1:
        raise ImportRefused(
            _(
                "%(name)s holds %(files)s. Pack one file of books, with its pictures if you like.",
                name=name,
                files=", ".join(files)[:200] or _("no file with books"),
            )
        )
    return (lambda: _member(path, files[0], name)), Pictures(path, pictures) if pictures else None


def _member(path: Path, part: str, name: str) -> BinaryIO:
    archive = zipfile.ZipFile(path)
    try:
        return _bounded(archive.open(part), name, archive)
    except RuntimeError as error:  # a password
        archive.close()
        raise ImportRefused(
            _("%(name)s is protected by a password. Pack it without one.", name=name)
        ) from error


class Watched(io.RawIOBase):
    """A file that tells how far it is read and lets damage be seen as such."""

    def __init__(self, file: BinaryIO, on_progress: Callable[[int], None]) -> None:
        self._file = file
        self._on_progress = on_progress
        self._position = 0

    def readable(self) -> bool:
        """Return that it can be read, which RawIOBase denies unless told."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Return how many bytes were read, having told how far the file is read."""
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        self._position += len(content)
        self._on_progress(self._position)
        return len(content)

    def close(self) -> None:
        """Close the file beneath as well."""
        self._file.close()
        super().close()


class _Bounded(io.RawIOBase):
    def __init__(self, file: BinaryIO, name: str, archive: zipfile.ZipFile | None) -> None:
        self._file = file
        self._name = name
        self._archive = archive
        self._left = LARGEST

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        content = self._file.read(len(buffer))
        self._left -= len(content)
        if self._left < 0:
            raise ImportRefused(
                _("%(name)s is too large: %(most)s bytes fit unpacked.",
                  name=self._name, most=number(LARGEST))
            )  # fmt: skip
        buffer[: len(content)] = content
        return len(content)

    def close(self) -> None:
        self._file.close()
        if self._archive is not None:
            self._archive.close()
        super().close()


def _bounded(file: object, name: str, archive: zipfile.ZipFile | None = None) -> BinaryIO:
    return io.BufferedReader(_Bounded(file, name, archive))  # type: ignore[arg-type]
