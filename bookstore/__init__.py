"""A marketplace where people sell each other second-hand books."""

__version__ = "0.1.0"
