"""Keep secrets out of everything that is printed, logged or raised."""

from __future__ import annotations

import re

HIDDEN = "•••"
_SHAPES = (
    (re.compile(r"SWMTKN-\S+"), HIDDEN),
    (re.compile(r"(\w+://[^\s:/@]+:)[^\s@]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.S),
        HIDDEN,
    ),
)


class Redactor:
    """Replace known secret values, and whatever looks like one, by a placeholder."""

    def __init__(self) -> None:
        self._values: set[str] = set()

    def hide(self, value: str) -> None:
        """Never show this value; the lines of a long one are hidden one by one too."""
        self._values |= {part for part in (value.strip(), *value.split()) if len(part) >= 6}

    def __call__(self, text: str) -> str:
        """Return the text with secrets replaced."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, HIDDEN)
        for shape, replacement in _SHAPES:
            text = shape.sub(replacement, text)
        return text
