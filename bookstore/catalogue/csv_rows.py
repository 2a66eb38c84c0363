"""Read the rows of a CSV file that may be broken anywhere, one at a time and with line numbers."""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

MAX_LINE = 1_000_000  # bytes; what is longer is no row of a catalogue
_MAX_LINES = 50  # over which one quoted field may run


class Row(NamedTuple):
    """The fields of the row that begins in `line`."""

    line: int
    fields: list[str]


class Broken(NamedTuple):
    """A line that cannot be read as a row, and why."""

    line: int
    reason: str


class _Lines:
    """The lines of a file, numbered; lines can be put back."""

    def __init__(self, file: BinaryIO, on_progress: Callable[[int], None]) -> None:
        self._file = file
        self._back: list[tuple[int, str]] = []
        self._number = 0
        self._on_progress = on_progress

    def next(self) -> tuple[int, str] | None:
        if self._back:
            return self._back.pop()
        raw = self._file.readline(MAX_LINE + 1)
        if not raw:
            return None
        self._number += 1
        kept = raw
        while len(raw) > MAX_LINE and not raw.endswith(b"\n"):
            raw = self._file.readline(MAX_LINE + 1) or b"\n"
        self._on_progress(self._file.tell())
        return self._number, _decoded(kept)

    def put_back(self, lines: Sequence[tuple[int, str]]) -> None:
        self._back.extend(reversed(lines))


def read(path: Path, on_progress: Callable[[int], None] = lambda _: None) -> Iterator[Row | Broken]:
    """Yield the header, then every row or why a line is none.

    The delimiter is the comma, semicolon or tab that the header has most of. A quote that is never
    closed costs its own line and no other. `on_progress` gets the position in the file in bytes.
    """
    with path.open("rb") as file:
        yield from _rows(_Lines(file, on_progress))


def _rows(lines: _Lines) -> Iterator[Row | Broken]:
    first = lines.next()
    if first is None:
        return
    delimiter = max(",;\t", key=first[1].count)
    lines.put_back([first])
    width = 0
    while (line := lines.next()) is not None:
        taken = [line]
        while _open_quote(taken) and len(taken) < _MAX_LINES:
            following = lines.next()
            if following is None:
                break
            taken.append(following)
        fields = None if _open_quote(taken) else _fields([text for _, text in taken], delimiter)
        if fields is None or (width and len(fields) != width and len(taken) > 1):
            lines.put_back(taken[1:])  # only the line with the stray quote is lost
            yield Broken(line[0], "a quote is opened and not closed, or the line cannot be read")
        elif not any(field.strip() for field in fields):
            continue
        elif width and len(fields) != width:
            yield Broken(line[0], f"it has {len(fields)} columns, the header has {width}")
        else:
            width = width or len(fields)
            yield Row(line[0], fields)


def _decoded(raw: bytes) -> str:
    """Decode UTF-8, or else what Windows writes; a byte order mark is no text."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("cp1252", errors="replace")


def _open_quote(lines: Sequence[tuple[int, str]]) -> bool:
    return sum(text.count('"') for _, text in lines) % 2 == 1


def _fields(lines: Sequence[str], delimiter: str) -> list[str] | None:
    try:
        rows = list(csv.reader(["".join(lines).replace("\0", "")], delimiter=delimiter))
    except csv.Error:
        return None
    return rows[0] if len(rows) == 1 else None
