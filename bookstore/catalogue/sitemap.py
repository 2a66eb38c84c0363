"""The sitemap's statements: books by ranges of their ids, so that a part is found by the index and
stays the same part."""

from collections.abc import Sequence
from typing import NamedTuple

from bookstore.catalogue.repository import Source

PART = 10_000  # ids in a part


class Page(NamedTuple):
    """A book's page and when it last changed."""

    id: int
    updated_at: int


async def parts(source: Source) -> list[int]:
    """Return the numbers of the parts, by the highest id there is."""
    highest = await source.value("SELECT MAX(id) FROM books")
    return list(range((highest or 0) // PART + 1)) if highest else []


async def part(source: Source, number: int) -> list[Page]:
    """Return the books on sale of one part."""
    return await source.all(
        Page,
        "SELECT id, updated_at FROM books WHERE on_sale = 1 AND id >= :first AND id < :last"
        " ORDER BY id",
        {"first": number * PART, "last": (number + 1) * PART},
    )


async def changed_at(source: Source, book_ids: Sequence[int]) -> list[Page]:
    """Return when each of the books last changed."""
    return await source.all(
        Page, "SELECT id, updated_at FROM books WHERE id IN :ids", {"ids": list(book_ids)}
    )
