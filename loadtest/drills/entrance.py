"""Where readers come in: the shop's address, whom to trust, and who answers there."""

from __future__ import annotations

import http.client
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from provisioning.inventory import Inventory
from provisioning.rehearsal.cloud import ACME_ROOT
from provisioning.rehearsal.layout import SERVICES

ASK = 60  # times at most, until every replica has answered


@dataclass(frozen=True)
class Entrance:
    """A shop's domain; an address and an authority where DNS and the system know neither."""

    domain: str
    address: str = ""
    authority: Path | None = None

    @property
    def url(self) -> str:
        """Return the address for a browser."""
        return f"https://{self.domain}"

    @property
    def resolve(self) -> str:
        """Return the address as `--resolve` takes it."""
        return f"{self.domain}={self.address}" if self.address else ""

    def unheard(self, replicas: int) -> str:
        """Say in a sentence how many replicas readers do not reach; "" when they reach all.

        The names that readers see are aliases, so they are counted and not compared.
        """
        heard: set[str] = set()
        for _ in range(ASK):
            try:
                heard.add(self._ask())
            except (OSError, http.client.HTTPException) as error:
                return f"{self.url} cannot be asked: {error}."
            if len(heard) >= replicas:
                return ""
        return f"Readers reach {len(heard)} of {replicas} replicas."

    def _ask(self) -> str:
        """Open the first page on a fresh connection; give the name of the replica that answered."""
        context = ssl.create_default_context(cafile=self.authority)
        to = (self.address or self.domain, 443)
        with (
            socket.create_connection(to, timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=self.domain) as secure,
        ):
            connection = http.client.HTTPConnection(self.domain, timeout=5)
            connection.sock = secure
            connection.request("GET", "/", headers={"User-Agent": "BookStore-drill"})
            answer = connection.getresponse()
            if answer.status != 200:
                raise http.client.HTTPException(f"it answers {answer.status}")
            return answer.headers["X-Served-By"] or ""


def entrance(inventory: Inventory, rehearsed: bool) -> Entrance:
    """Find where the readers of a cluster come in."""
    domain = inventory.cluster.domain
    return Entrance(domain, SERVICES[domain], ACME_ROOT) if rehearsed else Entrance(domain)
