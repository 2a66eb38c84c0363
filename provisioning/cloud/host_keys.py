"""SSH host keys: made here for hosts with a fixed place, read from the console of the others."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ANNOUNCED = re.compile(r"bookstore-host-key (ssh-ed25519 [A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class HostKey:
    """A pair: the private half as one line with \\n for line ends, the public one to pin."""

    private: str = field(repr=False)
    public: str


def make() -> HostKey:
    """Make a new ed25519 pair."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.OpenSSH,
        serialization.NoEncryption(),
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return HostKey(private.decode().replace("\n", "\\n"), public.decode())


def announced(console: str) -> str | None:
    """Find the key that a host wrote to its console, the last one if it did so more than once."""
    found = ANNOUNCED.findall(console)
    return str(found[-1]) if found else None
