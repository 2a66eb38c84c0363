"""Locust files: which people come, and when."""
