"""Write the inventory (`cluster.toml`) of the hosts on AWS, with the secrets it refers to."""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from provisioning.cloud import host_keys
from provisioning.cloud.aws import Aws, explained
from provisioning.cloud.settings import Settings
from provisioning.cloud.stacks import subnets
from provisioning.cloud.workers import Ec2Workers
from provisioning.errors import OperatorError
from provisioning.inventory import load

HEADER = "# Written by `./run ops cloud inventory`; it is written anew each time."
DATABASE_CA = "https://truststore.pki.rds.amazonaws.com/{region}/{region}-bundle.pem"
CA_IN_SHOP = "/run/secrets/database_ca"


@dataclass(frozen=True)
class Member:
    """One host of the swarm, or the bastion before it."""

    name: str
    role: str
    address: str
    zone: str
    host_key: str


class Silent(OperatorError):
    """Hosts without which there is no inventory have not shown their key yet."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"The console of {', '.join(names)} shows no SSH host key yet, so there is nothing "
            "that could be trusted. Run this again in a few minutes; a host says its key at every "
            "boot, so reboot it in the EC2 console if it stays silent."
        )
        self.names = names


type Pinned = Mapping[tuple[str, str], str]  # host keys by name and address


def pinned(path: Path) -> Pinned:
    """Return the host keys that an inventory of ours has already; none of another's."""
    try:
        text = path.read_text(encoding="utf-8")
        tables = tomllib.loads(text) if text.startswith(HEADER) else {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError):
        return {}
    hosts = [*tables.get("jump", []), *tables.get("host", [])]
    return {(host["name"], host["address"]): host["host_key"] for host in hosts}


def gather(
    aws: Aws, outputs: Mapping[str, str], known: Pinned
) -> tuple[Member, list[Member], list[str]]:
    """Return the bastion, managers and workers; also name workers whose host key is not known yet.

    A console that shows nothing (any more) is made up for by the key that is pinned already.
    """
    silent: list[str] = []

    def member(name: str, role: str, address: str, zone: str, instance: str) -> Member | None:
        key = host_keys.read(aws, instance) or known.get((name, address))
        if key is None:
            silent.append(name)
            return None
        return Member(name, role, address, zone, key)

    bastion = member("bastion", "jump", outputs["BastionAddress"], "", outputs["BastionId"])
    managers = [
        member(
            f"manager{n}",
            "manager",
            outputs[f"Manager{n}Address"],
            outputs[f"Manager{n}Zone"],
            outputs[f"Manager{n}Id"],
        )
        for n in (1, 2, 3)
        if f"Manager{n}Address" in outputs
    ]
    if silent or bastion is None:
        raise Silent(silent)
    workers = [
        member(machine.name, "worker", machine.address, machine.zone, machine.name)
        for machine in sorted(
            Ec2Workers(aws, outputs["Group"], "").group().machines, key=lambda m: m.name
        )
        if not machine.leaving
    ]
    return bastion, [m for m in (*managers, *workers) if m is not None], silent


def fetch_authority(region: str) -> str:
    """Download the certificates that Amazon signs databases of this region with."""
    url = DATABASE_CA.format(region=region)
    try:
        return httpx.get(url, timeout=20).raise_for_status().text
    except httpx.HTTPError as error:
        raise OperatorError(
            f"Amazon's database certificates cannot be downloaded from {url} ({error}). Check the "
            "network, then run the command again."
        ) from None


def database_url(aws: Aws, outputs: Mapping[str, str]) -> str:
    """Read how the shop signs in to the database."""
    user = json.loads(_secret(aws, outputs["DatabaseSecret"]))
    return (
        f"mysql://{user['username']}:{user['password']}@{outputs['DatabaseHost']}:3306/"
        f"bookstore?ssl_ca={CA_IN_SHOP}\n"
    )


def secret_files(
    aws: Aws,
    outputs: Mapping[str, str],
    authority: Callable[[str], str] = fetch_authority,
) -> dict[str, str]:
    """Read the secrets; give the text of each file by its name."""
    return {
        "database_url": database_url(aws, outputs),
        "secret_key": _secret(aws, outputs["ShopSecret"]) + "\n",
        "database_ca": authority(aws.region),
    }


def _secret(aws: Aws, name: str) -> str:
    with explained("read the installation's secrets"):
        return aws.secrets.get_secret_value(SecretId=name)["SecretString"]


def text(
    settings: Settings, outputs: Mapping[str, str], bastion: Member, members: Sequence[Member]
) -> str:
    """Write the inventory."""
    shop = settings.shop
    public = subnets(settings.network.cidr)[0][: settings.network.zones]
    head = f"""{HEADER}
[cluster]
name = "{settings.name}"
domain = "{shop.domain}"
acme_email = "{shop.acme_email}"
image = "{shop.image}"
replicas = [{shop.replicas[0]}, {shop.replicas[1]}]
storage = "nfs4:{outputs["FilesHost"]}:/"
database_url_file = "secrets/database_url"
load_balancer = {json.dumps(public)}

[secrets]
secret_key = "secrets/secret_key"
database_ca = "secrets/database_ca"

[ssh]
user = "admin"
key_file = "{settings.hosts.key_file}"
jump = "bastion"

[node_group]
provider = "ec2"
name = "{outputs["Group"]}"
region = "{settings.cloud.region}"
size = {list(settings.hosts.workers)}

[[jump]]
name = "bastion"
address = "{bastion.address}"
host_key = "{bastion.host_key}"
"""
    return head + "".join(
        f"""
[[host]]
name = "{member.name}"
role = "{member.role}"
address = "{member.address}"
zone = "{member.zone}"
host_key = "{member.host_key}"
"""
        for member in members
    )


def renew(
    aws: Aws, settings: Settings, outputs: Mapping[str, str], path: Path
) -> tuple[int, list[str]]:
    """Write inventory and secrets; return how many hosts it has, and the workers left out."""
    bastion, members, silent = gather(aws, outputs, pinned(path))
    secrets = secret_files(aws, outputs)
    write(path, text(settings, outputs, bastion, members), secrets)
    return len(members), silent


def write(path: Path, inventory: str, secrets: Mapping[str, str]) -> None:
    """Put inventory and secrets in place, each whole; refuse to overwrite a file of another's."""
    if path.exists() and not path.read_text(encoding="utf-8").startswith(HEADER):
        raise OperatorError(
            f"{path} was not written by this command, so it is left alone. Name another file with "
            "--output, or move yours away."
        )
    folder = path.parent / "secrets"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, value in secrets.items():
        put(folder / name, value)
    fresh = path.with_name(f".{path.name}.new")
    put(fresh, inventory)
    try:
        load(fresh)
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)


def put(path: Path, content: str) -> None:
    """Put a file that only its owner may read in place, whole."""
    part = path.with_name(f".{path.name}.part")
    part.unlink(missing_ok=True)
    with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(content)
    os.replace(part, path)
