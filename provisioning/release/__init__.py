"""Releases: render, compare, migrate, deploy, wait, and keep the history."""
