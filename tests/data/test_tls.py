"""Connections to MySQL that its URL wants encrypted, by each driver and by the migrations."""

import datetime
import gc
import ipaddress
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bookstore.data.database import Database
from bookstore.data.queries import DatabaseUnavailable
from bookstore.migrations import sync_engine
from tests.support.mariadb import DRIVERS, MariaDB, with_driver

# aiomysql lets go of a transport whose handshake failed; the collector closes it, and says so.
pytestmark = [
    pytest.mark.mariadb,
    pytest.mark.usefixtures("mariadb"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """Have that happen here, not in a test that has nothing to do with it."""
    yield
    gc.collect()


def authority(folder: Path, name: str, *, host: str = "127.0.0.1") -> Path:
    """Make an authority of our own in `folder` and a key and certificate of it for a host."""
    folder.mkdir(parents=True)
    now = datetime.datetime.now(datetime.UTC)
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    known = x509.SubjectKeyIdentifier.from_public_key(ca_key.public_key())

    def draft(subject: x509.Name) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(days=1))
        )

    ca = (
        draft(issuer)
        .public_key(ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(known, critical=False)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False, content_commitment=False, key_encipherment=False,
                data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
                encipher_only=False, decipher_only=False,
            ),
            critical=True,
        )
        .sign(ca_key, hashes.SHA256())
    )  # fmt: skip
    certificate = (
        draft(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "server")]))
        .public_key(key.public_key())
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.IPAddress(ipaddress.ip_address(host))]
                if host[0].isdigit()
                else [x509.DNSName(host)]
            ),
            critical=False,
        )
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(known), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    (folder / "ca.pem").write_bytes(ca.public_bytes(serialization.Encoding.PEM))
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("authorities")


@pytest.fixture(scope="module")
def ours(folder: Path) -> Path:
    return authority(folder / "ours", "ours")


@pytest.fixture(scope="module")
def encrypted(ours: Path) -> Iterator[MariaDB]:
    """A server that speaks TLS with a certificate of our authority."""
    with MariaDB.start(
        f"--ssl-ca={ours}/ca.pem", f"--ssl-cert={ours}/cert.pem", f"--ssl-key={ours}/key.pem"
    ) as server:
        yield server


class _Status(NamedTuple):
    Variable_name: str
    Value: str


async def cipher(url: str) -> str:
    """Connect to a database and return what encrypts the connection."""
    database = Database(url, pool_size=1)
    await database.connect()
    try:
        found = await database.one(_Status, "SHOW SESSION STATUS LIKE 'Ssl_cipher'")
        return found.Value if found else ""
    finally:
        await database.disconnect()


@pytest.mark.parametrize("driver", DRIVERS)
async def test_an_authoritys_file_encrypts_and_checks(
    encrypted: MariaDB, ours: Path, driver: str
) -> None:
    url = with_driver(encrypted.create_database("tls"), driver)
    assert "_" in await cipher(f"{url}?ssl_ca={ours}/ca.pem")  # as TLS_AES_256_GCM_SHA384


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("wrong", ["another authority", "another host", "the system's authorities"])
async def test_a_server_that_is_not_the_right_one_is_refused(
    encrypted: MariaDB, ours: Path, folder: Path, driver: str, wrong: str
) -> None:
    url = with_driver(encrypted.create_database("tls"), driver)
    if wrong == "another authority":
        other = authority(folder / f"{driver}-other", "other")
        url += f"?ssl_ca={other}/ca.pem"
    elif wrong == "another host":
        url = url.replace("127.0.0.1", "localhost") + f"?ssl_ca={ours}/ca.pem"
    else:
        url += "?ssl=true"
    with pytest.raises(DatabaseUnavailable):
        await cipher(url)


@pytest.mark.parametrize("driver", DRIVERS)
async def test_a_server_that_does_not_encrypt_is_refused(
    mariadb: MariaDB, ours: Path, driver: str
) -> None:
    """Nobody on the way gets a connection in the clear by taking TLS off the server's offer."""
    url = with_driver(mariadb.create_database("tls"), driver)
    with pytest.raises(DatabaseUnavailable):
        await cipher(f"{url}?ssl_ca={ours}/ca.pem")


@pytest.mark.parametrize("driver", DRIVERS)
def test_migrations_encrypt_and_check_as_well(
    encrypted: MariaDB, mariadb: MariaDB, ours: Path, driver: str
) -> None:
    url = with_driver(encrypted.create_database("tls"), driver) + f"?ssl_ca={ours}/ca.pem"

    def connect(url: str) -> None:
        with sync_engine(url).connect() as connection:
            assert connection.scalar(sa.text("SELECT 7")) == 7

    connect(url)
    wrong = {
        "another host": url.replace("127.0.0.1", "localhost"),
        "the system's authorities": url.split("?")[0] + "?ssl=true",
        "no encryption": mariadb.create_database("tls") + f"?ssl_ca={ours}/ca.pem",
    }
    for meaning, other in wrong.items():
        with pytest.raises(sa.exc.OperationalError):  # noqa: PT012
            connect(other)
            pytest.fail(meaning)
