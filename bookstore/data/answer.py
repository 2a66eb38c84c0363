"""What a database says to a statement."""

from collections.abc import Iterable
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What became of one statement."""

    columns: tuple[str, ...]
    rows: Iterable[tuple[Any, ...]]
    affected: int
    insert_id: int
