"""How long whoever asks is to wait for the database at most, however many statements that takes."""

from contextvars import ContextVar
from time import monotonic

LEAST = 1.5  # seconds that a statement gets at least: longer than the engines wait for a lock

_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


def answer_within(seconds: float | None) -> None:
    """Give all statements of this task, and of those that it starts, so much time together; None
    takes the limit away."""
    _deadline.set(None if seconds is None else monotonic() + seconds)


def left(most: float) -> float:
    """Return for how many seconds a statement may go on, at most so many."""
    deadline = _deadline.get()
    return most if deadline is None else min(most, max(deadline - monotonic(), LEAST))


def end(most: float) -> float:
    """Return the moment at which waiting ends, at the latest so many seconds from now."""
    latest, deadline = monotonic() + most, _deadline.get()
    return latest if deadline is None else min(latest, deadline)
