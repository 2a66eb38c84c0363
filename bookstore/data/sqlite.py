"""SQLite as several readers and one writer need it."""

import sqlite3
import time
from typing import Any


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
