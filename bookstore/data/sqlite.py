"""SQLite as several readers and one writer need it."""

import sqlite3
import time
from typing import Any

from databases.backends.sqlite import SQLiteBackend
from databases.interfaces import DatabaseBackend

from bookstore.data.errors import Conflict, ConnectionLost, DatabaseUnavailable, Duplicate


class SQLiteConnection(sqlite3.Connection):
    """A connection with the pragmas that concurrent readers and one writer need."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            self.execute("PRAGMA busy_timeout = 10000")
            self._write_ahead()
            self.execute("PRAGMA synchronous = NORMAL")
            self.execute("PRAGMA foreign_keys = ON")
            self.execute("PRAGMA temp_store = MEMORY")
        except sqlite3.Error:
            self.close()
            raise

    def _write_ahead(self) -> None:
        """Ask for WAL, again when refused: of several who open a new file, one gets it at once."""
        for attempt in range(200):
            try:
                self.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError:
                if attempt == 199:
                    raise
                time.sleep(0.01)


def backend(url: str) -> DatabaseBackend:
    """Return what opens connections to the file of a sqlite:/// URL."""
    return SQLiteBackend(url, factory=SQLiteConnection, timeout=10.0)


def translate(error: Exception) -> Exception:
    """Return the error of ours that an error of the driver means, or the error itself."""
    if isinstance(error, sqlite3.IntegrityError) and "UNIQUE" in str(error):
        return Duplicate(str(error))
    if isinstance(error, sqlite3.OperationalError):
        if "locked" in str(error) or "busy" in str(error):
            return Conflict(str(error))
        if "unable to open" in str(error) or "disk I/O" in str(error):
            return DatabaseUnavailable(str(error))
    if isinstance(error, ValueError | sqlite3.ProgrammingError) and "closed" in str(error).lower():
        return ConnectionLost("the connection to the database is closed")
    return error
