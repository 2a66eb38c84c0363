"""What people make up: names and passwords of new accounts, titles and covers of books."""

from __future__ import annotations

import io
import os
import time
from random import Random

from PIL import Image

# Two runs with one seed still have different accounts.
_STARTED = f"{time.time_ns() // 1_000_000:x}"
_SYLLABLES = ("ka", "lo", "mi", "ren", "sol", "ta", "ver", "zu")


def account(kind: str, random: Random) -> dict[str, str]:
    """Return the details of a new account; `kind` shows in the name."""
    token = f"{_STARTED}{os.getpid():x}{random.getrandbits(40):010x}"
    return {
        "name": f"{kind} {token[-10:]}",
        "email": f"{token}@load.example.org",
        "password": f"quiet lanterns {token}",
    }


def word(random: Random) -> str:
    """Return a word for a title or a name."""
    return "".join(random.choices(_SYLLABLES, k=3)).capitalize()


def cover(random: Random) -> bytes:
    """Return a picture: one colour is enough, but each cover has its own."""
    colour = tuple(random.randrange(256) for _ in range(3))
    file = io.BytesIO()
    Image.new("RGB", (400, 600), colour).save(file, "JPEG")
    return file.getvalue()
