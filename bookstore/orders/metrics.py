"""What operators count."""

from prometheus_client import Counter

from bookstore.web.health import REGISTRY

PLACED = Counter("bookstore_orders_placed", "Orders placed", registry=REGISTRY)
PAID = Counter("bookstore_orders_paid", "Orders paid", registry=REGISTRY)
CONFLICTS = Counter(
    "bookstore_stock_conflicts", "Checkouts refused because copies ran out", registry=REGISTRY
)
