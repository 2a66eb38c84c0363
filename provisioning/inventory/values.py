"""Check single values of the inventory; each mistake is a sentence that shows what is right."""

from __future__ import annotations

import base64
import difflib
import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field


def name(value: str) -> str:
    """Return the value if it can be a name in the swarm and of hosts, else raise ValueError."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", value):
        raise ValueError(f'"{value}" is no name: use a-z, 0-9 and inner hyphens, 63 at most')
    return value


def domain(value: str) -> str:
    """Return the value in small letters if it is a host name of two parts or more."""
    value = value.lower()
    if not re.fullmatch(r"(?=.{4,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}", value):
        raise ValueError(f'"{value}" is no domain name: write it as books.example.com, no https://')
    return value


def email(value: str) -> str:
    """Return the value if a certificate's issuer can write to it, else raise ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+", value):
        raise ValueError(f'"{value}" is no e-mail address')
    return value


def https(value: str) -> str:
    """Return the value if it is an address that starts with https://, else raise ValueError."""
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(:\d{1,5})?(/[A-Za-z0-9._~/%-]*)?", value):
        raise ValueError(f'"{value}" must be an address that starts with https://')
    return value


def host_key(value: str) -> str:
    """Accept one line as ssh-keyscan prints it, without the address and the comment."""
    kind, _, rest = value.strip().partition(" ")
    blob = rest.split(" ")[0]
    try:
        raw = base64.b64decode(blob, validate=True)
    except ValueError:  # no base64, or no ASCII even
        raw = b""
    if kind != "ssh-ed25519" or not raw.startswith(b"\0\0\0\x0bssh-ed25519") or len(raw) != 51:
        raise ValueError('pin an ed25519 key: host_key = "ssh-ed25519 AAAA…"')
    return f"{kind} {blob}"


def storage(value: str) -> str:
    """Return the value if it names NFS or a folder that is shared, else raise ValueError."""
    if not re.fullmatch(
        r"nfs4:[A-Za-z0-9.:\-\[\]]+:/[A-Za-z0-9._/@+=-]*|path:/[A-Za-z0-9._/@+=-]+", value
    ):
        raise ValueError(
            f'"{value}" is neither "nfs4:HOST:/PATH" (EFS and other NFS) nor "path:/DIR" '
            "(a folder all hosts already share), with no spaces or other signs in the path"
        )
    return value


def replicas(value: tuple[int, int]) -> tuple[int, int]:
    """Return the value if it is [least, most] from 1 to 1000, else raise ValueError."""
    low, high = value
    if not 1 <= low <= high <= 1000:
        raise ValueError(f"[{low}, {high}] must be [least, most] with 1 <= least <= most <= 1000")
    return value


def size(value: tuple[int, int]) -> tuple[int, int]:
    """Return the value if it is [fewest, most] from 0 to 100, else raise ValueError."""
    low, high = value
    if not 0 <= low <= high <= 100 or high == 0:
        raise ValueError(f"[{low}, {high}] must be [fewest, most], from 0 to 100, most at least 1")
    return value


def image(value: str) -> str:
    """Return the value if it names an image by tag or digest, else raise ValueError."""
    if not re.fullmatch(r"[a-z0-9][A-Za-z0-9_.\-:/]*(@sha256:[0-9a-f]{64})?", value):
        raise ValueError(f'"{value}" is no image name: write it as registry.example.com/name:tag')
    return value


def store(value: str) -> str:
    """Accept where backups go: a folder here, or s3://BUCKET/PREFIX."""
    if value.startswith("s3:") and not re.fullmatch(r"s3://[a-z0-9.-]{3,63}(/[\w./-]*)?", value):
        raise ValueError(f'"{value}" is no place in S3: write it as s3://BUCKET/PREFIX')
    return value.rstrip("/") or "/"


def recipients(value: tuple[str, ...]) -> tuple[str, ...]:
    """Accept public keys of age; one at least, for what nobody could read is no backup."""
    if not value or not all(re.fullmatch(r"age1[a-z0-9]{50,}", key) for key in value):
        raise ValueError(
            "name at least one public key of age (age1…): age-keygen makes a pair; keep the other "
            "half apart from the hosts"
        )
    return value


def registry(value: str) -> str:
    """Accept where a registry is: HOST, HOST:PORT or HOST:PORT/PATH; "" for none."""
    if value and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*(:\d{1,5})?(/[a-z0-9._/-]+)?", value):
        raise ValueError(f'"{value}" is no registry: write it as 10.0.0.2:5000')
    return value


def registries(value: tuple[str, ...]) -> tuple[str, ...]:
    """Accept registries, or networks that they are in."""
    for item in value:
        if not _is_network(item):
            registry(item or "-")
    return value


def networks(value: tuple[str, ...]) -> tuple[str, ...]:
    """Accept addresses and networks."""
    for item in value:
        if not _is_network(item):
            raise ValueError(f'"{item}" is no address or network: write it as 10.0.0.0/24')
    return value


def _is_network(value: str) -> bool:
    try:
        ipaddress.ip_network(value, strict=False)
    except ValueError:
        return False
    return True


def network(value: str) -> str:
    """Return the value if it is an IPv4 network of /20 or wider, else raise ValueError."""
    try:
        network = ipaddress.IPv4Network(value)
    except ValueError:
        raise ValueError(f'"{value}" is no network: write it as 10.200.0.0/16') from None
    if network.prefixlen > 20:
        raise ValueError(f'"{value}" has no room for sixteen networks of 256: use /20 or wider')
    return value


def is_address(text: str) -> bool:
    """Tell whether the text is an IPv4 address."""
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        return False
    return True


def within(address: str, network: str) -> bool:
    """Tell whether an address lies in a network; what is no address does not."""
    return is_address(address) and (
        ipaddress.IPv4Address(address) in ipaddress.IPv4Network(network)
    )


def nearest(word: str, words: list[str]) -> str:
    """Return a question with the most similar known word, empty if none is similar."""
    close = difflib.get_close_matches(word, words, n=1, cutoff=0.5)
    return f' Did you mean "{close[0]}"?' if close else ""


Name = Annotated[str, AfterValidator(name)]
Port = Annotated[int, Field(ge=1, le=65535)]
Registry = Annotated[str, AfterValidator(registry)]
Registries = Annotated[tuple[str, ...], AfterValidator(registries)]
Networks = Annotated[tuple[str, ...], AfterValidator(networks)]
Zone = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")]
