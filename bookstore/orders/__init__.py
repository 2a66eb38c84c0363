"""Baskets, orders, payments and shipments."""
