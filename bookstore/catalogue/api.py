"""What sibling contexts may call. Each call may be repeated without doing more."""

from collections.abc import Mapping, Sequence

from bookstore.catalogue.service import Catalogue
from bookstore.contracts import HoldLine, Quote


async def quotes(catalogue: Catalogue, book_ids: Sequence[int]) -> dict[int, Quote]:
    """Return today's terms of those of the books that exist. A withdrawn one is not `listed`;
    `condition` is the grade's English name, which the translations know; `cover` the name of a
    small picture."""
    return await catalogue.quotes(book_ids)


async def hold(
    catalogue: Catalogue,
    reference: str,
    lines: Sequence[HoldLine],
    expires_at: int,
    *,
    terms: Mapping[int, str] | None = None,
) -> None:
    """Set copies aside until `expires_at` (milliseconds), all or none; raise HoldRefused with what
    is left of the books that fell short, 0 of a withdrawn one. A reference that ran out may hold
    again; one that was released is refused, and then no book fell short; likewise a hold of books
    that are not on the `terms` given (Quote.terms by book id)."""
    await catalogue.holds.hold(reference, lines, expires_at, terms=terms)


async def confirm(catalogue: Catalogue, reference: str) -> bool:
    """Sell what is held; True as well when it is sold already. False when the hold ran out, was
    released or never was."""
    return await catalogue.holds.confirm(reference)


async def release(catalogue: Catalogue, reference: str) -> None:
    """Put copies back on sale, held or sold, and refuse a hold that arrives later."""
    await catalogue.holds.release(reference)


async def release_books(catalogue: Catalogue, reference: str, book_ids: Sequence[int]) -> None:
    """Put the copies of some of a reference's books back on sale, held or sold."""
    await catalogue.holds.release_books(reference, book_ids)
