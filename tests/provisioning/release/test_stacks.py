"""Rendering the stack files."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from provisioning.errors import OperatorError
from provisioning.release.differences import of_stack
from provisioning.release.stacks import Stack, dump, render, secret_name, variables
from tests.provisioning.factories import inventory

SALT = b"a cluster's own"
APP = """
services:
  web:
    image: ${IMAGE}
    command: [serve, "--price=$$5"]
    environment: {ORIGIN: "${PUBLIC_ORIGIN}", LEVEL: "${LEVEL:-info}"}
    secrets: [{source: database_url, target: database_url}]
    networks: [public]
    deploy: {replicas: "${REPLICAS}", labels: {bookstore.scale: live, bookstore.migrate: "true"}}
networks: {public: {external: true, name: "${NAME}_public"}}
secrets: {database_url: {external: true}}
"""


def rendered(text: str = APP, secret: bytes = b"mysql://x") -> Stack:
    values = variables(inventory(), image="web:1", authority="")
    return render("app", text, values, {"database_url": secret}, SALT, lambda name: b"", {})


def view(document: dict[str, Any]) -> dict[str, Any]:
    return dict(of_stack("app", document))


def test_variables_defaults_and_dollars_are_filled_in() -> None:
    web = rendered().document["services"]["web"]
    assert web["environment"] == {"ORIGIN": "https://shop.test", "LEVEL": "info"}
    assert web["deploy"]["replicas"] == 3
    assert web["command"][1] == "--price=$5"
    assert "--price=$$5" in dump(rendered().document)


def test_an_unknown_variable_is_named() -> None:
    with pytest.raises(OperatorError, match=r"refers to \$\{IMGE\}, which has no value"):
        rendered(APP.replace("${IMAGE}", "${IMGE}"))


def test_a_secret_without_a_file_is_named() -> None:
    with pytest.raises(OperatorError, match=r'needs the secret other: add other = "FILE"'):
        rendered(APP.replace("secrets: {", "secrets: {other: {external: true}, "))


def test_secrets_are_named_by_content() -> None:
    one, same, other = (rendered(secret=s).objects[-1].name for s in (b"a", b"a", b"b"))
    assert one == same != other


def test_the_name_of_a_secret_lets_nobody_try_contents() -> None:
    names = {secret_name("shop", "key", b"hunter2", salt) for salt in (b"one", b"two")}
    assert len(names) == 2
    assert not any(hashlib.sha256(b"hunter2").hexdigest()[:12] in name for name in names)
    keys = {secret_name("shop", key, b"same", SALT).rpartition("_")[2] for key in ("a", "b")}
    assert len(keys) == 2
