"""The rehearsal's hosts: names, addresses, and what cannot be rehearsed."""

from ipaddress import IPv4Address, IPv4Network

import pytest

from provisioning.errors import OperatorError
from provisioning.rehearsal.layout import NETWORK, SERVICES, Host, hosts, mac, parse_host


def test_hosts_are_listed_managers_first() -> None:
    names = [host.name for host in hosts(3, 2)]
    assert names == ["manager1", "manager2", "manager3", "worker1", "worker2"]


def test_every_host_and_service_has_an_address_of_its_own_in_the_vpc() -> None:
    addresses = [host.address for host in hosts(3, 9)] + list(SERVICES.values())
    assert len(set(addresses)) == len(addresses)
    assert all(IPv4Address(address) in IPv4Network(NETWORK) for address in addresses)


def test_hosts_are_dealt_out_to_three_zones() -> None:
    assert [host.zone for host in hosts(1, 4)] == ["a", "a", "b", "c", "a"]


@pytest.mark.parametrize(("managers", "workers"), [(2, 3), (0, 3), (5, 3), (1, 10), (1, -1)])
def test_a_size_that_cannot_be_rehearsed_is_refused(managers: int, workers: int) -> None:
    with pytest.raises(OperatorError, match="cannot be rehearsed"):
        hosts(managers, workers)


@pytest.mark.parametrize("host", hosts(3, 9), ids=lambda host: host.name)
def test_a_name_leads_back_to_its_host(host: Host) -> None:
    assert parse_host(host.name) == host


@pytest.mark.parametrize(
    "name", ["", "manager", "worker0", "worker10", "manager-1", "cloud", "../x"]
)
def test_what_is_no_host_name_is_refused(name: str) -> None:
    with pytest.raises(OperatorError, match="no rehearsal host"):
        parse_host(name)


def test_a_hardware_address_follows_from_the_address() -> None:
    assert mac("10.77.0.201") == "02:00:0a:4d:00:c9"
