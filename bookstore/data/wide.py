"""Rows of many columns.

A driver that is written in Python takes longer to read what a column is called than to read what is
in it: fifteen columns of one row take 150 µs, one array of the same values 70. So there they come
as one column, an array in JSON; drivers in C are quicker with the columns as they are.

Such a column holds whole numbers and text, or nothing: a comparison, a binary value, JSON or a
DECIMAL would come back as something else.
"""

from collections.abc import Mapping
from typing import Protocol

PACKED = "packed"


class _Source(Protocol):
    @property
    def packs(self) -> bool: ...


class Wide:
    """Many columns of a SELECT: what each is called, and how it is written."""

    def __init__(self, columns: Mapping[str, str]) -> None:
        self._plain = ", ".join(f"{written} AS `{name}`" for name, written in columns.items())
        self._packed = f"JSON_ARRAY({', '.join(columns.values())}) AS {PACKED}"

    def of(self, source: _Source) -> str:
        """Return what stands behind SELECT, as the driver of a source reads it best."""
        return self._packed if source.packs else self._plain
