"""The lines of a text file, numbered from 1 as an editor does, however they end."""

import io
from collections import deque
from collections.abc import Callable, Iterable
from typing import BinaryIO, NamedTuple

from bookstore.catalogue.importing.encodings import STRAY, STRAY_BYTES, Encoding, strangeness

LONGEST = 1_000_000  # characters of a line or of a quoted field; what is longer is no book


class Line(NamedTuple):
    """A line without its end. One that is `too_long` is cut."""

    number: int
    text: str
    too_long: bool = False


class Lines:
    """The lines of a file, which can be put back. `doubtful` is told of lines whose letters are
    a guess."""

    def __init__(
        self, file: BinaryIO, encoding: Encoding, doubtful: Callable[[int, str], None]
    ) -> None:
        self._text = io.TextIOWrapper(
            io.BufferedReader(file) if isinstance(file, io.RawIOBase) else file,
            encoding=encoding.name,
            errors=encoding.errors,
            newline=None,
        )
        self._encoding = encoding
        self._doubtful = doubtful
        self._back: deque[Line] = deque()
        self._number = 0

    def next(self) -> Line | None:
        """Return the next line, or None at the end."""
        if self._back:
            return self._back.popleft()
        raw = self._text.readline(LONGEST + 1)
        if not raw:
            return None
        self._number += 1
        too_long = len(raw) > LONGEST and not raw.endswith("\n")
        while too_long and raw and not raw.endswith("\n"):
            rest = self._text.readline(LONGEST)
            if not rest or rest.endswith("\n"):
                break
        text = raw.removesuffix("\n")
        if not text.isascii():
            text = self._checked(text)
        return Line(self._number, text.replace("\0", ""), too_long)

    def put_back(self, lines: Iterable[Line]) -> None:
        """Give lines back, to be read again in the same order."""
        self._back.extendleft(reversed(list(lines)))

    def _checked(self, text: str) -> str:
        if STRAY.search(text):
            text = text.translate(STRAY_BYTES)
            self._doubtful(self._number, text)
        elif self._encoding.doubts(text) or (
            self._encoding.guessed and strangeness(text[:4000]) >= 2
        ):
            self._doubtful(self._number, text)
        return text.encode("utf-8", "replace").decode() if _broken(text) else text


def _broken(text: str) -> bool:
    """Tell whether a text holds halves of characters, which no database takes."""
    return any(0xD800 <= ord(char) <= 0xDFFF for char in text)
