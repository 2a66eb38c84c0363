"""Tell where a command begins and ends on a host; where none begins, say why and what to do."""

from __future__ import annotations

import re
import threading

from provisioning.inventory import Endpoint

SILENT = ": it said nothing"
SUDOERS = "/etc/sudoers.d/bookstore"
NO_SUDO = re.compile(
    r"sudo: a (password|terminal) is required|is not in the sudoers|may not run|is not allowed to"
)


class BetweenMarks:
    """What a stream says between two marks; all of it where the first never comes."""

    def __init__(self, begin: bytes, end: bytes, *, keep: bool = True) -> None:
        self._begin = begin
        self._end = end
        self._keep = keep
        self._before = b""
        self._held = b""  # may be the beginning of the end
        self._chunks: list[bytes] = []
        self.after: bytes | None = None  # what comes behind the end; None: it has not come
        self.found = False
        self.settled = threading.Event()  # the mark was found, or will not come

    def add(self, chunk: bytes) -> bytes:
        """Take what came; return what of it is known to be between the marks."""
        if not self.found:
            self._before += chunk
            _, mark, chunk = self._before.partition(self._begin)
            if not mark:
                return b""
            self.found, self._before = True, b""
            self.settled.set()
        if self.after is not None:
            self.after += chunk
            return b""
        fresh, mark, after = (self._held + chunk).partition(self._end)
        if mark:
            self.after, self._held = after, b""
        else:
            kept = len(fresh) - _overlap(fresh, self._end)
            fresh, self._held = fresh[:kept], fresh[kept:]
        if self._keep:
            self._chunks.append(fresh)
        return fresh

    def content(self) -> bytes:
        """Return it all."""
        return b"".join([self._before, *self._chunks, self._held])


def _overlap(text: bytes, mark: bytes) -> int:
    """Return how many bytes at a text's end may be the beginning of a mark."""
    most = min(len(text), len(mark) - 1)
    return next((n for n in range(most, 0, -1) if text.endswith(mark[:n])), 0)


def not_begun(endpoint: Endpoint, shown: str, words: str, sudo: str) -> str:
    """Say what kept a command from running at all; `sudo` is what sudo complained of. Pure."""
    user = endpoint.user
    line = f'put the line "{user} ALL=(ALL) NOPASSWD: ALL" into {SUDOERS}'
    if NO_SUDO.search(sudo):
        return f"the user {user} may not use sudo without a password. There {line}."
    if "must have a tty" in sudo:
        return (
            f'sudo there asks for a terminal. Put the line "Defaults:{user} !requiretty" into '
            f"{SUDOERS}."
        )
    if re.search(r"sudo.*: No such file", sudo):
        return f"there is no sudo. As root: apt-get install sudo, and {line}."
    return (
        f"the shell of the user {user} did not run `{shown}` ({words}). `ssh {user}@"
        f"{endpoint.address} true` must end well: look at the user's name, at its shell and "
        "~/.bashrc, and at ForceCommand in sshd_config."
    )


def slow_to_begin(endpoint: Endpoint, shown: str, seconds: float) -> str:
    """Say that a host takes commands and does not begin with them. Pure."""
    return (
        f"no command has begun there within {seconds:g} s (`{shown}`). See whether `sudo true` is "
        "as slow there (often it waits for a name server, or the host does not know its own name), "
        f"and what the ~/.bashrc of the user {endpoint.user} does."
    )


def last_words(stdout: str, stderr: str) -> str:
    """Return the last lines that a command said, errors first; "" where it said nothing. Pure."""
    said = (stderr.strip() or stdout.strip()).splitlines()
    return f": {' / '.join(said[-3:])}" if said else ""
