"""The pages of orders."""

from bookstore.orders.routes import baskets, checkout, orders, payments, sales
from bookstore.orders.routes.common import blueprint

__all__ = ["baskets", "blueprint", "checkout", "orders", "payments", "sales"]
