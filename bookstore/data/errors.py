"""What can go wrong with a database, in words that mean the same on every engine."""


class DatabaseUnavailable(Exception):
    """The database does not answer, or no connection became free in time."""


class ConnectionLost(DatabaseUnavailable):
    """The connection broke under a statement; what became of the statement is unknown."""


class Undone(ConnectionLost):
    """The connection broke before a transaction was to take effect: nothing was changed."""


class ReadOnly(ConnectionLost):
    """The server takes no writes, as one that is no longer the writer: nothing was changed."""


class Conflict(Exception):
    """The engine gave this transaction up for another one; running it again may succeed."""


class LockWait(Conflict):
    """Somebody else holds a lock for longer than we wait for one."""


class Busy(DatabaseUnavailable):
    """Somebody else held a lock for so long that we gave up: nothing was changed."""


class Duplicate(Exception):
    """A row with the same unique value exists already."""
