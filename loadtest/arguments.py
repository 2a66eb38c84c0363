"""What a tester may give to the commands, and what is refused with a sentence."""

from __future__ import annotations

import argparse
import socket
import ssl
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from loadtest.errors import LoadError
from loadtest.evidence.ledger.database import CONTEXTS


def seconds(text: str) -> int:
    """Return the seconds of 90, 90s, 5m or 1h."""
    number = text.rstrip("smh")
    if not number.isdecimal() or not int(number) or len(text) - len(number) > 1:
        raise argparse.ArgumentTypeError(f"{text} is no duration: write 90, 90s, 5m or 1h")
    return int(number) * {"m": 60, "h": 3600}.get(text[-1:], 1)


def rate(text: str) -> float:
    """Return clicks in a second."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 100_000:
        raise argparse.ArgumentTypeError(f"{text} is no number of clicks a second")
    return number


def people(text: str) -> int:
    """Return a number of people."""
    if not text.isdecimal() or not 0 < int(text) <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text} is no number of people: at least 1")
    return int(text)


def percent(text: str) -> float:
    """Return a share that is no promise of never failing, in percent."""
    try:
        number = float(text.rstrip("%"))
    except ValueError:
        number = -1.0
    if not 0 < number < 100:
        raise argparse.ArgumentTypeError(f"{text} is no share between 0 and 100, such as 99.9")
    return number


def authority(text: str) -> Path:
    """Return a file of authorities that is there."""
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"there is no file {text}")
    try:
        ssl.create_default_context(cafile=text)
    except (OSError, ssl.SSLError) as error:
        reason = error.strerror or error
        raise argparse.ArgumentTypeError(f"{text} holds no certificate (PEM): {reason}") from None
    return Path(text)


def processes(text: str) -> int:
    """Return a number of Locust processes; -1 is one for each core."""
    if text != "-1" and not (text.isdecimal() and 0 < int(text) <= 1000):
        raise argparse.ArgumentTypeError(f"{text} is no number of processes: 1 or more, or -1")
    return int(text)


def resolved(text: str) -> str:
    """Return a name with the address to find it at."""
    name, _, address = text.partition("=")
    if not name or not address or "," in text:
        raise argparse.ArgumentTypeError(f"{text} is no NAME=ADDRESS")
    return text


def check_host(host: str, resolve: str = "") -> None:
    """Refuse what is no address of a shop, or where nobody answers."""
    try:
        parts = urllib.parse.urlsplit(host)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise LoadError(f"--host {host} is no address of a shop: {error}.") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path not in ("", "/"):
        raise LoadError(f"--host {host} is no address of a shop, such as https://books.example.org")
    known = dict(pair.split("=", 1) for pair in resolve.split(",") if "=" in pair)
    address = known.get(parts.hostname, parts.hostname)
    try:
        socket.create_connection((address, port), timeout=10).close()
    except socket.gaierror:
        raise LoadError(f"--host {host}: nobody knows the name {address}.") from None
    except OSError as error:
        reason = error.strerror or error
        raise LoadError(f"--host {host} does not answer on port {port}: {reason}.") from None


def database_urls(given: Sequence[str]) -> dict[str, str]:
    """Read --database URL, or context=URL for each of the three; {} without any."""
    urls: dict[str, str] = {}
    for text in given:
        context, equals, url = text.partition("=")
        if equals and context in CONTEXTS:
            urls[context] = url
        else:
            urls = dict.fromkeys(CONTEXTS, text) | urls
    if urls and set(urls) != set(CONTEXTS):
        missing = ", ".join(c for c in CONTEXTS if c not in urls)
        raise LoadError(f"--database names no database for {missing}.")
    return urls
