"""Which service is replaced one by one, and how the rest is deployed before it."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from provisioning.release.alive import Alive, fill
from provisioning.release.edges import edge_service, runs, with_edges_of
from provisioning.release.stacks import render, variables
from swarm.model import Service
from tests.provisioning.factories import inventory

SWARM = Path(__file__).parents[3] / "swarm"


def stacks(config: bytes = b"config", *, certificate: str = "certificate_1") -> dict[str, Any]:
    values = variables(inventory(), image="web:1", authority="")
    made = {}
    for name in ("edge", "app"):
        text = (SWARM / f"{name}.yml").read_text()
        secrets = {"database_url": b"u", "secret_key": b"k"}
        made[name] = render(name, text, values, secrets, b"salt", lambda file: config, {}).document
    return fill(made, Alive(certificates={"certificate": certificate}))


def running(document: dict[str, Any], **changes: Any) -> Service:
    """Give Traefik as the engine shows it once this stack is deployed."""
    service = document["services"]["traefik"]
    names = {kind: document[kind] for kind in ("secrets", "configs")}
    container = {
        "Image": service["image"],
        "Args": service["command"],
        "Env": [f"{k}={v}" for k, v in service["environment"].items()],
        **{
            f"{word}s": [
                {f"{word}Name": names[kind][e["source"]]["name"], "File": {"Name": e["target"]}}
                for e in service[kind]
            ]
            for kind, word in (("secrets", "Secret"), ("configs", "Config"))
        },
    }
    spec = {
        "Name": "edge_traefik",
        "Labels": service["deploy"]["labels"],
        "Mode": {"Global": {}},
        "TaskTemplate": {
            "ContainerSpec": container | changes,
            "Placement": {"Constraints": service["deploy"]["placement"]["constraints"]},
        },
    }
    return Service("e", "edge_traefik", 1, spec)


def test_traefik_is_the_service_that_is_replaced_one_by_one() -> None:
    assert edge_service(stacks()) == "edge_traefik"
    assert edge_service({"app": stacks()["app"]}) == ""


def test_what_runs_is_told_from_what_does_not() -> None:
    made = stacks()
    service = running(made["edge"])
    assert runs(made, service)
    assert not runs(stacks(b"another"), service)
    assert not runs(stacks(certificate="certificate_2"), service)
    assert not runs(made, running(made["edge"], Args=["--other=1"]))
    relabelled = copy.deepcopy(made)
    relabelled["edge"]["services"]["traefik"]["deploy"]["labels"]["x"] = "y"
    assert runs(relabelled, service)  # a label restarts no task


def test_the_rest_is_deployed_first_with_the_edges_as_they_were() -> None:
    old, new = stacks(b"old"), stacks(b"new")
    new["edge"]["services"]["traefik"]["command"] = ["--new=1"]
    first = with_edges_of(new, old, "edge_traefik")
    assert runs(first, running(old["edge"]))
    for name in ("acme", "socket"):
        assert first["edge"]["services"][name] == new["edge"]["services"][name]
    assert first["edge"]["configs"]["traefik"] == new["edge"]["configs"]["traefik"]
    assert new["edge"]["services"]["traefik"]["command"] == ["--new=1"]
