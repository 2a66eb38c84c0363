"""What orders decides."""

from collections.abc import Awaitable, Callable

from bookstore.clock import Clock
from bookstore.contracts import CatalogueLink
from bookstore.database import Database
from bookstore.settings import Settings


class Orders:
    """Baskets, orders, payments and shipments."""

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        catalogue: CatalogueLink,
        *,
        webhook_key: bytes,
    ) -> None:
        self.database = database
        self.settings = settings
        self.clock = clock
        self.catalogue = catalogue
        self.webhook_key = webhook_key

    def chores(self) -> list[tuple[float, Callable[[], Awaitable[None]]]]:
        """Return what to do in the background and how often, in seconds."""
        return []
