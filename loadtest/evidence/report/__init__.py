"""One HTML file that stands alone: what a run came to, and all that a sceptic asks for."""

from loadtest.evidence.report.page import render, write

__all__ = ["render", "write"]
