"""Covers that came in a zip with the file: kept like any other, and given to the books whose rows
name them."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from bookstore.catalogue import changes, covers
from bookstore.catalogue.domain import NotACover
from bookstore.catalogue.importing.offers import Offer
from bookstore.catalogue.importing.packing import Pictures
from bookstore.catalogue.importing.writing import Outcome
from bookstore.catalogue.storage import StorageUnavailable, on_storage
from bookstore.data.queries import Queries

log = structlog.get_logger()


async def stored(
    pictures: Pictures | None, offers: Sequence[Offer], media_dir: Path | None
) -> dict[str, str]:
    """Keep the pictures that offers name; return their names by the offers' identities. One that is
    none, or that cannot be kept now, costs the book its cover and nothing else."""
    found: dict[str, str] = {}
    if pictures is None or media_dir is None:
        return found
    for offer in offers:
        name = offer.details.cover_url
        if not name or name.startswith("http") or not offer.copies:
            continue
        try:
            content = await asyncio.to_thread(pictures.read, name, covers.MAX_BYTES)
            if content is None:
                continue
            sizes = await asyncio.to_thread(covers.encoded, content)
            found[offer.identity] = await on_storage(covers.store, sizes, media_dir)
        except (NotACover, StorageUnavailable) as error:
            log.info("a cover in a zip was not kept", line=offer.line, reason=str(error)[:200])
    return found


async def give(
    queries: Queries, outcomes: Sequence[Outcome], names: Mapping[str, str], now: int
) -> None:
    """Give books that have no cover the one that came along."""
    given = []
    for outcome in outcomes:
        name = names.get(outcome.identity)
        if name and outcome.book_id is not None:
            given.append(outcome.book_id)
            await queries.execute(
                "UPDATE books SET cover = :name WHERE id = :id AND cover IS NULL",
                {"name": name, "id": outcome.book_id},
            )
    if given:
        await changes.record(queries, given, now, listed="1")
