"""More and more people, then fewer: the replicas should follow."""

from loadtest.shapes import UpAndDown
from loadtest.users import Buyer, Reader, Seller

__all__ = ["Buyer", "Reader", "Seller", "Steps"]


class Steps(UpAndDown):
    """Up in steps and down again."""
