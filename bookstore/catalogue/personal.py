"""What the catalogue keeps of one person, and how it forgets them."""

from typing import Any, NamedTuple

from bookstore import personal
from bookstore.catalogue import changes
from bookstore.clock import Clock
from bookstore.data.database import Database
from bookstore.data.queries import Queries

TABLES = {
    "books": personal.Table(
        (
            *("id", "isbn13", "title", "author", "language", "year", "category", "`condition`"),
            *("defects", "description", "price", "currency", "stock", "listed", "created_at"),
            "updated_at",
        ),
        "books WHERE seller_id = :person_id",
    )
}
_BATCH = 500


class _Id(NamedTuple):
    id: int


class CataloguePersonal:
    """One person's books."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def page(self, table: str, person_id: int, offset: int) -> list[dict[str, Any]]:
        """Return a page of a table's rows about a person."""
        return await personal.page(self._database, TABLES, table, person_id, offset)

    async def unsettled(self, person_id: int) -> list[str]:
        """Return what a person must settle before they can be forgotten."""
        held = await self._database.value(
            "SELECT 1 FROM holds h JOIN books b ON b.id = h.book_id"
            " WHERE b.seller_id = :person_id AND h.state = 'held' LIMIT 1",
            {"person_id": person_id},
        )
        return ["copies_held"] if held else []

    async def forget(self, person_id: int) -> None:
        """Withdraw a person's books and take their words and name off them."""
        await self._database.in_transaction(lambda q: _forget_files(q, person_id))
        while await self._database.in_transaction(lambda q: self._forget_some(q, person_id)):
            pass

    async def _forget_some(self, queries: Queries, person_id: int) -> int:
        rows = await queries.all(
            _Id,
            "SELECT id FROM books WHERE seller_id = :person_id AND seller_name <> :gone"
            f" ORDER BY id LIMIT {_BATCH}{queries.for_update}",
            {"person_id": person_id, "gone": personal.FORGOTTEN},
        )
        ids = [row.id for row in rows]
        if ids:
            await queries.execute(
                "UPDATE books SET listed = 0, on_sale = 0, description = '', defects = '',"
                " seller_name = :gone, updated_at = :now WHERE id IN :ids",
                {"gone": personal.FORGOTTEN, "now": self._clock(), "ids": ids},
            )
            await changes.record(queries, ids, self._clock(), listed="1")
        return len(ids)


async def _forget_files(queries: Queries, person_id: int) -> None:
    """Delete a person's files and what they said."""
    await queries.execute(
        "DELETE FROM import_rows WHERE import_id IN"
        " (SELECT id FROM imports WHERE seller_id = :person_id)",
        {"person_id": person_id},
    )
    for table in ("imports", "import_mappings", "seller_offers", "seller_turns"):
        await queries.execute(
            f"DELETE FROM {table} WHERE seller_id = :person_id", {"person_id": person_id}
        )
