"""What lives by itself, and so stays through every deploy and rollback. Pure.

The certificate (made and renewed by a service of the swarm), the scale (set by the autoscaler), the
autoscaler's pause (set by an operator), and the credentials (they belong to the inventory, and an
old release's would open nothing any more).
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from provisioning.release.stacks import SCALE, Document, as_mapping, forget
from swarm.model import Service

PAUSE = "bookstore.autoscale.pause"
MANAGED = "x-managed"


@dataclass(frozen=True)
class Alive:
    """The values that a release is filled in with when it is deployed."""

    certificates: Mapping[str, str] = field(default_factory=dict)  # managed secrets by key
    secrets: Mapping[str, str] = field(default_factory=dict)  # the inventory's by key; "" keeps
    replicas: Mapping[str, int] = field(default_factory=dict)  # by service
    paused: frozenset[str] = frozenset()  # services that the autoscaler leaves alone


def alive(services: Iterable[Service], newest: Mapping[str, str], bounds: tuple[int, int]) -> Alive:
    """Read from the services that run what is to stay; `newest` names the managed secrets."""
    certificates, replicas, paused = dict(newest), {}, set()
    for service in services:
        if service.replicas is not None and service.labels.get(SCALE) == "live":
            replicas[service.name] = min(max(service.replicas, bounds[0]), bounds[1])
        if service.labels.get(PAUSE) == "true":
            paused.add(service.name)
        # What is served goes before what has just been made.
        certificates |= {t: n for t, n in targets(service.spec).items() if t in newest}
    return Alive(certificates, {}, replicas, frozenset(paused))


def running_secrets(stacks: Mapping[str, Document], services: Iterable[Service]) -> dict[str, str]:
    """Name the secret that runs for each key that these stacks use."""
    found = {}
    by_name = {service.name: targets(service.spec) for service in services}
    for stack, document in stacks.items():
        for name, service in document["services"].items():
            running = by_name.get(f"{stack}_{name}", {})
            for item in service.get("secrets") or []:
                entry = item if isinstance(item, dict) else {"source": item}
                target = entry.get("target", entry["source"])
                if target in running:
                    found[entry["source"]] = running[target]
    return found


def fill(stacks: Mapping[str, Document], values: Alive) -> dict[str, Document]:
    """Return the stacks as they are to be deployed now."""
    return {name: _fill(name, document, values) for name, document in stacks.items()}


def targets(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the names of a service's secrets by their files."""
    found = spec["TaskTemplate"]["ContainerSpec"].get("Secrets") or []
    return {s["File"]["Name"]: s["SecretName"] for s in found if s.get("File")}


def _fill(stack: str, document: Document, values: Alive) -> Document:
    made = copy.deepcopy(document)
    for key, entry in list((made.get("secrets") or {}).items()):
        if entry.get(MANAGED) or key in values.certificates:
            if key in values.certificates:
                made["secrets"][key] = {"external": True, "name": values.certificates[key]}
            else:
                forget(made, "secrets", key)
        elif values.secrets.get(key):
            made["secrets"][key] = {"external": True, "name": values.secrets[key]}
    for name, service in made["services"].items():
        deploy = service.get("deploy") or {}
        labels = as_mapping(deploy.get("labels"))
        full = f"{stack}_{name}"
        if full in values.replicas and labels.get(SCALE) == "live":
            deploy["replicas"] = values.replicas[full]
        if full in values.paused:
            deploy["labels"] = {**labels, PAUSE: "true"}
    return made
