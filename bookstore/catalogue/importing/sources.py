"""Open a seller's file, whatever it is packed in, and find its header."""

import itertools
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NoReturn

from bookstore.catalogue.importing import columns, encodings, records, workbooks
from bookstore.catalogue.importing.errors import ImportRefused, Note
from bookstore.catalogue.importing.lines import Line, Lines
from bookstore.catalogue.importing.packing import Pictures, Watched, Workbook, unpacked
from bookstore.catalogue.importing.tables import SEPARATORS, Broken, Row, Table, split, too_wide
from bookstore.texts import N_
from bookstore.web.i18n import gettext as _

_CONTROLS = 3  # control characters that a text without a header may have
_NAMED_TWICE = 3  # rows below the header that may name the columns in another way
_LOOKED_AT = 40  # lines among which the header is looked for
# How files begin that are none of ours, and what they are.
_OTHER_KINDS = (
    (rb"%PDF", N_("%(name)s is a PDF. Export the books as CSV or .xlsx.")),
    (
        rb"\x89PNG|\xff\xd8\xff|GIF8|RIFF....WEBP",
        N_("%(name)s is a picture. Send the file with the books."),
    ),
    (
        rb"[\s\xef\xbb\xbf]*[\[{][\s\[]*[{\"]",
        N_("%(name)s is JSON, which is not read. Export the books as CSV."),
    ),
    (
        rb"7z\xbc\xaf|Rar!|BZh[1-9]|\xfd7zXZ|\x28\xb5\x2f\xfd",
        N_(
            "%(name)s is packed in another way. Pack the file itself with zip or gzip, once, or"
            " send it as it is."
        ),
    ),
    (
        rb".{257}ustar",
        N_(
            "%(name)s is a tar archive. Pack the file itself with zip or gzip, once, or send it as"
            " it is."
        ),
    ),
    (
        rb"PK\x03\x04|\x1f\x8b",
        N_(
            "%(name)s is packed twice, or a workbook in a package. Pack the file itself with zip or"
            " gzip, once, or send it as it is."
        ),
    ),
    (rb"\{\\rtf", N_("%(name)s is a text document. Export the books as CSV or .xlsx.")),
)
_MARC = re.compile(rb"[0-9]{5}[acdnp ][a-z ]..[ a]22[0-9]{5}...45")


@dataclass
class Source:
    """What a file holds: its header, the line that it stands in, and the rows below."""

    header: list[str]
    line: int
    rows: Iterator[Row | Broken]
    open: ExitStack
    told: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    doubtful: list[Note] = field(default_factory=list)
    pictures: Pictures | None = None

    def close(self) -> None:
        """Close the file."""
        self.open.close()


def _damaged(name: str, error: Exception) -> ImportRefused:
    if isinstance(error, OSError) and error.strerror:
        return ImportRefused(
            _("%(name)s cannot be read: %(reason)s.", name=name, reason=error.strerror)
        )
    return ImportRefused(
        _("%(name)s is damaged and cannot be unpacked. Pack it again and send that.", name=name)
    )


class _Opening:
    def __init__(
        self,
        path: Path,
        name: str,
        encoding: str | None,
        mapped: Mapping[str, str],
        currency: str,
        on_progress: Callable[[int], None],
        open_files: ExitStack,
    ) -> None:
        self._path = path
        self._name = name
        self._encoding = encoding
        self._mapped = mapped
        self._currency = currency
        self._on_progress = on_progress
        self._told: list[str] = []
        self._pictures: Pictures | None = None
        self._open = open_files

    def source(self) -> Source:
        open_file, self._pictures = unpacked(self._path, self._name)
        with open_file() as file:
            first = file.read(4096)
        start = first.lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").replace(b"\0", b"")
        if first.startswith(b"\xd0\xcf\x11\xe0"):
            raise ImportRefused(
                _(
                    "%(name)s is a workbook of Excel 97 to 2003. Save it as .xlsx or CSV and send"
                    " that.",
                    name=self._name,
                )
            )
        for begin, what in _OTHER_KINDS:
            if re.match(begin, first, re.DOTALL):
                raise ImportRefused(_(what, name=self._name))
        if _MARC.match(first):
            return self._records(records.marc(self._opened(open_file), self._name))
        if start.startswith(b"<"):
            low = start.lower()
            if re.match(rb"<(!doctype html|html|head|meta|table|style)\b", low):
                raise ImportRefused(
                    _(
                        "%(name)s is an HTML page, whatever its name says. Open it in a"
                        " spreadsheet, save it as .xlsx or CSV, and send that.",
                        name=self._name,
                    )
                )
            if b"onixmessage" in low:
                return self._records(
                    records.onix(self._opened(open_file), self._name, self._currency)
                )
            if b"marc21" in low or b"<leader" in low or b"<record" in low:
                return self._records(records.marc_xml(self._opened(open_file), self._name))
        return self._text(open_file)

    def _opened(self, open_file: Callable[[], BinaryIO]) -> BinaryIO:
        return self._open.enter_context(open_file())

    def _records(self, rows: Iterator[Row | Broken]) -> Source:
        return Source(records.HEADER, 0, rows, self._open, self._told)

    def _text(self, open_file: Callable[[], BinaryIO]) -> Source:
        encoding = (
            encodings.named(self._encoding) if self._encoding else encodings.decide(open_file)
        )
        if encoding.name not in {"utf-8", "utf-8-sig"} or self._encoding:
            how = "taken for" if encoding.guessed else "read as"
            self._told.append(f"The letters are {how} {encoding.name}.")
        source = Source([], 0, iter(()), self._open, self._told, pictures=self._pictures)
        lines = Lines(
            Watched(self._opened(open_file), self._on_progress),  # type: ignore[arg-type]
            encoding,
            lambda line, text: source.doubtful.append(Note(line, text[:120])),
        )
        first = list(itertools.islice(iter(lines.next, None), _LOOKED_AT))
        lines.put_back(first)
        if records.looks_like_uiee([line.text for line in first[:12]]):
            source.header, source.rows = records.HEADER, records.uiee(lines)
            return source
        number, separator, header = self._header(first)
        while (line := lines.next()) is not None and line.number < number:
            pass
        source.header, source.line = header, number
        source.rows = _without_repeated(Table(lines, separator, len(header)), header, source)
        return source

    def _header(self, first: list[Line]) -> tuple[int, str, list[str]]:
        separators = SEPARATORS
        if first and (match := re.fullmatch(r'\ufeff?"?sep=(.)"?', first[0].text.strip(" \r"))):
            separators = match[1]
        elif first and first[0].text.strip(" \r") == "sep=":
            separators = "\t"
        candidates = [
            (columns.recognized(cells, self._mapped), len(cells), -line.number, separator, cells)
            for line in first
            for separator in separators
            for cells in [[cell.strip().strip("\ufeff") for cell in split(line.text, separator)]]
        ]
        most = max((one[0] for one in candidates), default=0)
        if not most:
            self._no_header("".join(line.text for line in first))
        # Of several lines that name as many of our columns the first is the header.
        begin = max(one[2] for one in candidates if one[0] == most)
        best = max(
            (one for one in candidates if one[0] == most and one[2] == begin),
            key=lambda one: one[1],
        )
        return -best[2], best[3], best[4]

    def _no_header(self, text: str) -> NoReturn:
        if not text.strip():
            raise ImportRefused(
                _(
                    "%(name)s is empty: it has no header line that names its columns.",
                    name=self._name,
                )
            )
        if sum(char < " " and not char.isspace() for char in text) > _CONTROLS:
            raise ImportRefused(
                _(
                    "%(name)s is no text, workbook or package that can be read. Export the books"
                    " as CSV or .xlsx.",
                    name=self._name,
                )
            )
        raise ImportRefused(
            _(
                "%(name)s has no header line that names its columns. It begins with %(value)r. Put"
                " one above the rows, such as title, author, price, condition, or say with --map"
                " which column is which.",
                name=self._name,
                value=columns.plain_name(text),
            )
        )


def open_any(
    path: Path,
    *,
    name: str,
    encoding: str | None = None,
    mapped: Mapping[str, str],
    currency: str,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Source:
    """Open a file of any kind up to its header; raise ImportRefused."""
    with ExitStack() as open_files:
        try:
            source = _Opening(
                path, name, encoding, mapped, currency, on_progress, open_files
            ).source()
        except Workbook:
            source = _sheet(path, name, mapped, open_files)
        except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
            raise _damaged(name, error) from error
        source.open = open_files.pop_all()
        return source
    raise AssertionError("unreachable")


def _sheet(path: Path, name: str, mapped: Mapping[str, str], open_files: ExitStack) -> Source:
    sheets = workbooks.read(open_files.enter_context(path.open("rb")), name)
    for title, rows in sheets.items():  # noqa: B007 - which sheet it is that names columns
        first = list(itertools.islice(rows, _LOOKED_AT))
        best = max(
            range(len(first)),
            default=-1,
            key=lambda place: (columns.recognized(first[place].fields, mapped), -place),
        )
        if best >= 0 and columns.recognized(first[best].fields, mapped):
            break
    else:
        raise ImportRefused(
            _(
                "%(name)s has no row on any sheet that names the columns, such as title, author,"
                " price, condition.",
                name=name,
            )
        )
    header = [cell.strip() for cell in first[best].fields]
    others = ", ".join(other for other in sheets if other != title)
    told = [f"Sheets not read: {others}."] if others else []
    source = Source(header, first[best].line, iter(()), open_files, told)
    below = itertools.chain(first[best + 1 :], rows)
    source.rows = _without_repeated((_fitted(row, len(header)) for row in below), header, source)
    return source


def _fitted(row: Row, width: int) -> Row | Broken:
    if any(cell.strip() for cell in row.fields[width:]):
        return too_wide(row.line, len(row.fields), width)
    return Row(row.line, row.fields[:width] + [""] * (width - len(row.fields)))


def _names_columns(row: Row) -> bool:
    """Tell whether a row holds the names of columns in a second way, as templates do."""
    filled = [cell for cell in row.fields if cell.strip()]
    return len(filled) > 3 and columns.recognized(filled, {}) * 2 > len(filled)


def _without_repeated(
    rows: "Iterator[Row | Broken] | Table", header: list[str], source: Source
) -> Iterator[Row | Broken]:
    """Leave out rows that are the header again, as in exports that were pasted together."""
    names = [columns.key(cell) for cell in header]
    begin = header[0].casefold()[:3]
    for number, row in enumerate(rows):
        if number < _NAMED_TWICE and isinstance(row, Row) and _names_columns(row):
            source.notes.append(Note(row.line, "names the columns again, left out"))
            continue
        if (
            isinstance(row, Row)
            and begin in row.fields[0].casefold()
            and [columns.key(cell) for cell in row.fields] == names
        ):
            source.notes.append(Note(row.line, "the header again, left out"))
            continue
        yield row
