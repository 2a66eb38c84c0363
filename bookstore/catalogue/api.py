"""What sibling contexts may call."""

from collections.abc import Sequence

from bookstore.catalogue.service import Catalogue
from bookstore.contracts import HoldLine, Quote


async def quotes(catalogue: Catalogue, book_ids: Sequence[int]) -> dict[int, Quote]:
    """Return today's terms of those of the books that exist."""
    return {}


async def hold(
    catalogue: Catalogue, reference: str, lines: Sequence[HoldLine], expires_at: int
) -> None:
    """Set copies aside, all or none."""


async def confirm(catalogue: Catalogue, reference: str) -> bool:
    """Sell what is held."""
    return False


async def release(catalogue: Catalogue, reference: str) -> None:
    """Put copies back on sale."""
