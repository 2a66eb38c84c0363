"""What a context keeps of one person, a page at a time: for people who ask for their data."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from bookstore.data.database import Database

PAGE = 1_000
FORGOTTEN = "[deleted]"  # stands where the name of somebody stood who deleted their account


class Table(NamedTuple):
    """Some columns of the rows that are about a person. `source` is what follows FROM, with a
    condition on :person_id; `order` names columns that tell the rows apart."""

    columns: tuple[str, ...]
    source: str
    order: str = "id"


async def page(
    database: Database, tables: Mapping[str, Table], name: str, person_id: int, offset: int
) -> list[dict[str, Any]]:
    """Return the rows of a table about a person from number `offset` on, PAGE at most."""
    columns, source, order = tables[name]
    rows: list[tuple[Any, ...]] = await database.all(
        tuple,
        f"SELECT {', '.join(columns)} FROM {source} ORDER BY {order} LIMIT {PAGE} OFFSET :offset",
        {"person_id": person_id, "offset": offset},
    )
    names = [column.rpartition(".")[2].strip("`") for column in columns]
    return [dict(zip(names, row, strict=True)) for row in rows]
