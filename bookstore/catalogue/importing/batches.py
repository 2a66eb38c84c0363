"""A seller's file is worked through in small batches, with pauses that belong to readers."""

import asyncio
import time
from pathlib import Path

from bookstore.settings import Settings

AT_ONCE = 50  # rows; more would keep readers of the same replica waiting
_LONGEST_PAUSE = 1.0


async def pause(began: float) -> float:
    """Leave as much time to readers as the last batch took, more when everything is slow; return
    when the next one begins."""
    await asyncio.sleep(min(_LONGEST_PAUSE, time.monotonic() - began))
    return time.monotonic()


def path_of(settings: Settings, file: str) -> Path:
    """Return where a file that was sent in lies."""
    return settings.media_dir / "imports" / file
