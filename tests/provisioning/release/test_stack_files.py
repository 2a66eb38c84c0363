"""The stack files themselves, rendered."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from bookstore.web import segments
from provisioning.inventory import Inventory, NodeGroup
from provisioning.inventory.settings import environment
from provisioning.release.stacks import as_mapping, render, variables
from tests.provisioning.factories import inventory

SWARM = Path(__file__).parents[3] / "swarm"
SECRETS = {"database_url": b"mysql://x", "secret_key": b"k"}


def services(
    name: str, cluster: Inventory | None = None, secrets: dict[str, bytes] = SECRETS
) -> dict[str, Any]:
    values = variables(cluster or inventory(), image="web:1", authority="")
    text = (SWARM / f"{name}.yml").read_text()
    stack = render(name, text, values, secrets, b"salt", lambda file: b"", {})
    found: dict[str, Any] = stack.document["services"]
    return found


@pytest.mark.parametrize("name", ["app", "services"])
def test_the_databases_authority_is_mounted_where_there_is_one(name: str) -> None:
    def targets(secrets: dict[str, bytes]) -> set[frozenset[str]]:
        found = services(name, secrets=secrets)
        return {frozenset(s["target"] for s in one["secrets"]) for one in found.values()}

    assert targets(SECRETS) == {frozenset(SECRETS)}
    assert targets(SECRETS | {"database_ca": b"PEM"}) == {frozenset({*SECRETS, "database_ca"})}


def test_every_way_in_believes_the_load_balancers_header() -> None:
    command = services("edge", inventory(load_balancer=["10.0.0.0/24"]))["traefik"]["command"]
    for entry in ("web", "websecure", "ping"):
        assert f"--entrypoints.{entry}.proxyprotocol.trustedips=10.0.0.0/24" in command


@pytest.mark.parametrize("name", ["app", "services"])
def test_replicas_are_asked_for_beyond_the_hosts_room_only_where_hosts_come(name: str) -> None:
    def allowed(cluster: Inventory) -> set[str]:
        return {
            as_mapping(one["deploy"]["labels"])["bookstore.autoscale.grow_hosts"]
            for one in services(name, cluster).values()
        }

    group = NodeGroup(provider="rehearsal", size=(1, 3))
    assert allowed(inventory()) == {"false"}
    assert allowed(inventory().model_copy(update={"node_group": group})) == {"true"}


@pytest.mark.parametrize(
    ("path", "owner"),
    [
        *((f"/{segment}", owner) for owner, all_ in segments.SEGMENTS.items() for segment in all_),
        ("/orders/7", "orders"),
        ("/account/sessions", "accounts"),
        ("/orders-of-magnitude", "catalogue"),
        ("/books/7", "catalogue"),
        ("/", "catalogue"),
    ],
)
def test_traefik_sends_a_path_to_the_service_that_its_first_segment_names(
    path: str, owner: str
) -> None:
    found = services("services")
    rules = {
        name: as_mapping(found[name]["deploy"]["labels"])[f"traefik.http.routers.{name}.rule"]
        for name in segments.SEGMENTS
    }
    takers = {name for name, rule in rules.items() if matches(rule, path)}
    assert (takers or {"catalogue"}) == {owner}
    labels = as_mapping(found["catalogue"]["deploy"]["labels"])
    assert matches(labels["traefik.http.routers.parts.rule"], path) is (owner != "catalogue")


def matches(rule: str, path: str) -> bool:
    """Tell whether the one PathRegexp of a rule takes a path."""
    [pattern] = re.findall(r"PathRegexp\(`([^`]*)`\)", rule)
    return re.search(pattern, path) is not None


@pytest.mark.parametrize("name", ["app", "services"])
def test_what_is_private_is_closed_to_the_public(name: str) -> None:
    web = {"app": "web", "services": "catalogue"}[name]
    labels = as_mapping(services(name)[web]["deploy"]["labels"])
    rule = labels[f"traefik.http.routers.{web}.rule"]
    assert all(f"!PathPrefix(`/{segment}`)" in rule for segment in segments.PRIVATE)


@pytest.mark.parametrize("name", ["app", "services"])
def test_readers_get_a_page_where_the_edges_find_no_replica(name: str) -> None:
    dynamic = yaml.safe_load((SWARM / "edge/traefik.yml").read_text())["http"]
    labels = as_mapping(services("edge")["socket"]["deploy"]["labels"])
    assert all(
        f"!PathPrefix(`/{p}`)" in labels["traefik.http.routers.away.rule"] for p in segments.PRIVATE
    )
    assert dynamic["middlewares"]["away"]["errors"]["service"] == "away@swarm"
    for one in services(name).values():
        routers = {
            key: value.split(",")
            for key, value in as_mapping(one["deploy"]["labels"]).items()
            if key.endswith(".middlewares")
        }
        assert all("away@file" in chain for chain in routers.values())
    page = (SWARM / "edge/away.html").read_text()
    assert 'id="main"' in page
    assert "file /away.html" in (SWARM / "edge/socket.cfg").read_text()


def test_an_edge_that_stops_can_be_told_from_a_dead_one_until_its_ports_are_closed() -> None:
    command = services("edge")["traefik"]["command"]
    given = dict(option.removeprefix("--").split("=", 1) for option in command if "=" in option)
    assert given["ping.terminatingstatuscode"] == "404"

    def open_for(entry: str) -> int:
        key = f"entrypoints.{entry}.transport.lifecycle.requestacceptgracetimeout"
        return int(given[key].removesuffix("s"))

    assert open_for("ping") > open_for("web") == open_for("websecure")


def test_every_host_of_the_shop_is_in_its_network_before_it_has_a_replica() -> None:
    shop = services("app")["web"]
    member = services("edge")["member"]
    assert member["deploy"]["mode"] == "global"
    assert set(shop["networks"]) <= set(member["networks"])
    where = [service["deploy"]["placement"]["constraints"] for service in (shop, member)]
    assert where[0] == where[1]


def test_a_part_that_is_away_is_not_unknown_to_the_catalogue() -> None:
    dynamic = yaml.safe_load((SWARM / "edge/traefik.yml").read_text())["http"]
    labels: dict[str, str] = {}
    for name, one in services("services").items():
        labels |= as_mapping(one["deploy"]["labels"])
        shadow = {"service": f"{name}@swarm", "fallback": "away@swarm"}
        assert dynamic["services"][name]["failover"] == shadow
        assert labels[f"traefik.http.routers.{name}.service"] == f"{name}@file"

    def priority(router: str) -> int:
        return int(labels[f"traefik.http.routers.{router}.priority"])

    assert priority("catalogue") < priority("parts") < priority("accounts")
    assert priority("parts") < priority("orders")
    paths = re.compile(r"\^/\(([^)]*)\)")

    def prefixes(router: str) -> set[str]:
        found = paths.search(labels[f"traefik.http.routers.{router}.rule"])
        assert found
        return set(found[1].split("|"))

    assert prefixes("parts") == prefixes("accounts") | prefixes("orders")


@pytest.mark.parametrize("name", ["app", "services"])
def test_settings_and_the_mail_server_reach_every_part_of_the_shop(name: str) -> None:
    values = variables(inventory(), image="web:1", authority="")
    text = (SWARM / f"{name}.yml").read_text()
    given = environment({"currency": "JPY", "hold_minutes": 20, "show_replica": True})
    secrets = SECRETS | {"smtp_url": b"smtp://x"}
    stack = render(name, text, values, secrets, b"salt", lambda file: b"", given)
    for one in stack.document["services"].values():
        assert one["environment"]["BOOKSTORE_CURRENCY"] == "JPY"
        assert one["environment"]["BOOKSTORE_HOLD_MINUTES"] == "20"
        assert one["environment"]["BOOKSTORE_SHOW_REPLICA"] == "true"
        assert one["environment"]["BOOKSTORE_SMTP_URL_FILE"] == "/run/secrets/smtp_url"
        assert "x-settings" not in one
    for one in services(name).values():
        assert "BOOKSTORE_SMTP_URL_FILE" not in one["environment"]


def test_every_way_to_dockers_api_looks_into_what_is_asked_or_only_reads() -> None:
    unguarded = {
        (name, key)
        for name in ("edge", "app", "services", "autoscaler")
        for key, one in services(name).items()
        for mount in one.get("volumes") or []
        if isinstance(mount, dict) and mount.get("source") == "/var/run/docker.sock"
        if "guard" not in " ".join(one.get("entrypoint") or [])
    }
    assert unguarded == {("edge", "socket")}
    rules = (SWARM / "edge/socket.cfg").read_text()
    assert "deny deny_status 405 unless { method GET HEAD }" in rules
