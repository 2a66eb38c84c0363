"""An ordinary day that lasts: for what only time brings out, such as leaks."""

from loadtest.people.users import Buyer, Reader, Seller

__all__ = ["Buyer", "Reader", "Seller"]
