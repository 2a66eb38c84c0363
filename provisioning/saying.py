"""Tell how far a command is, on streams whose reader may leave."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TextIO


def sayer(
    redact: Callable[[str], str] = str, *, to_errors: bool = False, timed: bool = False
) -> Callable[[str], None]:
    """Return what prints progress, with the time of day before it where `timed`.

    A reader who leaves stops what is under way, as Ctrl-C does: `deploy | head`.
    """

    def say(text: str) -> None:
        stream = sys.stderr if to_errors else sys.stdout
        time = f"{datetime.now(UTC):%H:%M:%S}  " if timed else ""
        try:
            print(f"{time}{redact(text)}", file=stream, flush=True)
        except BrokenPipeError:
            nobody_reads(stream)
            raise KeyboardInterrupt from None

    return say


def nobody_reads(stream: TextIO | None = None) -> None:
    """Let a stream (standard output) lead nowhere from now on, with what is not written yet."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), (stream or sys.stdout).fileno())
