"""What a tester's command makes of whoever ends it before its end."""

from __future__ import annotations

import sys
from collections.abc import Callable

from provisioning.cli.terminal import ended_as_by_ctrl_c
from provisioning.pipes import reader_may_leave

STOPPED = 130


def run_to_its_end(main: Callable[[], int], left: str) -> int:
    """Return a command's status; where Ctrl-C, SIGTERM or a terminal that is gone ended it, 130.

    The command puts right meanwhile what it must; then it is said what that leaves behind: `left`,
    or the sentence of an Interrupted.
    """
    with reader_may_leave():
        try:
            with ended_as_by_ctrl_c():
                return main()
        except KeyboardInterrupt as stop:
            print(f"\nStopped. {str(stop) or left}", file=sys.stderr)
            return STOPPED
