"""Sellers' own files: read, understood, compared with what the last file said, and written."""
