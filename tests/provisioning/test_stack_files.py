"""The stack files themselves, rendered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provisioning.inventory import Inventory, NodeGroup
from provisioning.stacks import as_mapping, render, variables

from .factories import inventory

SWARM = Path(__file__).parents[2] / "swarm"
SECRETS = {"database_url": b"mysql://x", "secret_key": b"k"}


def services(
    name: str, cluster: Inventory | None = None, secrets: dict[str, bytes] = SECRETS
) -> dict[str, Any]:
    values = variables(cluster or inventory(), image="web:1", authority="")
    text = (SWARM / f"{name}.yml").read_text()
    stack = render(name, text, values, secrets, {}, lambda file: b"")
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
