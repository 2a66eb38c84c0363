"""Shops that are broken on purpose: a simulation that does not name them proves nothing."""

from __future__ import annotations

from loadtest.simulation.engine import Rewrite


def _no_stock_guard(sql: str) -> str:
    if " FROM books WHERE id IN " in sql and sql.endswith(" ORDER BY id"):  # what a hold looks at
        return sql.replace("`stock` AS", "1000 AS").replace("`listed` AS", "1 AS")
    return sql.replace("stock = stock - :quantity", "stock = MAX(stock - :quantity, 0)")


def _no_idempotency(sql: str) -> str:
    if sql.startswith("INSERT INTO orders_idempotency"):
        return sql.replace("INSERT", "INSERT OR REPLACE")
    if sql.startswith("SELECT") and "checkout_key = :" in sql:
        return sql.replace("checkout_key = :", "1 = 0 AND checkout_key = :")
    return sql


def _no_refund(sql: str) -> str:
    if sql.startswith("INSERT INTO refunds"):
        return "UPDATE refunds SET amount = amount WHERE 1 = 0"
    return sql


SHOPS: dict[str, Rewrite] = {
    "": str,
    "no-stock-guard": _no_stock_guard,
    "no-idempotency": _no_idempotency,
    "no-refund": _no_refund,
}
