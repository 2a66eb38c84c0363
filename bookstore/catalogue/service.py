"""What the catalogue decides."""

from collections.abc import Awaitable, Callable, Sequence

from bookstore.catalogue import repository
from bookstore.catalogue.domain import possible_ids
from bookstore.catalogue.holds import SWEEP_SECONDS, Holds
from bookstore.clock import Clock
from bookstore.contracts import Quote
from bookstore.database import Database
from bookstore.settings import Settings


class Catalogue:
    """The books on sale."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self.database = database
        self.settings = settings
        self.clock = clock
        self.holds = Holds(database, clock)

    def chores(self) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
        """Return what to do in the background and how often, in seconds."""
        return [(SWEEP_SECONDS, self.holds.sweep)]

    async def quotes(self, book_ids: Sequence[int]) -> dict[int, Quote]:
        """Return today's terms of those of the books that exist, withdrawn ones included."""
        found = await repository.quotes(self.database, possible_ids(book_ids))
        return {quote.book_id: quote for quote in found}
