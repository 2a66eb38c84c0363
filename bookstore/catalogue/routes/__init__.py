"""The pages of the catalogue."""

from bookstore.catalogue.routes import browsing, covers, importing, info, machines, own, selling
from bookstore.catalogue.routes.common import blueprint

__all__ = ["blueprint", "browsing", "covers", "importing", "info", "machines", "own", "selling"]
