"""The books on sale: search, publishing, holds."""
