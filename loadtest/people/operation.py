"""What a person asks of the shop and what comes of it: an invocation, and its completion.

Both are written with their moments, so that the history can be checked as a whole afterwards. An
operation without a completion is one whose answer never came: it may have happened, or not.
"""

from __future__ import annotations

import itertools
import os
from typing import Any, Literal

from loadtest.evidence import recorder
from loadtest.people.pages import Page

Outcome = Literal["told", "refused", "unheard"]
_numbers = itertools.count(1)


class Operation:
    """One thing that somebody asks for. What it is about goes into both entries."""

    def __init__(self, kind: str, by: str, **about: Any) -> None:
        self.kind = kind
        self.about = {"op": f"{os.getpid()}-{next(_numbers)}", "by": by, **about}
        recorder.write("ledger", what="asked", kind=kind, **self.about)

    def end(self, outcome: Outcome, **found: Any) -> None:
        """Write down what came of it."""
        recorder.write("ledger", what=outcome, kind=self.kind, **(self.about | found))

    def end_by(self, answer: Page, **found: Any) -> bool:
        """Write down what an answer says came of it; return whether the shop said yes."""
        if answer.accepted or (answer.status == 200 and answer.fragment and not answer.wrong):
            self.end("told", **found)
            return True
        self.end("refused" if answer.heard else "unheard", status=answer.status)
        return False
