"""The rules about people: names, addresses, passwords, and how often signing in may fail."""

import unicodedata
from collections.abc import Container
from typing import NamedTuple

import idna

MIN_PASSWORD = 8
MAX_PASSWORD = 256


class Profile(NamedTuple):
    """What anybody may know of a person."""

    id: int
    name: str
    created_at: int


class Session(NamedTuple):
    """A browser in which a person has signed in."""

    token_hash: str
    user_agent: str
    address: str
    created_at: int
    seen_at: int


def email_key(email: str) -> str:
    """Return what makes two spellings of an e-mail address the same account: case, composed and
    decomposed letters, and a host's name in its own script or in ASCII make no difference."""
    local, _, host = unicodedata.normalize("NFC", email.strip()).rpartition("@")
    try:
        host = idna.encode(host, uts46=True).decode()
    except idna.IDNAError:  # no name of a host, which no form takes
        host = host.lower()
    return unicodedata.normalize("NFC", f"{local.lower()}@{host}")


def is_common(password: str, common: Container[str], *, email: str = "", name: str = "") -> bool:
    """Tell whether a guesser would try this password among the first: it is on the list of common
    ones, one character repeated, or simply the person's own name or address."""
    lowered = unicodedata.normalize("NFKC", password).casefold()
    own = {email.casefold(), email.casefold().split("@")[0], name.casefold(), "bookstore"}
    return lowered in common or lowered in own or len(set(lowered)) == 1
