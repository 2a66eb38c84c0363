"""Go on examining, and tell what is new: `./run ops doctor --watch`."""

from __future__ import annotations

import re
from collections.abc import Callable

from provisioning.doctor.findings import Finding
from provisioning.errors import OperatorError

Look = Callable[[], list[Finding]]


class Watch:
    """Looks again and again; tells what two looks in a row have seen, once, and its end."""

    def __init__(
        self, look: Look, tell: Callable[[str, str], None], say: Callable[[str], None]
    ) -> None:
        self._look = look
        self._tell = tell
        self._say = say
        self._before: set[str] = set()
        self._told: dict[str, Finding] = {}
        self._trouble = ""

    @property
    def suspects(self) -> bool:
        """Tell whether the last look saw what is told if it lasts."""
        return bool(self._before - self._told.keys())

    def round(self) -> None:
        """Look once, and tell what has changed."""
        try:
            found = [f for f in self._look() if f.bad or f.unknown]
        except OperatorError as error:
            found = [Finding("doctor", str(error), "See ./run ops status")]
        now = {_key(f): f for f in found}
        new = [f for key, f in now.items() if key in self._before and key not in self._told]
        gone = [f for key, f in self._told.items() if key not in now]
        self._before = set(now)
        # What a number says may change; the newest is what is told when it ends.
        self._told |= {key: f for key, f in now.items() if key in self._told}
        if not new and not gone:
            return
        after = {k: f for k, f in self._told.items() if k in now} | {_key(f): f for f in new}
        lines = [f"{_words(f)}\n   -> {f.advice}" for f in new]
        lines += [f"Well again: {_words(f)}" for f in gone]
        subject = f"{len(after)} to put right" if after else "All is well again"
        for line in lines:
            self._say(line)
        try:
            self._tell(subject, "\n".join(lines))
        except OperatorError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._say(self._trouble)
            return  # it is new still, and is told with the next look
        self._told, self._trouble = after, ""


def _key(finding: Finding) -> str:
    """Name what is wrong, whatever the numbers in it are."""
    what = re.sub(r"[\d.,]+", "#", finding.what)
    return f"{finding.where}: {what}"


def _words(finding: Finding) -> str:
    return f"{finding.where}: {finding.what}"
