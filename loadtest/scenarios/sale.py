"""A sale: at one moment everybody wants the same few books, and their last copies run out."""

from __future__ import annotations

from loadtest.people import checks
from loadtest.people.behaviours.account import sign_up
from loadtest.people.behaviours.browsing import look_at
from loadtest.people.behaviours.buying import buy
from loadtest.people.person import Person
from loadtest.people.users import Buyer, Reader
from loadtest.scenarios.shapes import Spike

WANTED = 4  # books that everybody is after

__all__ = ["Buyer", "Hunter", "Reader", "Rush"]


class Hunter(Person):
    """Goes for one of the first books of the catalogue."""

    weight = 12

    def wait_time(self) -> float:
        """Return the seconds until the next try."""
        return self.pause(0.2, 1.0)

    def hunt(self) -> None:
        """Buy one of the few, if there is a copy left."""
        if not sign_up(self):
            return
        page = self.open("/books", "/books", checks.listing)
        wanted = page.cards()[:WANTED]
        if wanted:
            buy(self, look_at(self, self.random.choice(wanted)))

    tasks = [hunt]


class Rush(Spike):
    """A spike."""
