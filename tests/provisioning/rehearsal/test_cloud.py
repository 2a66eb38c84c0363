"""What plays AWS is configured for the hosts there are."""

from itertools import pairwise

import pytest

from provisioning.rehearsal.cloud import load_balancer_config, resolver_config
from provisioning.rehearsal.layout import LOAD_BALANCER


@pytest.mark.parametrize("managers", [1, 3])
def test_the_load_balancer_spreads_over_every_edge_and_checks_its_ping(managers: int) -> None:
    lines = [line.split() for line in load_balancer_config(managers).splitlines()]
    servers = [line[1:3] for line in lines if line[:1] == ["server"]]
    assert servers == [
        [f"manager{n}", f"10.77.0.{100 + n}:{port}"]
        for port in (80, 443)
        for n in range(1, managers + 1)
    ]
    checks = [line for line in lines if line[:1] == ["default-server"]]
    assert all("send-proxy-v2" in line and line[3] == "8082" for line in checks)
    assert len(checks) == 2


def test_a_dead_edges_connections_are_ended_within_two_seconds_a_stopping_ones_are_kept() -> None:
    text = load_balancer_config(3)
    assert text.count("http-check disable-on-404") == 2
    lines = [line.split() for line in text.splitlines()]
    timeouts = {
        float(line[2].removesuffix("ms")) for line in lines if line[:2] == ["timeout", "check"]
    }
    for line in (line for line in lines if line[:1] == ["default-server"]):
        given = dict(pairwise(line))
        assert given["on-marked-down"] == "shutdown-sessions"
        inter, fast = (float(given[key].removesuffix("ms")) for key in ("inter", "fastinter"))
        times = int(given["fall"])
        assert max(timeouts) * times + inter + fast * (times - 1) < 2000


def test_edges_see_the_load_balancers_own_address_which_they_believe() -> None:
    lines = [line.split() for line in load_balancer_config(1).splitlines()]
    sources = [line[1] for line in lines if line[:1] == ["source"]]
    assert sources == [LOAD_BALANCER, LOAD_BALANCER]


def test_the_resolver_knows_the_services_and_every_host_and_asks_nobody_else() -> None:
    lines = resolver_config().splitlines()
    assert "host-record=shop.bookstore.test,10.77.0.10" in lines
    assert "host-record=worker9.bookstore.test,10.77.0.209" in lines
    assert "no-resolv" in lines
