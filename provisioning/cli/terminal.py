"""What a command makes of its streams, and of whoever ends it."""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn


def open_streams() -> None:
    """Let closed streams lead nowhere; write otherwise what a terminal has no sign for."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - stays
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


@contextmanager
def ended_as_by_ctrl_c() -> Iterator[None]:
    """Take SIGTERM, and a terminal that is gone, for Ctrl-C: a command puts right what it must."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    terminals = [number for number in (1, 2) if os.isatty(number)]

    def hang_up(number: int, frame: FrameType | None) -> NoReturn:
        for stream in terminals:  # a word to it would be an error
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream)
        raise KeyboardInterrupt

    ways = {signal.SIGTERM: signal.default_int_handler, signal.SIGHUP: hang_up}
    # Not where somebody has another wish already: nohup, or a command that goes on.
    ours = [number for number in ways if signal.getsignal(number) == signal.SIG_DFL]
    for number in ours:
        signal.signal(number, ways[number])
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)
