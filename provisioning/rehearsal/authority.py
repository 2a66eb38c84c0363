"""Keys and certificates of a rehearsal: SSH pairs, and the authority that all hosts trust."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID

from provisioning.rehearsal.layout import KEYS

AUTHORITY = KEYS / "authority.crt"
_DAYS = 400
_PEM = serialization.Encoding.PEM


def write_secret(path: Path, content: bytes | str) -> None:
    """Write a file that only its owner may read, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)


def ssh_pair(path: Path) -> str:
    """Make an ed25519 pair unless there is one; give the public key as one line."""
    public = path.with_name(f"{path.name}.pub")
    if not public.exists():
        key = Ed25519PrivateKey.generate()
        private = key.private_bytes(
            _PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
        )
        write_secret(path, private)
        line = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        public.write_bytes(line + b"\n")
    return public.read_text().strip()


def create_authority() -> None:
    """Make the certificate authority unless there is one."""
    if AUTHORITY.exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("BookStore rehearsal authority")
    certificate = (
        _builder(name, name, key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_secret(AUTHORITY.with_suffix(".key"), _private(key))
    AUTHORITY.write_bytes(certificate.public_bytes(_PEM))


def issue(host: str) -> tuple[bytes, bytes]:
    """Issue a server certificate; give it and its key as PEM."""
    issuer = x509.load_pem_x509_certificate(AUTHORITY.read_bytes())
    issuer_key = serialization.load_pem_private_key(
        AUTHORITY.with_suffix(".key").read_bytes(), password=None
    )
    assert isinstance(issuer_key, ec.EllipticCurvePrivateKey)
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = (
        _builder(_name(host), issuer.subject, key.public_key())
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        # Python from 3.13 on wants it, as the standard does.
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
        .sign(issuer_key, hashes.SHA256())
    )
    return certificate.public_bytes(_PEM), _private(key)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer, public_key=key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_DAYS))
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
