"""Hosts in the inventory's text: added, replaced, taken out, all else untouched."""

from __future__ import annotations

from pathlib import Path

import pytest

from provisioning.errors import OperatorError
from provisioning.growth import listing
from provisioning.growth.provider import Machine
from provisioning.inventory import load
from tests.provisioning.factories import KEY

EXAMPLE = Path(__file__).parents[3] / "provisioning" / "examples" / "ec2.toml"
NEW = Machine("i-0abc", "10.0.9.9", "eu-west-1c")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    copy = tmp_path / "cluster.toml"
    copy.write_text(EXAMPLE.read_text())
    return copy


def test_a_machine_is_listed_with_the_defaults_of_ssh(path: Path) -> None:
    host = listing.add(path, NEW, KEY).named("i-0abc")
    assert (host.role, host.address, host.zone, host.host_key) == (
        "worker", "10.0.9.9", "eu-west-1c", KEY,
    )  # fmt: skip
    assert (host.user, host.jump) == ("admin", "bastion")
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_an_operator_wrote_stays(path: Path) -> None:
    before = path.read_text()
    listing.add(path, NEW, KEY)
    assert path.read_text().startswith(before.rstrip("\n"))
    listing.remove(path, "i-0abc")
    assert path.read_text().rstrip("\n") == before.rstrip("\n")


def test_adding_again_replaces(path: Path) -> None:
    listing.add(path, NEW, KEY)
    listing.add(path, Machine("i-0abc", "10.0.9.10"), KEY)
    assert [h.address for h in load(path).host if h.name == "i-0abc"] == ["10.0.9.10"]


def test_only_the_named_host_is_removed(path: Path) -> None:
    names = [h.name for h in load(path).host]
    assert [h.name for h in listing.remove(path, names[1]).host] == [names[0], *names[2:]]
    listing.remove(path, "nobody")
    assert len(load(path).host) == len(names) - 1


def test_a_change_that_would_spoil_the_file_is_not_made(path: Path) -> None:
    before = path.read_text()
    with pytest.raises(OperatorError, match="has mistakes"):
        listing.remove(path, "host-a")  # the only manager
    assert path.read_text() == before
    assert list(path.parent.iterdir()) == [path]
