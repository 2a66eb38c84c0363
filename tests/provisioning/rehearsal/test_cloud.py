"""What plays AWS is configured for the hosts there are."""

from itertools import pairwise

import pytest

from provisioning.rehearsal.cloud import load_balancer_config, resolver_config
from provisioning.rehearsal.layout import LOAD_BALANCER


def sections(managers: int) -> dict[str, list[list[str]]]:
    """Return the lines of each section of the configuration, as words."""
    made: dict[str, list[list[str]]] = {}
    for line in load_balancer_config(managers).splitlines():
        if line and not line.startswith((" ", "#")):
            made[line] = lines = []
        elif line.strip() and not line.strip().startswith("#"):
            lines.append(line.split())
    return made


def milliseconds(line: list[str], key: str) -> float:
    """Return a time that follows its name."""
    return float(dict(pairwise(line))[key].removesuffix("ms"))


@pytest.mark.parametrize("managers", [1, 3])
def test_the_load_balancer_spreads_over_every_edge_and_checks_its_ping(managers: int) -> None:
    made = sections(managers)
    for port in (80, 443):
        lines = made[f"backend edges-{port}"]
        servers = [line for line in lines if line[0] == "server"]
        assert [line[1:3] for line in servers] == [
            [f"manager{n}", f"10.77.0.{100 + n}:{port}"] for n in range(1, managers + 1)
        ]
        assert any("send-proxy-v2" in line for line in lines if line[0] == "default-server")
        for name, _address, *check in (line[1:] for line in servers):
            says = made[f"frontend is-{name}"]
            assert ["bind", f"127.0.0.1:{check[1]}"] in says
    for n in range(1, managers + 1):
        for kind in ("well", "lost"):
            probe = [line for line in made[f"backend {kind}-manager{n}"] if line[0] == "server"]
            assert [line[2] for line in probe] == [f"10.77.0.{100 + n}:8082"]


def window(kind: str) -> tuple[float, float]:
    """Return the milliseconds after which a probe of a dead edge has failed: from, to."""
    lines = sections(1)[f"backend {kind}-manager1"]
    limit = next(float(line[2].removesuffix("ms")) for line in lines if line[1] == "connect")
    server = next(line for line in lines if line[0] == "server")
    inter, fast = milliseconds(server, "inter"), milliseconds(server, "fastinter")
    times = int(dict(pairwise(server))["fall"])
    least = times * min(limit, inter) + (times - 1) * fast
    return least, least + inter


def test_a_dead_edge_gets_no_new_connection_well_before_those_it_has_are_ended() -> None:
    made = sections(3)
    dialling = next(line for line in made["defaults"] if line[:2] == ["timeout", "connect"])
    edges = made["backend edges-443"]
    server = next(line for line in edges if line[0] == "default-server")
    assert dict(pairwise(server))["on-marked-down"] == "shutdown-sessions"
    assert ["http-check", "disable-on-404"] in edges
    noticed = milliseconds(server, "inter")
    assert window("well")[1] + noticed + float(dialling[2].removesuffix("ms")) < window("lost")[0]
    assert window("lost")[1] + noticed < 2000


def test_an_edge_that_stops_keeps_what_it_has_and_gets_nothing_new_while_another_is_well() -> None:
    made = sections(3)
    assert ["http-check", "disable-on-404"] in made["backend well-manager1"]
    assert ["http-check", "expect", "rstatus", "^(200|404)$"] in made["backend lost-manager1"]
    rules = [line[3:] for line in made["frontend is-manager1"] if line[0] == "http-request"]
    assert [rule[0] for rule in rules] == ["503", "404", "404", "200"]
    assert " ".join(rules[0]) == "503 if { nbsrv(lost-manager1) eq 0 }"
    for rule, other in zip(rules[1:3], ("manager2", "manager3"), strict=True):
        assert " ".join(rule) == (
            f"404 if {{ nbsrv(well-manager1) eq 0 }} {{ nbsrv(well-{other}) gt 0 }}"
        )


def test_a_single_edge_is_asked_as_long_as_it_can_be() -> None:
    rules = [line[3] for line in sections(1)["frontend is-manager1"] if line[0] == "http-request"]
    assert rules == ["503", "200"]


def test_edges_see_the_load_balancers_own_address_which_they_believe() -> None:
    lines = [line.split() for line in load_balancer_config(1).splitlines()]
    sources = [line[1] for line in lines if line[:1] == ["source"]]
    assert sources == [LOAD_BALANCER] * 4


def test_the_resolver_knows_the_services_and_every_host_and_asks_nobody_else() -> None:
    lines = resolver_config().splitlines()
    assert "host-record=shop.bookstore.test,10.77.0.10" in lines
    assert "host-record=worker9.bookstore.test,10.77.0.209" in lines
    assert "no-resolv" in lines
