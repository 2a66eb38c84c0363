"""An ordinary day: most look around, some buy, a few sell."""

from loadtest.people.users import Buyer, Reader, Seller

__all__ = ["Buyer", "Reader", "Seller"]
