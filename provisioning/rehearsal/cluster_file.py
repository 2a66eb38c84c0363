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
    MAIL,
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
SMTP_URL = KEYS / "smtp_url"  # there when the shop is to send mail


def host_key(host: Host) -> str:
    """Return a host's public key, making the pair at the first time."""
    return ssh_pair(guest_folder(host.name) / "host_key")


def send_mail() -> None:
    """Let the shop send its mail to the mailbox from now on."""
    write_secret(SMTP_URL, f"smtp://{MAIL}:25")


def inventory_text(
    hosts: Sequence[Host], host_keys: dict[str, str], *, with_mail: bool = False
) -> str:
    """Write the inventory of these hosts, given each one's public key."""
    mail = f'\nsmtp_url = "{SMTP_URL}"' if with_mail else ""
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
secret_key = "{SECRET_KEY}"{mail}

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
    keys = {host.name: host_key(host) for host in hosts}
    write_secret(INVENTORY, inventory_text(hosts, keys, with_mail=SMTP_URL.exists()))
