"""A sale: at one moment everybody wants the same few books, and their last copies run out."""

from __future__ import annotations

from locust import between

from loadtest.people.behaviours.account import sign_up
from loadtest.people.behaviours.buying import buy
from loadtest.people.checks import BOOK, book_page, listing
from loadtest.people.person import Person
from loadtest.people.users import Buyer, Reader
from loadtest.scenarios.shapes import Spike

WANTED = 4  # books that everybody is after

__all__ = ["Buyer", "Hunter", "Reader", "Rush"]


class Hunter(Person):
    """Goes for one of the first books of the catalogue."""

    weight = 12
    wait_time = between(0.2, 1.0)

    def hunt(self) -> None:
        """Buy one of the few, if there is a copy left."""
        if not sign_up(self):
            return
        page = self.open("/", "/", listing)
        wanted = page.links(BOOK)[:WANTED]
        if wanted:
            book = self.open(self.random.choice(wanted), "/books/[id]", book_page)
            buy(self, book)

    tasks = [hunt]


class Rush(Spike):
    """A spike."""
