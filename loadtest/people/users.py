"""The kinds of people there are, and who does what how often."""

from __future__ import annotations

from loadtest.people.behaviours.account import sign_in_again
from loadtest.people.behaviours.browsing import browse, search
from loadtest.people.behaviours.buying import buy, watch
from loadtest.people.behaviours.selling import sales, sell
from loadtest.people.person import Person


class Reader(Person):
    """Looks around: nine of ten people in a shop."""

    weight = 12
    tasks = [*[browse] * 6, *[search] * 4]


class Buyer(Person):
    """Has an account, buys, and looks what became of the orders."""

    weight = 6
    tasks = [
        *[browse] * 6,
        *[search] * 4,
        *[buy] * 8,
        *[watch] * 2,
        sign_in_again,
    ]


class Seller(Person):
    """Puts books up for sale, with a picture of the cover."""

    weight = 1
    tasks = [browse, sell, sell, sales]
