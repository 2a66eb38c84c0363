"""Databases of either engine: connections, transactions, statements."""
