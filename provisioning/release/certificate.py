"""The certificate that the edges serve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509


@dataclass(frozen=True)
class Certificate:
    """What matters of a certificate."""

    names: tuple[str, ...]
    issuer: str
    since: datetime
    until: datetime

    def days(self, now: datetime) -> int:
        """Return the whole days that are left."""
        return (self.until - now).days

    def left(self, now: datetime) -> float:
        """Return the share of its lifetime that is left, below 0 when it has run out."""
        return (self.until - now) / (self.until - self.since)

    def time_left(self, now: datetime) -> str:
        """Say how long it lasts still."""
        seconds = (self.until - now).total_seconds()
        if seconds < 0:
            return "run out"
        hours = int(seconds // 3600)
        return f"{hours // 24} days left" if hours >= 48 else f"{hours} hours left"

    def words(self, now: datetime) -> str:
        """Say it in a line."""
        return f"Certificate for {', '.join(self.names)} by {self.issuer}, {self.time_left(now)}"


def parse(pem: str) -> Certificate:
    """Read a certificate."""
    found = x509.load_pem_x509_certificate(pem.encode())
    try:
        extension = found.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names = tuple(extension.value.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        names = ()
    issuer = found.issuer.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return Certificate(
        names,
        str(issuer[0].value) if issuer else found.issuer.rfc4514_string(),
        found.not_valid_before_utc,
        found.not_valid_after_utc,
    )
