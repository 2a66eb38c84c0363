"""Five times as many people from one moment to the next: for the autoscaler."""

from __future__ import annotations

from loadtest.shapes import Stages
from loadtest.users import Buyer, Reader

__all__ = ["Buyer", "Fivefold", "Reader"]


class Fivefold(Stages):
    """A fifth, all, and a fifth of the people again."""

    stages = ((40, 0.2), (70, 1.0), (100, 0.2))
