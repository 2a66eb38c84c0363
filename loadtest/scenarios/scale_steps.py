"""More and more people, then fewer: the replicas should follow."""

from loadtest.people.users import Buyer, Reader, Seller
from loadtest.scenarios.shapes import UpAndDown

__all__ = ["Buyer", "Reader", "Seller", "Steps"]


class Steps(UpAndDown):
    """Up in steps and down again."""
