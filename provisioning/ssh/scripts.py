"""Write what a host is to run. Pure."""

from __future__ import annotations

import base64
import shlex

WHOLE = 2**20  # bytes that a command is given whole or not at all; what is larger streams
CUT = 98  # the status of a command that was not given all of it


def in_bash(script: str) -> str:
    """Write a command line that any login shell understands and that runs a script in bash."""
    if "\n" not in script and "!" not in script:
        return f"bash --norc -c {shlex.quote(script)}"
    # Some shells take neither a line's end nor an exclamation mark between quotes.
    packed = base64.b64encode(script.encode()).decode()
    return f"bash --norc -c 'eval \"$(echo {packed} | base64 -d)\"'"


def whole(command: str, content: bytes) -> tuple[str, bytes]:
    """Write a command that begins when all of its input is there; return what to feed it.

    A connection that is lost in the middle looks like the input's end: `docker secret create` would
    keep the half that came. The shell keeps it in memory and prints it by itself, so that it is in
    no file and in no argument list.
    """
    packed = base64.b64encode(content)
    return (
        f"whole=$(cat); [ ${{#whole}} = {len(packed)} ] || exit {CUT}\n"
        f'printf %s "$whole" | base64 -d 2>/dev/null | ( unset whole\n{command}\n)',
        packed,
    )
