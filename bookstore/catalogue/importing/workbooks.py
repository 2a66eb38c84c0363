"""Excel workbooks: the rows of their sheets, as text."""

import datetime
import warnings
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.catalogue.importing.tables import Row
from bookstore.web.i18n import gettext as _
from bookstore.web.i18n import number as written

LARGEST = 500_000_000  # bytes of the unpacked parts
LARGEST_HELD = 60_000_000  # of these the ones that are held whole: texts and styles
_WIDEST = 500
_MOST_ROWS = 1_048_576  # of a sheet, as Excel has it
_AT_ONCE = 500


def read(file: BinaryIO, name: str) -> dict[str, Iterator[Row]]:
    """Return the rows of each sheet by its name, none of them read yet; raise ImportRefused."""
    import openpyxl  # a replica at rest needs none of it

    broken = ImportRefused(
        _(
            "%(name)s cannot be opened as a workbook: it is damaged or protected. Open it in Excel,"
            " save it again as .xlsx or CSV, and send that.",
            name=name,
        )
    )
    try:
        with zipfile.ZipFile(file) as parts:
            sizes = {part.filename: part.file_size for part in parts.infolist()}
        held = sum(size for part, size in sizes.items() if "/worksheets/" not in part)
        if sum(sizes.values()) > LARGEST or held > LARGEST_HELD:
            raise ImportRefused(
                _(
                    "%(name)s is too large: %(most)s bytes fit, and %(most_held)s beside the"
                    " sheets. Save it as CSV and send that.",
                    name=name,
                    most=written(LARGEST),
                    most_held=written(LARGEST_HELD),
                )
            )
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheets = list(book.worksheets)
        if not sheets:
            raise broken
        return {sheet.title: _rows(sheet, broken) for sheet in sheets}
    except ImportRefused:
        raise
    except Exception as error:  # a damaged workbook breaks the library in many ways
        raise broken from error


def _rows(sheet: Any, broken: ImportRefused) -> Iterator[Row]:
    rows = sheet.iter_rows(values_only=True, max_col=_WIDEST)
    number = 0
    blank: object = None
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                block = list(islice(rows, _AT_ONCE))
        except Exception as error:  # as above
            raise broken from error
        if not block:
            return
        for values in block:
            number += 1
            if values is blank:
                continue  # the library fills gaps between rows with one and the same
            fields = [_text(value) for value in values]
            if any(fields):
                while fields and not fields[-1]:
                    fields.pop()
                yield Row(number, fields)
            else:
                blank = values
        if number > _MOST_ROWS:
            raise broken


def _text(value: Any) -> str:
    """Write the value of a cell as its owner sees it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime | datetime.date):
        return value.isoformat()[:10]
    return str(value).replace("_x000D_", "")
