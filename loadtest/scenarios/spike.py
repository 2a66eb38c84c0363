"""Five times as many people from one moment to the next: for the autoscaler."""

from __future__ import annotations

from loadtest.people.users import Buyer, Reader, Seller
from loadtest.scenarios.shapes import Stages

__all__ = ["Browser", "Dealer", "Fivefold", "Regular"]


class Browser(Reader):
    """Looks around, and not for the first time.

    Making an account takes a while, and loading all covers at first is a spike of its own: both
    would blur the step.
    """

    weight = 60
    been_here = True


class Regular(Buyer):
    """Buys, also while few are there: that orders survive is part of what is shown."""

    fixed_count = 2


class Dealer(Seller):
    """Sells: a shop that nobody has sold in has nothing to be bought."""

    fixed_count = 1


class Fivefold(Stages):
    """A fifth, all, and a fifth of the people again, for long enough that replicas go."""

    stages = ((40, 0.2), (70, 1.0), (370, 0.2))
