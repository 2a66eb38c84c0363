"""The books on sale: search, publishing, holds."""

from bookstore.catalogue.routes import blueprint

__all__ = ["blueprint"]
