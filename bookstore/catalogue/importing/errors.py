"""What may be wrong with a file as a whole, and with one of its rows."""

from typing import NamedTuple


class ImportRefused(Exception):
    """The file as a whole cannot be read; the text says why and what to do."""


class Refusal(NamedTuple):
    """A row that did not become an offer: where it begins, in which column, and why."""

    line: int
    column: str
    reason: str


class Note(NamedTuple):
    """Something to know of a line that cost nothing: a repeated row, a doubtful letter."""

    line: int
    text: str
