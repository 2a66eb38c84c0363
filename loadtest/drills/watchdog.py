"""Ends a drill when the cluster is beyond help: nobody who comes in gets an answer any more."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loadtest.evidence import recorder
from loadtest.evidence.result import Expectation

Entry = Mapping[str, Any]
BEYOND = 60.0  # seconds without an answer: twice the longest that any fault may cost
LOOK = 5.0  # seconds between looks


def unanswered(seen: Sequence[Entry]) -> float:
    """Return for how long, up to the last of them, who asked from outside got no good answer."""
    if not seen:
        return 0.0
    first = min(float(entry["at"]) for entry in seen)
    ended = [float(entry["at"]) + float(entry["ms"]) / 1000 for entry in seen]
    good = [end for entry, end in zip(seen, ended, strict=True) if entry["error"] is None]
    return max(ended) - max(good, default=first)


class Watchdog:
    """Looks at what is seen from outside; ends the load, and with it the drill."""

    def __init__(self, folder: Path, load: subprocess.Popen[bytes]) -> None:
        self.gave_up = threading.Event()
        self._over = threading.Event()
        self._folder = folder
        self._load = load
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(LOOK):
            if unanswered(recorder.read(self._folder, "outside")) > BEYOND:
                self.gave_up.set()
                self._load.terminate()
                return


def judged(gave_up: bool) -> list[Expectation]:
    """Return the line of a drill that was ended early; none for one that was not."""
    if not gave_up:
        return []
    seen = f"nobody had an answer for {BEYOND:g} s, so it was ended"
    return [Expectation("the cluster could be helped", "yes", seen, False)]
