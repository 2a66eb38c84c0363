"""Write what a host is to run. Pure."""

from __future__ import annotations

import base64
import shlex

WHOLE = 2**20  # bytes that a command is given at once or not at all; what is larger streams
FRAME = 2**20  # bytes of a stream that go together
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


def framed(command: str) -> str:
    """Write a command that reads a stream of frames, each behind its length, up to an empty one.

    Where the stream ends before that, the command and all that it has started are killed: to it the
    cut would look like the stream's end. Such a command runs in a process group of its own.
    """
    return (
        "exec < <(exec 2>/dev/null\n"
        "while IFS= read -r length; do\n"
        '    [ "$length" != 0 ] && head -c "$length" || exit 0\n'
        "done\n"
        f"kill -KILL 0)\n{command}"
    )


def frame(content: bytes) -> bytes:
    """Write a frame of a stream; an empty one ends it."""
    return b"%d\n%b" % (len(content), content)
