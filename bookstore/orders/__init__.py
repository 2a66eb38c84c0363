"""Baskets, orders, payments and shipments."""

from bookstore.orders.routes import blueprint

__all__ = ["blueprint"]
