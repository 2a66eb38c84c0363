"""The inventory that a rehearsal writes is one that the operator's commands accept."""

from pathlib import Path

import pytest

from provisioning.inventory import load
from provisioning.rehearsal.authority import ssh_pair, write_secret
from provisioning.rehearsal.cluster_file import SMTP_URL, inventory_text
from provisioning.rehearsal.layout import hosts


@pytest.mark.parametrize("managers", [1, 3])
def test_the_inventory_is_accepted(tmp_path: Path, managers: int) -> None:
    members = hosts(managers, 2)
    keys = {host.name: ssh_pair(tmp_path / host.name) for host in members}
    path = tmp_path / "cluster.toml"
    path.write_text(inventory_text(members, keys))

    inventory = load(path)

    assert [host.name for host in inventory.host] == [host.name for host in members]
    assert {host.name: host.host_key for host in inventory.host} == keys
    assert [host.name for host in inventory.host if host.is_edge] == [
        host.name for host in inventory.managers
    ]
    assert inventory.cluster.nfs_source is None


def test_with_mail_the_shop_is_told_of_the_mailbox(tmp_path: Path) -> None:
    members = hosts(1, 1)
    keys = {host.name: ssh_pair(tmp_path / host.name) for host in members}
    path = tmp_path / "cluster.toml"
    path.write_text(inventory_text(members, keys, with_mail=True))
    assert load(path).secrets["smtp_url"] == SMTP_URL
    path.write_text(inventory_text(members, keys))
    assert "smtp_url" not in load(path).secrets


def test_a_pair_is_made_once(tmp_path: Path) -> None:
    assert ssh_pair(tmp_path / "key") == ssh_pair(tmp_path / "key")


def test_secrets_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    write_secret(tmp_path / "deep" / "secret", "text")
    assert (tmp_path / "deep" / "secret").stat().st_mode & 0o777 == 0o600
