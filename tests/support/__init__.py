"""Factories and tools of the tests."""
