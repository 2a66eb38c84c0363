"""The certificate that the edges serve."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from cryptography import x509

from provisioning.cluster import Cluster
from provisioning.errors import OperatorError
from provisioning.inventory import Host
from provisioning.ssh.transport import Connection, HostError

FETCH = """
import socket, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
with socket.create_connection(("127.0.0.1", 443), 5) as raw:
    with context.wrap_socket(raw, server_hostname=sys.argv[1]) as tls:
        print(ssl.DER_cert_to_PEM_cert(tls.getpeercert(True)))
"""


@dataclass(frozen=True)
class Certificate:
    """What matters of a certificate."""

    names: tuple[str, ...]
    issuer: str
    until: datetime

    def days(self, now: datetime) -> int:
        """Give the whole days that are left."""
        return (self.until - now).days

    def words(self, now: datetime) -> str:
        """Say it in a line."""
        left = self.days(now)
        when = f"{left} days left" if left >= 0 else "run out"
        return f"Certificate for {', '.join(self.names)} by {self.issuer}, {when}"


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
        found.not_valid_after_utc,
    )


def of(connection: Connection, domain: str) -> Certificate:
    """Ask the edge on one host for its certificate."""
    result = connection.run(
        f"timeout 10 python3 - {domain}", stdin=FETCH.encode(), check=False, shown="ask the edge"
    )
    if result.status:
        raise HostError(connection.name, "nothing speaks TLS on port 443. See ./run ops status")
    return parse(result.stdout)


def served(cluster: Cluster) -> Certificate:
    """Give the certificate of the first edge that serves one."""
    edges: list[Host] = [h for h in cluster.hosts if h.is_edge]
    answers = cluster.fleet.each(edges, lambda c: of(c, cluster.spec.domain))
    for answer in answers.values():
        if isinstance(answer, Certificate):
            return answer
    raise OperatorError("\n".join(str(answer) for answer in answers.values()))
