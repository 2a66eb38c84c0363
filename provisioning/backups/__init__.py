"""Backups of database, covers and swarm: taken, sealed, kept, proven and restored."""
