"""Who people are: registration, signing in, sessions, profiles."""

from bookstore.accounts.routes import blueprint

__all__ = ["blueprint"]
