"""Render the stack files: fill in variables, name secrets and configs by their content. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from provisioning.errors import OperatorError
from provisioning.inventory import LETS_ENCRYPT, Inventory
from provisioning.setup.operations import Object

Document = dict[str, Any]

_VARIABLE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>\w+)(?:(?P<how>:?[-?])(?P<rest>[^}]*))?\})")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
SEGMENTS = Path(__file__).parents[2] / "bookstore" / "web" / "segments.toml"
SCALE = "bookstore.scale"  # a service with the label bookstore.scale=live keeps its live replicas


@dataclass(frozen=True)
class Stack:
    """A stack ready to deploy, and the objects it refers to."""

    name: str
    document: Document
    objects: tuple[Object, ...]


def variables(inventory: Inventory, *, image: str, authority: str) -> dict[str, str]:
    """Return what a stack file may name as ${NAME}; `authority` is the ACME server's CA, PEM."""
    cluster = inventory.cluster
    low, high = cluster.replicas
    edges = sum(h.is_edge for h in inventory.host)
    return {
        "NAME": cluster.name,
        "DOMAIN": cluster.domain,
        "PUBLIC_ORIGIN": f"https://{cluster.domain}",
        "ACME_EMAIL": cluster.acme_email,
        "ACME_DIRECTORY": cluster.acme_directory,
        "ACME_CA_PEM": authority,
        # Each authority's are kept apart: a change of it asks for a new certificate.
        "ACME_STORE": _store(cluster.acme_directory),
        "IMAGE": image,
        "REPLICAS": str(low),
        "REPLICAS_MIN": str(low),
        "REPLICAS_MAX": str(high),
        "GROW_HOSTS": "true" if inventory.node_group else "false",
        "STORAGE_PATH": cluster.storage_path,
        "MIRROR": f"{cluster.mirror.rstrip('/')}/" if cluster.mirror else "",
        "EDGES": str(edges),
        # One edge uses Traefik's own resolver; several cannot share its state, so a service issues.
        "CERTIFICATE_RESOLVER": "traefik" if edges == 1 else "",
        "ACME_REPLICAS": "0" if edges == 1 else "1",
        "TRUSTED_IPS": ",".join(cluster.load_balancer),
        **{f"{name.upper()}_SEGMENTS": "|".join(parts) for name, parts in _segments().items()},
    }


def _segments() -> dict[str, list[str]]:
    """Read which first segments of the shop's paths belong to which of its services."""
    return tomllib.loads(SEGMENTS.read_text())


def secret_name(cluster: str, key: str, content: bytes, salt: bytes) -> str:
    """Name a secret so that another content is another name, and neither tells of the other.

    Who sees the names cannot try contents: for that it takes the cluster's salt.
    """
    made = hmac.digest(salt, f"{key}\0".encode() + content, "sha256").hex()[:12]
    return f"{cluster}_{key}_{made}"


def content_name(cluster: str, key: str, content: bytes) -> str:
    """Name a config after what it holds, so that a change of content is a new name."""
    return f"{cluster}_{key}_{hashlib.sha256(content).hexdigest()[:12]}"


def render(
    name: str,
    text: str,
    values: Mapping[str, str],
    secrets: Mapping[str, bytes],
    salt: bytes,
    read: Callable[[str], bytes],
    settings: Mapping[str, str],
) -> Stack:
    """Make a stack from its file's text.

    Secrets that a service of the swarm makes and renews itself (x-managed in the file) keep that
    mark: `alive.fill` names them. `read` gives the files that configs name. `settings` goes into
    the environment of the services that ask for it (x-settings).
    """
    document = _parse(name, text, values)
    cluster = values["NAME"]
    objects = list(_networks(document))
    for service in document["services"].values():
        if service.pop("x-settings", False):
            service["environment"] = {**(service.get("environment") or {}), **settings}
    for key, entry in list((document.get("secrets") or {}).items()):
        entry = entry or {}
        if entry.get("x-managed"):
            continue  # filled in when it is deployed
        if entry.get("x-optional") and key not in secrets:
            forget(document, "secrets", key)
        elif key not in secrets:
            raise OperatorError(
                f'swarm/{name}.yml needs the secret {key}: add {key} = "FILE" under [secrets] in '
                "the inventory."
            )
        else:
            if variable := entry.get("x-variable"):
                _name_file(document, key, variable)
            made = secret_name(cluster, key, secrets[key], salt)
            objects.append(Object("secret", made, secrets[key]))
            document["secrets"][key] = {"external": True, "name": made}
    for key, entry in (document.get("configs") or {}).items():
        if entry.get("external"):
            continue
        content = entry["content"].encode() if "content" in entry else read(entry["file"])
        made = content_name(cluster, key, content)
        objects.append(Object("config", made, content))
        document["configs"][key] = {"external": True, "name": made}
    return Stack(name, document, tuple(objects))


def networks(name: str, text: str, values: Mapping[str, str]) -> tuple[Object, ...]:
    """List the networks that a stack's file refers to and does not make itself."""
    return tuple(_networks(_parse(name, text, values)))


def images(document: Document) -> set[str]:
    """List the images that a stack's services run."""
    return {service["image"] for service in document["services"].values()}


def pin(document: Document, digests: Mapping[str, str]) -> Document:
    """Return the stack with every image named by digest."""
    services = {
        name: {**service, "image": digests.get(service["image"], service["image"])}
        for name, service in document["services"].items()
    }
    return {**document, "services": services}


def as_mapping(value: Any) -> dict[str, str]:
    """Read a Compose list of "KEY=VALUE", or a mapping, as a mapping of strings."""
    if isinstance(value, list):
        return {key: rest for key, _, rest in (str(item).partition("=") for item in value)}
    return {str(k): _text(v) for k, v in (value or {}).items()}


def dump(document: Document) -> str:
    """Write a stack as YAML for `docker stack deploy`, which would fill in variables once more."""
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1000)
    return text.replace("$", "$$")


def _store(directory: str) -> str:
    made = hashlib.sha256(directory.encode()).hexdigest()[:8]
    return "acme" if directory == LETS_ENCRYPT else f"acme-{made}"


def _name_file(document: Document, key: str, variable: str) -> None:
    """Tell the services that use a secret in which file it is."""
    for service in document["services"].values():
        for item in service.get("secrets") or []:
            entry = item if isinstance(item, dict) else {"source": item}
            if entry["source"] == key:
                file = f"/run/secrets/{entry.get('target', key)}"
                service["environment"] = {**(service.get("environment") or {}), variable: file}


def _parse(name: str, text: str, values: Mapping[str, str]) -> Document:
    try:
        parsed = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise OperatorError(f"swarm/{name}.yml is no valid YAML: {error}") from None
    document: Document = _fill(parsed, values, f"swarm/{name}.yml")
    return document


def _networks(document: Document) -> Iterator[Object]:
    for key, entry in (document.get("networks") or {}).items():
        if entry and entry.get("external"):
            encrypted = ("--opt encrypted",) if entry.pop("x-encrypted", False) else ()
            yield Object("network", entry.get("name", key), options=encrypted)


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _fill(value: Any, values: Mapping[str, str], where: str) -> Any:
    """Fill in ${NAME}, ${NAME:-default} and ${NAME:?message} in all strings; $$ is a dollar."""
    if isinstance(value, dict):
        return {_fill(k, values, where): _fill(v, values, where) for k, v in value.items()}
    if isinstance(value, list):
        return [_fill(item, values, where) for item in value]
    if not isinstance(value, str) or "$" not in value:
        return value

    def one(match: re.Match[str]) -> str:
        if match["dollar"]:
            return "$"
        name, how, rest = match["name"], match["how"] or "", match["rest"] or ""
        known = values.get(name)
        if known is not None and (known or not how.startswith(":")):
            return known
        if how.endswith("-"):
            return rest
        hint = f": {rest}" if how.endswith("?") else f". Known are {', '.join(values)}."
        raise OperatorError(f"{where} refers to ${{{name}}}, which has no value{hint}")

    filled = _VARIABLE.sub(one, value)
    # As in Compose, a value that is nothing but a variable may become a number.
    whole = _VARIABLE.fullmatch(value)
    if whole and not whole["dollar"] and _NUMBER.fullmatch(filled):
        return yaml.safe_load(filled)
    return filled


def forget(document: Document, kind: str, key: str) -> None:
    """Drop an optional secret and every reference to it."""
    del document[kind][key]
    for service in document["services"].values():
        kept = [
            item
            for item in service.get(kind) or []
            if (item.get("source") if isinstance(item, dict) else item) != key
        ]
        if kind in service:
            service[kind] = kept
