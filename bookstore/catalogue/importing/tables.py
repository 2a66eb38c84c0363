"""Rows of a text file with separators: quoted as spreadsheets or as databases do, or not at all.

A field is quoted when it begins with a quote and ends with one right before a separator or the
end of a line. What lies between is never read as rows. A quote that opens a field and is not
closed before the next one opens is a letter like any other.
"""

import csv
import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from bookstore.catalogue.importing.lines import LONGEST, Line, Lines
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import number

SEPARATORS = ",;\t|"
_SAMPLE_LINES = 2_000
_SAMPLE_SIZE = 1_000_000
_SURPLUS = 20  # fields more than the header has: what has more over several lines is no row
_EMPTY = re.compile(r'[\s,;|"\u200b\ufeff]*')


class Row(NamedTuple):
    """The fields of the row that begins in `line`."""

    line: int
    fields: list[str]


class Broken(NamedTuple):
    """A line that cannot be read as a row, and why."""

    line: int
    reason: str


def too_wide(line: int, columns: int, width: int) -> Broken:
    """Return a row that has values beyond the header's columns."""
    reason = _(
        "it has %(columns)s columns, the header has %(width)s, so that values stand in the wrong"
        " ones",
        columns=columns,
        width=width,
    )
    return Broken(line, reason)


class Quoting(NamedTuple):
    """How fields are quoted, if they are: `backslash` is what stands before a quote inside."""

    quoted: bool
    backslash: bool


@cache
def _whole(separator: str, backslash: bool) -> re.Pattern[str]:
    """Return what matches a line whose quoted fields are all as they should be."""
    inside = r'[^"\\]|\\.|""' if backslash else '[^"]|""'
    field = f'(?:"(?:{inside})*+"|(?! *")[^{re.escape(separator)}]*+)'
    return re.compile(f"{field}(?:{re.escape(separator)}{field})*+")


def split(text: str, separator: str) -> list[str]:
    """Return the fields of one line that is as it should be, else whatever the separator parts."""
    fields = _by_library(text, separator) if '"' in text else None
    return fields if fields is not None else text.split(separator)


def _by_library(text: str, separator: str) -> list[str] | None:
    """Return the fields of a line that is as it should be and that the csv module takes, or
    None."""
    if len(text) > 100_000 or not _whole(separator, False).fullmatch(text):
        return None
    return next(csv.reader([text], delimiter=separator), [])


class Table:
    """The rows below a header of so many columns."""

    def __init__(self, lines: Lines, separator: str, width: int) -> None:
        self._lines = lines
        self._separator = separator
        self._width = width
        self._quoting = self._decide()

    def __iter__(self) -> Iterator[Row | Broken]:
        while (line := self._lines.next()) is not None:
            if _EMPTY.fullmatch(line.text):
                continue
            if line.too_long:
                yield Broken(
                    line.number,
                    _("the line is longer than %(most)s characters", most=number(LONGEST)),
                )
                continue
            yield self._fitted(line.number, self._read(line))

    def _fitted(self, line: int, fields: list[str] | str) -> Row | Broken:
        if isinstance(fields, str):
            return Broken(line, fields)
        surplus = [field for field in fields[self._width :] if field.strip()]
        if surplus:
            return too_wide(line, len(fields), self._width)
        return Row(line, fields[: self._width] + [""] * (self._width - len(fields)))

    def _read(self, line: Line) -> list[str] | str:
        """Return the fields of the row that begins with a line, or why it is none."""
        if not self._quoting.quoted or '"' not in line.text:
            return line.text.split(self._separator)
        if self._quoting.backslash:
            fields = self._escaped(line.text)
            if fields is not None and len(fields) == self._width:
                return fields
        plain = _by_library(line.text, self._separator)
        if plain is not None and (not self._quoting.backslash or len(plain) == self._width):
            return plain
        return self._piecewise(line)

    def _escaped(self, text: str) -> list[str] | None:
        if not _whole(self._separator, True).fullmatch(text):
            return None
        fields, place = [], 0
        quoted = re.compile(r'"((?:[^"\\]|\\.|"")*+)"')
        while place <= len(text):
            match = quoted.match(text, place)
            if match:
                fields.append(_unescaped(match[1]))
                place = match.end() + 1
                continue
            end = text.find(self._separator, place)
            end = len(text) if end < 0 else end
            fields.append(text[place:end])
            place = end + 1
        return fields

    def _piecewise(self, line: Line) -> list[str] | str:
        """Read field by field, over as many lines as a quoted field has."""
        reading = _Reading(self._separator, self._quoting.backslash)
        taken = [line]
        size = len(line.text)
        reading.go_on(line.text)
        while reading.open and size <= LONGEST:
            following = self._lines.next()
            if following is None:
                break
            taken.append(following)
            size += len(following.text) + 1
            reading.go_on(following.text)
            if reading.stray or len(reading.fields) > self._width + _SURPLUS:
                break
        if reading.open or reading.stray:
            return self._unclosed(taken, size)
        if len(taken) > 1 and reading.odd and self._looks_like_rows(taken[1:-1]):
            return _(
                "a quote is opened here, and whether it ends in line %(line)s can be read in two"
                " ways: double the quotes inside fields",
                line=taken[-1].number,
            )
        return reading.fields

    def _unclosed(self, taken: list[Line], size: int) -> list[str] | str:
        """Read a row whose quote is not closed: only its own line may be lost by that."""
        first, *rest = taken
        if size > LONGEST and not self._looks_like_rows(rest):
            reading = _Reading(self._separator, self._quoting.backslash)
            reading.go_on(first.text)
            while reading.open and (following := self._lines.next()) is not None:
                reading.forget()
                reading.go_on(following.text)
                if reading.stray:
                    self._lines.put_back([following])
                    break
            return _("a field is longer than %(most)s characters", most=number(LONGEST))
        self._lines.put_back(rest)
        reading = _Reading(self._separator, self._quoting.backslash, one_line=True)
        reading.go_on(first.text)
        if len(reading.fields) == self._width:
            return reading.fields
        return _("a quote is opened and not closed, or the line cannot be read")

    def _looks_like_rows(self, lines: list[Line]) -> bool:
        full = [len(split(line.text, self._separator)) == self._width for line in lines[:50]]
        return sum(full) * 2 > len(full)

    def _decide(self) -> Quoting:
        """Look at the first lines and decide how the file is quoted."""
        taken: list[Line] = []
        size = well = odd = escaped = 0
        self._quoting = Quoting(True, False)
        while size < _SAMPLE_SIZE and len(taken) < _SAMPLE_LINES:
            line = self._lines.next()
            if line is None:
                break
            taken.append(line)
            size += len(line.text)
            if '\\"' in line.text and '"' in line.text.replace('\\"', ""):
                fields = self._escaped(line.text)
                if fields is not None and len(fields) == self._width:
                    plain = _by_library(line.text, self._separator)
                    escaped += plain is None or len(plain) != self._width
        reading: _Reading | None = None
        for line in taken:
            if reading is None or not reading.open:
                if '"' not in line.text:
                    continue
                reading = _Reading(self._separator, escaped > 0)
            reading.go_on(line.text)
            if reading.stray:
                odd += 1
                reading = _Reading(self._separator, escaped > 0, one_line=True)
                reading.go_on(line.text)
            if not reading.open:
                well += reading.well
                odd += reading.odd
        self._lines.put_back(taken)
        return Quoting(well > 0 or not odd, escaped > 0)


class _Reading:
    """One row while it is read. `open` is inside of a quoted field; `stray` once that cannot have
    been one; `odd` counts quotes inside fields that should have been doubled."""

    def __init__(self, separator: str, backslash: bool, *, one_line: bool = False) -> None:
        self.fields: list[str] = []
        self.open = self.stray = False
        self.odd = self.well = 0
        self._separator = separator
        self._backslash = backslash
        self._one_line = one_line
        self._inside: list[str] = []

    def forget(self) -> None:
        """Drop what an open field holds."""
        self._inside.clear()

    def go_on(self, text: str) -> None:
        """Read the next line of the row."""
        place = 0
        if self.open:
            place = self._quoted(text, 0, first=False)
            if place < 0:
                return
        while place <= len(text):
            blank = place
            while self._separator != "\t" and text[blank : blank + 1] == " ":
                blank += 1
            if text[blank : blank + 1] == '"':
                after = self._quoted(text, blank + 1, first=True)
                if after >= 0:
                    place = after
                    continue
                if self.open and not self._one_line:
                    return
                self.open = self.stray = False  # a letter like any other
                self.odd += 1
            end = text.find(self._separator, place)
            end = len(text) if end < 0 else end
            self.fields.append(text[place:end])
            place = end + 1

    def _quoted(self, text: str, place: int, *, first: bool) -> int:
        """Read on inside quotes; return where the next field begins, or -1 if they stay open."""
        begin = place
        odd = 0
        while True:
            quote = text.find('"', place)
            if quote < 0:
                self._inside.append(text[begin:])
                self.open = True
                self.odd += odd
                return -1
            if self._backslash and _slashes(text, quote) % 2:
                place = quote + 1
                continue
            if text.startswith('"', quote + 1):
                place = quote + 2
                continue
            after = quote + 1
            while self._separator != "\t" and text[after : after + 1] == " ":
                after += 1
            if after == len(text) or text[after] == self._separator:
                self._inside.append(text[begin:quote])
                self._close()
                self.odd += odd
                return after + 1
            opens = quote > 0 and text[quote - 1] == self._separator
            if opens or (quote == 0 and not first):
                self.open, self.stray = True, True
                self._inside.clear()
                return -1
            odd += 1
            place = quote + 1

    def _close(self) -> None:
        value = "\n".join(self._inside)
        self._inside.clear()
        self.open = False
        self.well += 1
        self.fields.append(_unescaped(value) if self._backslash else value.replace('""', '"'))


def _slashes(text: str, place: int) -> int:
    """Count the backslashes right before a place."""
    return place - len(text[:place].rstrip("\\"))


def _unescaped(text: str) -> str:
    return re.sub(r'\\(["\\])|""', lambda found: found[1] or '"', text)
