"""What the simulated readers leave behind: every request, and every promise of the shop.

Each process appends to files of its own in the run's folder, so nothing is shared and nothing is
lost when one is killed. Without a run (plain `locust -f …`) nothing is written.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

FOLDER = "LOADTEST_RUN"  # the environment variable that names the run's folder

_files: dict[tuple[int, str], TextIO] = {}


def write(kind: str, /, **entry: object) -> None:
    """Append an entry to the run's `requests`, `ledger`, `arrivals` or `incidents`."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    key = (os.getpid(), kind)
    file = _files.get(key)
    if file is None:
        path = Path(folder) / f"{kind}.{key[0]}.jsonl"
        file = _files[key] = path.open("a", buffering=1)
    file.write(json.dumps({"t": round(time.time(), 4), **entry}, separators=(",", ":")) + "\n")


def read(folder: Path, kind: str) -> list[dict[str, Any]]:
    """Read the entries of all processes, oldest first; a line cut off by a kill is left out."""
    entries = []
    for path in sorted(folder.glob(f"{kind}.*.jsonl")):
        entries += list(_lines(path))
    return sorted(entries, key=lambda entry: float(entry["t"]))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as file:
        for line in file:
            try:
                yield json.loads(line)
            except ValueError:
                continue
