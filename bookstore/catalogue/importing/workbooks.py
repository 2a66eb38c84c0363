"""Excel workbooks: the rows of the first sheet, as text."""

import datetime
import warnings
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

from bookstore.catalogue.importing.errors import ImportRefused
from bookstore.catalogue.importing.tables import Row

LARGEST = 500_000_000  # bytes of the unpacked parts
_WIDEST = 500


def read(file: BinaryIO, name: str) -> tuple[Iterator[Row], list[str]]:
    """Return the rows of the first sheet and the names of the others; raise ImportRefused."""
    import openpyxl  # a replica at rest needs none of it

    broken = ImportRefused(
        f"{name} cannot be opened as a workbook: it is damaged or protected. Open it in Excel,"
        " save it again as .xlsx or CSV, and send that."
    )
    try:
        with zipfile.ZipFile(file) as parts:
            if sum(part.file_size for part in parts.infolist()) > LARGEST:
                raise ImportRefused(f"{name} is too large: {LARGEST:,} bytes fit.")
        file.seek(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        sheets = list(book.worksheets)
        if not sheets:
            raise broken
        return _rows(sheets[0], broken), [sheet.title for sheet in sheets[1:]]
    except ImportRefused:
        raise
    except Exception as error:  # a damaged workbook breaks the library in many ways
        raise broken from error


def _rows(sheet: Any, broken: ImportRefused) -> Iterator[Row]:
    rows = sheet.iter_rows(values_only=True, max_col=_WIDEST)
    number = 0
    while True:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                values = next(rows)
        except StopIteration:
            return
        except Exception as error:  # as above
            raise broken from error
        number += 1
        fields = [_text(value) for value in values]
        if any(fields):
            while fields and not fields[-1]:
                fields.pop()
            yield Row(number, fields)


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
