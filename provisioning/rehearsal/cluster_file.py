"""The inventory (`cluster.toml`) that describes a rehearsal to the operator's commands."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from provisioning.rehearsal.authority import AUTHORITY, ssh_pair, write_secret
from provisioning.rehearsal.cloud import ACME_ROOT, DATABASE_URL
from provisioning.rehearsal.layout import (
    ACME,
    INVENTORY,
    KEYS,
    MOST_WORKERS,
    REGISTRY,
    SERVICES,
    SHARED_IN_HOST,
    SHOP,
    USER,
    Host,
    guest_folder,
)

OPERATOR_KEY = KEYS / "operator"
SECRET_KEY = KEYS / "secret_key"


def host_key(host: Host) -> str:
    """Return a host's public key, making the pair at the first time."""
    return ssh_pair(guest_folder(host.name) / "host_key")


def inventory_text(hosts: Sequence[Host], host_keys: dict[str, str]) -> str:
    """Write the inventory of these hosts, given each one's public key."""
    head = f"""# Written by `./run ops rehearsal up`; `down` deletes it.
[cluster]
domain = "{SHOP}"
acme_email = "operator@{SHOP}"
acme_directory = "https://{ACME}/dir"
acme_ca_file = "{AUTHORITY}"
certificate_ca_file = "{ACME_ROOT}"
image = "{REGISTRY}/bookstore:latest"
replicas = [2, 6]
storage = "path:{SHARED_IN_HOST}"
database_url_file = "{DATABASE_URL}"
mirror = "{REGISTRY}"
load_balancer = ["{SERVICES[SHOP]}"]

[secrets]
secret_key = "{SECRET_KEY}"

[ssh]
user = "{USER}"
key_file = "{OPERATOR_KEY}"

[node_group]
provider = "rehearsal"
size = [1, {MOST_WORKERS}]
"""
    tables = [
        f"""
[[host]]
name = "{host.name}"
role = "{host.role}"
address = "{host.address}"
host_key = "{host_keys[host.name]}"
zone = "{host.zone}"
"""
        for host in hosts
    ]
    return head + "".join(tables)


def write_inventory(hosts: Sequence[Host]) -> None:
    """Write the inventory and the secret that it names, readable by their owner alone."""
    if not SECRET_KEY.exists():
        write_secret(SECRET_KEY, secrets.token_urlsafe(48))
    write_secret(INVENTORY, inventory_text(hosts, {host.name: host_key(host) for host in hosts}))
