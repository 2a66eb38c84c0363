"""What the catalogue decides."""

from collections.abc import Awaitable, Callable

from bookstore.clock import Clock
from bookstore.database import Database
from bookstore.settings import Settings


class Catalogue:
    """The books on sale."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self.database = database
        self.settings = settings
        self.clock = clock

    def chores(self) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
        """Return what to do in the background and how often, in seconds."""
        return []
