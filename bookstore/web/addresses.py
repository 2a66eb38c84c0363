"""Addresses that somebody gave: what of them is to be trusted, and the same in another language."""

from urllib.parse import urlsplit


def with_language(address: str, language: str) -> str:
    """Return `address` with its language changed, the rest of its query kept."""
    path, _question, query = address.partition("?")
    kept = [pair for pair in query.split("&") if pair and not pair.startswith("lang=")]
    return f"{path}?{'&'.join([*kept, f'lang={language}'])}"


def safe_next(address: str | None, default: str) -> str:
    """Return `address` when it is a path of this shop, else `default`: where to go after signing
    in never leaves the site."""
    if not address or not address.startswith("/") or address.startswith(("//", "/\\")):
        return default
    if any(
        ord(character) <= 32 or character in '\\"<>' or ord(character) == 127
        for character in address
    ):
        return default
    return address


def path_of(address: str | None) -> str:
    """Return path and query of a full address, or / when there is none."""
    if not address:
        return "/"
    try:
        parts = urlsplit(address)
    except ValueError:  # not an address, such as http://[x
        return "/"
    return safe_next(parts._replace(scheme="", netloc="", fragment="").geturl(), "/")
