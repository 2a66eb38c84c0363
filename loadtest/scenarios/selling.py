"""Many sell, with pictures of the covers, and more look at them: for the shared storage."""

from loadtest.people.users import Buyer, Reader, Seller

__all__ = ["Buyer", "Reader", "Trader"]


class Trader(Seller):
    """Sells; there are as many as all others together."""

    weight = 18
