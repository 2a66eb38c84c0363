"""What matters of a service, read the same from a stack file and from the swarm, and compared."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from provisioning.release.stacks import Document, as_mapping

View = Mapping[str, str]  # "setting BOOKSTORE_BIND" -> "0.0.0.0:8000"

_OF_DOCKER = ("com.docker.stack.",)


@dataclass(frozen=True)
class Change:
    """One difference between what runs and what should."""

    service: str
    what: str
    old: str | None
    new: str | None

    def __str__(self) -> str:
        """Return the difference as an operator reads it."""
        match self.old, self.new:
            case None, new:
                return f"+ {self.what} = {_short(new)}"
            case old, None:
                return f"- {self.what} (was {_short(old)})"
            case old, new:
                return f"~ {self.what}: {_short(old)} -> {_short(new)}"


def of_stack(stack: str, document: Document) -> dict[str, View]:
    """View the services of a stack file."""
    names = {
        kind: {
            key: (entry or {}).get("name", key) for key, entry in (document.get(kind) or {}).items()
        }
        for kind in ("secrets", "configs")
    }
    return {
        f"{stack}_{name}": dict(_of_service(service, names))
        for name, service in document["services"].items()
    }


def of_swarm(services: list[dict[str, Any]]) -> dict[str, View]:
    """View services as `docker service inspect` prints them."""
    return {row["Spec"]["Name"]: dict(_of_spec(row["Spec"])) for row in services}


def compare(old: Mapping[str, View], new: Mapping[str, View]) -> list[Change]:
    """List the differences, service by service."""
    changes = []
    for service in sorted(old.keys() | new.keys()):
        before, after = old.get(service, {}), new.get(service, {})
        if service not in new:
            changes.append(Change(service, "the service", before.get("image", ""), None))
            continue
        changes += [
            Change(service, what, before.get(what), after.get(what))
            for what in sorted(before.keys() | after.keys())
            if before.get(what) != after.get(what)
        ]
    return changes


def compare_rest(stack: str, old: Document | None, new: Document) -> list[Change]:
    """List which other parts of a stack's services differ from the last release's, by name."""
    changes = []
    for name, service in new["services"].items():
        before = (old or {}).get("services", {}).get(name)
        if before is None:
            continue
        was, becomes = _rest(before), _rest(service)
        changes += [
            Change(f"{stack}_{name}", part, was.get(part), becomes.get(part))
            for part in sorted(was.keys() | becomes.keys())
            if was.get(part) != becomes.get(part)
        ]
    return changes


def drift(recorded: Mapping[str, Any], running: Mapping[str, Any]) -> list[Change]:
    """List what was changed by hand since a release: `recorded` is how it left its services.

    What a view shows is compared elsewhere; this finds the rest.
    """
    return [
        Change(service, f"{part} (changed by hand)", _flat(now.get(part)), _flat(was.get(part)))
        for service in sorted(recorded.keys() & running.keys())
        for was, now in [(_hidden(recorded[service]), _hidden(running[service]))]
        for part in sorted(was.keys() | now.keys())
        if was.get(part) != now.get(part)
    ]


def _hidden(spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parts of a service's specification that its view leaves out."""
    task = dict(spec.get("TaskTemplate") or {})
    container = dict(task.pop("ContainerSpec", None) or {})
    for part in ("Image", "Args", "Env", "Secrets", "Configs", "Labels"):
        container.pop(part, None)
    for part in ("ForceUpdate", "Placement", "Runtime"):
        task.pop(part, None)
    rest = {k: v for k, v in spec.items() if k not in ("Name", "Labels", "Mode", "TaskTemplate")}
    return container | task | rest


def _flat(value: Any) -> str | None:
    return None if value is None else json.dumps(value, sort_keys=True)


def _rest(service: Mapping[str, Any]) -> dict[str, str]:
    """Return the parts of a service that its view leaves out."""
    seen = ("image", "command", "environment", "secrets", "configs", "deploy")
    deploy = dict(service.get("deploy") or {})
    placement = dict(deploy.pop("placement", None) or {})
    placement.pop("constraints", None)
    for part in ("labels", "replicas", "mode"):
        deploy.pop(part, None)
    parts = {k: v for k, v in service.items() if k not in seen} | deploy | placement
    return {key: json.dumps(value, sort_keys=True) for key, value in parts.items()}


def _of_service(
    service: Mapping[str, Any], names: Mapping[str, Mapping[str, str]]
) -> Iterator[tuple[str, str]]:
    deploy = service.get("deploy") or {}
    yield "image", service["image"]
    yield from _options(_words(service.get("command")))
    mode = deploy.get("mode", "replicated")
    yield "replicas", str(deploy.get("replicas", 1)) if mode == "replicated" else mode
    for key, value in as_mapping(service.get("environment")).items():
        yield f"setting {key}", value
    for key, value in as_mapping(deploy.get("labels")).items():
        yield f"label {key}", value
    for rule in (deploy.get("placement") or {}).get("constraints") or []:
        yield f"placed where {_squeeze(rule)}", "yes"
    for kind, word in (("secrets", "secret"), ("configs", "config")):
        for item in service.get(kind) or []:
            entry = item if isinstance(item, dict) else {"source": item}
            target = entry.get("target", entry["source"])
            yield f"{word} {target}", names[kind].get(entry["source"], entry["source"])


def _of_spec(spec: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    task = spec["TaskTemplate"]
    container = task["ContainerSpec"]
    yield "image", container["Image"]
    yield from _options(container.get("Args") or [])
    mode = spec["Mode"]
    yield (
        "replicas",
        str(mode["Replicated"]["Replicas"]) if "Replicated" in mode else next(iter(mode)).lower(),
    )
    for key, value in as_mapping(container.get("Env") or []).items():
        yield f"setting {key}", value
    for key, value in (spec.get("Labels") or {}).items():
        if not key.startswith(_OF_DOCKER):
            yield f"label {key}", value
    for rule in (task.get("Placement") or {}).get("Constraints") or []:
        yield f"placed where {_squeeze(rule)}", "yes"
    for kind, word in (("Secrets", "Secret"), ("Configs", "Config")):
        for entry in container.get(kind) or []:
            # A config that serves as the engine's own settings has no file.
            if entry.get("File"):
                yield f"{word.lower()} {entry['File']['Name']}", entry[f"{word}Name"]


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """View a command: each --option=value by itself, and all other words together."""
    rest = []
    for word in words:
        option, equals, value = word.partition("=")
        if equals and option.startswith("--"):
            yield f"option {option}", value
        else:
            rest.append(word)
    yield "command", " ".join(rest)


def _words(command: Any) -> list[str]:
    if isinstance(command, str):
        return shlex.split(command)
    return [str(word) for word in command or []]


def _squeeze(rule: str) -> str:
    return re.sub(r"\s*(==|!=)\s*", r" \1 ", rule)


def _short(value: str | None) -> str:
    """Shorten digests to what people compare, and mark empty values."""
    text = re.sub(r"(:[^@:/]+)?@sha256:([0-9a-f]{12})[0-9a-f]{52}", r"\1 (\2)", value or "")
    return text or '""'
